/**
 * The one place that loads libsodium. Everything else asks `sodium()`.
 *
 * It is imported at run time, because it starts its WebAssembly while it is evaluated: where that is
 * missing, or a page's policy forbids it, a caller is told so instead of failing to load.
 */
import { CencommError } from "./errors.ts";

export type Sodium = typeof import("libsodium-wrappers-sumo").default;

let loaded: Sodium | undefined;
let loading: Promise<Sodium> | undefined;

/** Load it once; call before anything else here. Raises `crypto_unavailable`; a later call tries anew. */
export function loadSodium(): Promise<Sodium> {
  loading ??= start().catch((error: unknown) => {
    loading = undefined;
    throw new CencommError(
      "crypto_unavailable",
      "libsodium did not start: expected WebAssembly, allowed by the page's policy " +
        `(script-src 'wasm-unsafe-eval'), and a source of randomness; found ${String(error)}`,
      { cause: error },
    );
  });
  return loading;
}

async function start(): Promise<Sodium> {
  if (typeof WebAssembly !== "object") throw new Error("no WebAssembly here");
  // A policy that forbids it is found out here, in words, before the library is evaluated.
  await WebAssembly.compile(EMPTY_MODULE);
  const module = await import("libsodium-wrappers-sumo");
  await module.default.ready;
  loaded = module.default;
  return loaded;
}

// "\0asm", version 1, and nothing else.
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** The library, once `loadSodium` has resolved; else raises `crypto_unavailable`. */
export function sodium(): Sodium {
  if (loaded === undefined) {
    throw new CencommError("crypto_unavailable", "libsodium is asked for before loadSodium() has resolved");
  }
  return loaded;
}
