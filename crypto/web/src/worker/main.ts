/** The worker's script: load it with `new Worker(url, { type: "module" })`. It starts itself once more, to verify ahead. */
import { type Asker, verifyAhead, type Verifier } from "./ahead.ts";
import { serve, type Port } from "./serving.ts";
import { Session } from "./session.ts";

const VERIFIER = "cencomm-verifier";

function verifier(): Verifier | undefined {
  if (typeof Worker === "undefined" || navigator.hardwareConcurrency < 2) return undefined;
  return new Worker(self.location.href, { type: "module", name: VERIFIER });
}

if (self.name === VERIFIER) verifyAhead(self as unknown as Asker);
else serve(self as unknown as Port, new Session(verifier).handlers);
