/**
 * One password, two secrets: one for the server, one that never leaves (PROTOCOL 10.1).
 *
 * The parameters are fixed by the suite; none is taken from a server or a file (A24, A25).
 */

import { utf8 } from "../public/bytes.ts";
import { keyed, labelled } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";

const PASSES = 3; // t
const MEMORY_BYTES = 64 * 1024 * 1024; // m; libsodium has one lane, p = 1
const SALT_SIZE = 16;
const OUTPUT_SIZE = 64;
const KEY_SIZE = 32;
const ARGON2ID13 = 2;

/** What a password gives for one account of one deployment. */
export interface Stretched {
  /** Sent to the server, which keeps argon2id of it. */
  readonly login: Uint8Array;
  /** Never leaves the device. */
  readonly vault: Uint8Array;
}

/**
 * Argon2id over the password in NFC; takes about a second and 64 MiB.
 *
 * `directory` is all 32 bytes of the directory's id, `account` the person's functional code.
 */
export function stretch(password: string, directory: Uint8Array, account: string): Stretched {
  const secret = utf8(password.normalize("NFC"));
  const out = sodium().crypto_pwhash(
    OUTPUT_SIZE,
    secret,
    loginSalt(directory, account),
    PASSES,
    MEMORY_BYTES,
    ARGON2ID13,
  );
  const key = out.subarray(0, KEY_SIZE);
  const rest = out.subarray(KEY_SIZE);
  const found = { login: keyed(key, "login", rest), vault: keyed(key, "vault", rest) };
  sodium().memzero(secret);
  sodium().memzero(out);
  return found;
}

/** H("CENcomm/v1/login" || 0x00 || directory id[32] || account)[0..16]. */
export function loginSalt(directory: Uint8Array, account: string): Uint8Array {
  return labelled("login", directory, utf8(account)).slice(0, SALT_SIZE);
}
