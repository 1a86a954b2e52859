/** The worker's script: load it with `new Worker(url, { type: "module" })`. */
import { serve, type Port } from "./serving.ts";

serve(self as unknown as Port);
