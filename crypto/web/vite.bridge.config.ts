/** `test/bridge.ts` as one file that node runs; where it goes is said with --outDir. */
import { defineConfig } from "vite";

export default defineConfig({
  build: { ssr: "test/bridge.ts", target: "node20", minify: false, emptyOutDir: true },
  ssr: { noExternal: true },
  logLevel: "warn",
});
