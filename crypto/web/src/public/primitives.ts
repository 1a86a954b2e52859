/** The functions of PROTOCOL 1.3 that need no secret type of their own. All 32-byte outputs are fresh. */
import { concat, utf8 } from "./bytes.ts";
import { sodium } from "./sodium.ts";

export const HASH_SIZE = 32;
export const ZERO_32 = new Uint8Array(32);

const KDF_CONTEXT = "CENcomm1";
const SEPARATOR = Uint8Array.of(0);
const PREFIXES = new Map<string, Uint8Array>(); // a dozen labels, each used per message or device

/** H: SHA-256 over `parts` after one another. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return sodium().crypto_hash_sha256(parts.length === 1 ? parts[0]! : concat(...parts));
}

/** B (FUN-1): BLAKE2b, 32 bytes, keyed with `key[32]`, over label || 0x00 || parts. */
export function keyed(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  let prefix = PREFIXES.get(label);
  if (prefix === undefined) {
    prefix = concat(utf8(label), SEPARATOR);
    PREFIXES.set(label, prefix);
  }
  return sodium().crypto_generichash(HASH_SIZE, concat(prefix, ...parts), key);
}

/** KDF (FUN-2): `crypto_kdf_derive_from_key`, 32 bytes, subkey `index` (u64), context "CENcomm1". */
export function kdf(key: Uint8Array, index: number | bigint): Uint8Array {
  // The wrapper takes numbers below 2^32 alone.
  return sodium().crypto_kdf_derive_from_key(HASH_SIZE, BigInt(index), KDF_CONTEXT, key);
}

/** H("CENcomm/v1/" || label || 0x00 || parts): how ids and leaves are named (1.5, 3.3). */
export function labelled(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(utf8(`CENcomm/v1/${label}`), SEPARATOR, ...parts);
}

/** In constant time; of different lengths: false. */
export function sameSecret(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && sodium().memcmp(one, other);
}
