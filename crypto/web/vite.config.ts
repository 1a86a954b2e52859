/** The library as one ES module per entry; libsodium, which carries the wasm, is a chunk of its own. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    lib: { entry: { public: "src/public/index.ts" }, formats: ["es"] },
  },
  worker: { format: "es" },
});
