/**
 * Drops: what a bot seals to a channel that it cannot read (PROTOCOL 8.6, A31).
 *
 * A bot takes the drop key from a rotate that it verified itself and from nowhere else (DRP-2, A45).
 */
import { concat } from "../public/bytes.ts";
import { encode, type ValueMap } from "../public/encoding.ts";
import type { Entry, Header } from "../public/entry.ts";
import { ProtocolError } from "../public/errors.ts";
import { sameSecret, sha256 } from "../public/primitives.ts";
import type { EpochSecret } from "./epoch.ts";
import { checkEpoch, expectType, openText, sealText } from "./message.ts";
import { decodePayload, encodePayload, type Payload } from "./payload.ts";
import { cannotOpen, openBox, orCannotOpen, sealBox, SEALED_BOX_OVERHEAD } from "./sealing.ts";

const KEY_SIZE = 32;
const PLAIN_SIZE = KEY_SIZE + 32; // mk || H(header)
const BOX_SIZE = PLAIN_SIZE + SEALED_BOX_OVERHEAD; // 112

/** What is drawn for one drop and never again. */
export interface DropDraw {
  readonly messageKey: Uint8Array; // 32 bytes
  readonly nonce: Uint8Array; // 24
  readonly salt: Uint8Array; // 16
  readonly ephemeralSeed: Uint8Array; // 32
}

/**
 * The body of a drop: SEAL(mk || H(header), drop_pk)[112] || N[24] || cm[32] || ct.
 *
 * `dropPk` is of the header's channel and epoch. Raises as `sealMessage` does, and `bad_key` for a
 * drop key of small order.
 */
export function sealDrop(header: Header, dropPk: Uint8Array, payload: ValueMap, draw: DropDraw): Uint8Array {
  const { messageKey, nonce, salt, ephemeralSeed } = draw;
  expectType(header, "drop");
  if (messageKey.length !== KEY_SIZE) {
    throw new ProtocolError("bad_value", `a message key of ${messageKey.length} bytes read, ${KEY_SIZE} expected`);
  }
  const text = encodePayload(header, payload);
  const headerHash = sha256(encode(header as unknown as ValueMap));
  const box = sealBox(ephemeralSeed, concat(messageKey, headerHash), dropPk);
  return concat(box, sealText(messageKey, headerHash, text, nonce, salt));
}

/** The payload of an accepted drop; raises `cannot_open` whatever is wrong (DRP-1). */
export function openDrop(entry: Entry, secret: EpochSecret): Payload {
  const { header, headerHash, bodyBytes } = entry;
  if (header.type !== "drop" || bodyBytes === undefined) throw cannotOpen();
  return orCannotOpen(() => {
    checkEpoch(header, secret);
    const plain = openBox(bodyBytes.subarray(0, BOX_SIZE), secret.dropKeys, PLAIN_SIZE);
    if (!sameSecret(plain.subarray(KEY_SIZE), headerHash)) throw cannotOpen(); // another header's box (A45)
    return decodePayload(openText(plain.subarray(0, KEY_SIZE), headerHash, bodyBytes.subarray(BOX_SIZE)));
  });
}
