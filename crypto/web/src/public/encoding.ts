/**
 * CBOR of PROTOCOL 1.4: what an author may write and a reader takes.
 *
 * `scan` decides what is accepted and with which code; cborg turns what passed into values, and
 * values into bytes, which are then scanned too: so nothing is written that would not be read.
 *
 * Integers, decided here and nowhere else: one within +-(2^53-1) is a `number`, any other a
 * `bigint`. So two equal integers always have equal types, and `===` and Map keys do what they say.
 */
import { decode as cborDecode, encode as cborEncode } from "cborg";

import { ProtocolError } from "./errors.ts";
import { scan } from "./scan.ts";

export type Value = number | bigint | boolean | string | Uint8Array | Value[] | ValueMap;
export interface ValueMap {
  [key: string]: Value;
}

export const MAX_HEADER = 4096;
export const MAX_BODY = 57_344;

// Where all keys are text, cborg's own order of keys is that of ENC-3, and its fast one.
const ENCODE_OPTIONS = {
  typeEncoders: {
    // cborg would write U+FFFD for half of a surrogate pair.
    bigint(integer: bigint): null {
      if (integer < -(2n ** 64n) || integer >= 2n ** 64n) {
        throw new ProtocolError("wrong_type", `the integer ${integer}; -2^64 to 2^64-1 expected`);
      }
      return null;
    },
    string(text: string): null {
      if (!text.isWellFormed()) throw new ProtocolError("malformed", "text holds half of a surrogate pair");
      return null;
    },
  },
};

/** The deterministic bytes of `value`. Raises ProtocolError with the code that a reader would give. */
export function encode(value: Value): Uint8Array {
  const data = cborEncode(value, ENCODE_OPTIONS);
  scan(data);
  return data;
}

/** The value of exactly `data`. Raises ProtocolError: the first offence from left to right (ENC-8). */
export function decode(data: Uint8Array, maxSize: number): Value {
  if (data.length > maxSize) {
    throw new ProtocolError("too_large", `${data.length} bytes read, at most ${maxSize} expected`);
  }
  scan(data);
  return cborDecode(data) as Value;
}

/**
 * Cut a CBOR sequence (RFC 8742) into the bytes of its items, each as soon as it is asked for.
 *
 * Where an item ends is known once it was read, so what is wrong in it goes before `too_large`.
 */
export function* splitSequence(data: Uint8Array, maxItemSize: number): Generator<Uint8Array> {
  for (let start = 0; start < data.length; ) {
    const end = start + scan(data.subarray(start), true);
    if (end - start > maxItemSize) {
      throw new ProtocolError("too_large", `an item of ${end - start} bytes, at most ${maxItemSize} expected`);
    }
    yield data.subarray(start, end);
    start = end;
  }
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}
