/**
 * Messages: a payload sealed under its own key, bound to its header (PROTOCOL 8.5).
 *
 * H(header) is in the key and in the associated data: a body that was taken to another author,
 * channel, epoch, log or id does not open (A7, A10, A11). cm makes it open under one key only (A9).
 */
import { concat, equal } from "../public/bytes.ts";
import { encode, type ValueMap } from "../public/encoding.ts";
import type { Entry, Header } from "../public/entry.ts";
import { ProtocolError } from "../public/errors.ts";
import { keyed, sameSecret, sha256 } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";
import type { EpochSecret } from "./epoch.ts";
import { decodePayload, encodePayload, MAX_PAYLOAD, type Payload } from "./payload.ts";
import { cannotOpen, orCannotOpen, seal, TAG_SIZE, unseal } from "./sealing.ts";

export const NONCE_SIZE = 24;
export const SALT_SIZE = 16;
export const PADDED_SIZES = [256, 1024, 4096, 16_384, 32_768, 49_152] as const; // A17

const HEAD_SIZE = NONCE_SIZE + 32; // N || cm
const BODY_SIZES = new Set(PADDED_SIZES.map((size) => HEAD_SIZE + size + TAG_SIZE));

/**
 * The body of a message: N[24] || cm[32] || ct.
 *
 * `header` is the one that will be signed; `nonce` is 24 and `salt` 16 random bytes, for this message
 * alone. Raises `wrong_type` for a header of another type, `wrong_epoch` for one of another epoch
 * than the secret's, `bad_value` for a nonce or salt of another size, `too_large` for a payload over
 * 49,135 bytes, and what `encodePayload` does.
 */
export function sealMessage(
  header: Header,
  secret: EpochSecret,
  payload: ValueMap,
  nonce: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  expectType(header, "message");
  checkEpoch(header, secret);
  const text = encodePayload(header, payload);
  const headerHash = sha256(encode(header as unknown as ValueMap));
  return sealText(messageKey(secret, headerHash), headerHash, text, nonce, salt);
}

/**
 * The payload of a message; raises `cannot_open` whatever is wrong (MSG-1).
 *
 * Call it for accepted entries only: there the signature was verified (A8).
 */
export function openMessage(entry: Entry, secret: EpochSecret): Payload {
  const { header, headerHash, bodyBytes } = entry;
  if (header.type !== "message" || bodyBytes === undefined) throw cannotOpen();
  return orCannotOpen(() => {
    checkEpoch(header, secret);
    return decodePayload(openText(messageKey(secret, headerHash), headerHash, bodyBytes));
  });
}

/** mk = B(K1, "msg", H(header)); who is given it can open this one message. */
export function messageKey(secret: EpochSecret, headerHash: Uint8Array): Uint8Array {
  return keyed(secret.messageKey, "msg", headerHash);
}

/** N || cm || ct of payload bytes under mk; also the end of a drop. */
export function sealText(
  key: Uint8Array,
  headerHash: Uint8Array,
  text: Uint8Array,
  nonce: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  if (nonce.length !== NONCE_SIZE || salt.length !== SALT_SIZE) {
    throw new ProtocolError(
      "bad_value",
      `${nonce.length} bytes of nonce and ${salt.length} of salt read, ${NONCE_SIZE} and ${SALT_SIZE} expected`,
    );
  }
  const cm = keyed(key, "commit", nonce, headerHash);
  const padded = pad(concat(salt, text));
  return concat(nonce, cm, seal(key, nonce, concat(headerHash, cm), padded));
}

/** The payload bytes in `sealText`; raises `cannot_open`. */
export function openText(key: Uint8Array, headerHash: Uint8Array, body: Uint8Array): Uint8Array {
  if (!BODY_SIZES.has(body.length)) throw cannotOpen();
  const nonce = body.subarray(0, NONCE_SIZE);
  const cm = body.subarray(NONCE_SIZE, HEAD_SIZE);
  if (!sameSecret(keyed(key, "commit", nonce, headerHash), cm)) throw cannotOpen(); // before all else (A9)
  const padded = unseal(key, nonce, concat(headerHash, cm), body.subarray(HEAD_SIZE));
  const salted = orCannotOpen(() => sodium().unpad(padded, padded.length));
  if (salted.length < SALT_SIZE) throw cannotOpen();
  return salted.subarray(SALT_SIZE);
}

/** sodium_pad to exactly the least padded size that is longer; raises `too_large`. */
export function pad(salted: Uint8Array): Uint8Array {
  const size = PADDED_SIZES.find((one) => one > salted.length);
  if (size === undefined) {
    throw new ProtocolError(
      "too_large",
      `a payload of ${salted.length - SALT_SIZE} bytes read, at most ${MAX_PAYLOAD} expected`,
    );
  }
  return sodium().pad(salted, size);
}

/** Raise `wrong_epoch` unless the header names the secret's log, channel, epoch and suite (A7). */
export function checkEpoch(header: Header, secret: EpochSecret): void {
  const { log, chan, n, suite } = secret.context;
  const named =
    header.log !== undefined &&
    header.chan !== undefined &&
    equal(header.log, log) &&
    equal(header.chan, chan) &&
    header.epoch === n &&
    header.suite === suite;
  if (!named) {
    throw new ProtocolError(
      "wrong_epoch",
      "the header names another log, channel, epoch or suite than the secret",
    );
  }
}

/** Raise `wrong_type` for a header of another type. */
export function expectType(header: Header, type: string): void {
  if (header.type !== type) {
    throw new ProtocolError("wrong_type", `a header of type ${header.type} read, ${type} expected`);
  }
}
