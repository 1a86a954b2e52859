/**
 * Results: what people made of a bot's hit, sealed to the bot's device alone (PROTOCOL 8.11).
 *
 * The box is bound to the header that carries it, the drop and the device: in another entry it does
 * not open (A45), and nobody posts it as their own (A10).
 */
import { concat, utf8 } from "../public/bytes.ts";
import { decode, encode, isMap, type ValueMap } from "../public/encoding.ts";
import type { Entry, Header } from "../public/entry.ts";
import { shapeOf } from "../public/grammar.ts";
import type { BoxKey } from "../public/keys.ts";
import type { ResultBody } from "../public/operation/results.ts";
import { sameSecret, sha256 } from "../public/primitives.ts";
import { sodium } from "../public/sodium.ts";
import { expectType } from "./message.ts";
import { cannotOpen, openBox, orCannotOpen, sealBox } from "./sealing.ts";

const TYPE = "drop.result";
const PADDED_SIZE = 224; // whatever the result: its size shows nothing (A17)
const BIND_SIZE = 32;
const PLAIN_SIZE = BIND_SIZE + PADDED_SIZE;
const TAG = utf8("CENcomm/v1/result\0");

/** By its shape in Appendix A. */
export interface Result extends ValueMap {
  /** "promoted", "dismissed", "merged", or a word of a later version. */
  outcome: string;
  /** A word of a code list. */
  reason?: string;
}

/** What a result is about and whom it is for. */
export interface ResultFor {
  /** Leaf hash of the drop. */
  readonly drop: Uint8Array;
  readonly device: Uint8Array;
  /** The device's present one. */
  readonly boxPk: Uint8Array;
}

/**
 * The body of a drop.result (DRR-2); `ephemeralSeed` is 32 random bytes for this one.
 *
 * Raises `wrong_type` for a header of another type, `malformed` for a result off its shape, `bad_key`
 * for a key of small order.
 */
export function sealResult(header: Header, to: ResultFor, result: ValueMap, ephemeralSeed: Uint8Array): ResultBody {
  expectType(header, TYPE);
  shapeOf("result")(result, "result");
  const headerHash = sha256(encode(header as unknown as ValueMap));
  const plain = concat(bind(headerHash, to.drop, to.device), sodium().pad(encode(result), PADDED_SIZE));
  return { re: to.drop, device: to.device, box: sealBox(ephemeralSeed, plain, to.boxPk) };
}

/** What an accepted drop.result says; raises `cannot_open` whatever is wrong (DRR-3). */
export function openResult(entry: Entry, key: BoxKey): Result {
  const { header, headerHash } = entry;
  if (header.type !== TYPE || entry.body === undefined) throw cannotOpen();
  const body = entry.body as unknown as ResultBody;
  const plain = openBox(body.box, key, PLAIN_SIZE);
  if (!sameSecret(plain.subarray(0, BIND_SIZE), bind(headerHash, body.re, body.device))) throw cannotOpen();
  return orCannotOpen(() => {
    const said = decode(sodium().unpad(plain.subarray(BIND_SIZE), PADDED_SIZE), PADDED_SIZE);
    if (!isMap(said)) throw cannotOpen();
    shapeOf("result")(said, "result");
    return said as Result;
  });
}

function bind(headerHash: Uint8Array, drop: Uint8Array, device: Uint8Array): Uint8Array {
  return sha256(concat(TAG, headerHash, drop, device));
}
