/**
 * One password, two secrets: one for the server, one that never leaves (PROTOCOL 10.1).
 *
 * The parameters are fixed by the suite; none is taken from a server or a file (A24, A25).
 */

import { u64, utf8 } from "../public/bytes.ts";
import { ProtocolError } from "../public/errors.ts";
import type { SigningKey } from "../public/keys.ts";
import { keyed, labelled, sha256 } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";
import { unassigned } from "../public/unicode14.ts";

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
 * `directory` is all 32 bytes of the directory's id, `account` the person's functional code. Raises
 * `malformed` for a password whose NFC another program could take for another.
 */
export function stretch(password: string, directory: Uint8Array, account: string): Stretched {
  const secret = passwordBytes(password);
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

/** NFC as UTF-8, the same with every version of Unicode (ENC-4). No sentence shows what was typed. */
function passwordBytes(password: string): Uint8Array {
  if (!password.isWellFormed()) {
    throw new ProtocolError("malformed", "the password holds half of a surrogate pair; text expected");
  }
  if (unassigned(password) !== undefined) {
    throw new ProtocolError("malformed", "the password holds a character that Unicode 14.0 does not know; text expected");
  }
  return utf8(password.normalize("NFC"));
}

/** H("CENcomm/v1/login" || 0x00 || directory id[32] || account)[0..16]. */
export function loginSalt(directory: Uint8Array, account: string): Uint8Array {
  return labelled("login", directory, utf8(account)).slice(0, SALT_SIZE);
}

/** What a server asked, and for what a device answers. */
export interface Challenge {
  readonly nonce: Uint8Array; // 32 bytes, the server's
  readonly directory: Uint8Array; // all 32 bytes of the directory's id
  readonly origin: string; // the server's, as browsers write it: "https://host"
  readonly tokenHash: Uint8Array; // H(token[32]); the token is the client's own
  readonly expiry: number; // ms
}

/** H(nonce || directory id || origin || H(token) || u64 expiry) (LOG-3). */
export function challengeMessage(challenge: Challenge): Uint8Array {
  const { nonce, directory, origin, tokenHash, expiry } = challenge;
  return sha256(nonce, directory, utf8(origin), tokenHash, u64(expiry));
}

/** SIG(device, "login", ..) over exactly these bytes; 64 bytes. */
export function signChallenge(challenge: Challenge, device: SigningKey): Uint8Array {
  return device.sign("login", challengeMessage(challenge));
}
