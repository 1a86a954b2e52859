/** The library as one ES module per entry; libsodium, which carries the wasm, is a chunk of its own. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    lib: {
      entry: {
        public: "src/public/index.ts",
        member: "src/member/index.ts",
        worker: "src/worker/index.ts", // for pages
        "worker-main": "src/worker/main.ts", // what the page's Worker loads
      },
      formats: ["es"],
    },
  },
  worker: { format: "es" },
});
