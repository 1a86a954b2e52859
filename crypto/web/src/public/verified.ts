/** Signatures that another worker of this program has verified; for `src/worker` alone, so `index.ts` leaves it out. */
import type { Entry } from "./entry.ts";

const keys = new WeakMap<Entry, Uint8Array>();

/** The very bytes of which `entry` was read were verified by `key`. */
export function holdVerified(entry: Entry, key: Uint8Array): void {
  keys.set(entry, key);
}

/** The key by which it was verified, if it was. */
export function verifiedBy(entry: Entry): Uint8Array | undefined {
  return keys.get(entry);
}
