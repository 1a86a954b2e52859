/**
 * What is sealed in a message or drop (PROTOCOL 8.5, MSG-3).
 *
 * The payload repeats kind, re, prio, ack_by and to always; a header may show them to the server. A
 * difference between the two is a forgery, and is shown as one.
 */
import { equal } from "../public/bytes.ts";
import { decode, encode, isMap, type Value, type ValueMap } from "../public/encoding.ts";
import type { Header } from "../public/entry.ts";
import { ProtocolError } from "../public/errors.ts";
import { shapeOf } from "../public/grammar.ts";

export const MAX_PAYLOAD = 49_135; // the greatest padded size, less the salt and one byte of padding
export const VISIBLE_FIELDS = ["kind", "re", "prio", "ack_by", "to"] as const;

export type VisibleField = (typeof VISIBLE_FIELDS)[number];

/** By its shape in Appendix A. */
export interface Payload extends ValueMap {
  kind: string;
  /** 16 bytes; stays when a message is sealed anew. */
  mid: Uint8Array;
  content: ValueMap;
  /** Leaf hash of what is answered. */
  re?: Uint8Array;
  prio?: string;
  /** ms since 1970 UTC. */
  ack_by?: number;
  to?: Uint8Array[];
}

/** Raise `malformed` for what has not the shape, `wrong_type` for a content that is no map (MSG-3). */
export function checkPayload(payload: ValueMap): asserts payload is Payload {
  const { content } = payload;
  const noMap = content !== undefined && !isMap(content);
  shapeOf("payload")(noMap ? { ...payload, content: {} } : payload, "payload");
  if (noMap) throw new ProtocolError("wrong_type", "payload.content: a map expected");
}

/** Names of the fields that the header shows otherwise than the payload; what it leaves out is no difference. */
export function forgedFields(header: Header, payload: ValueMap): VisibleField[] {
  return VISIBLE_FIELDS.filter((name) => {
    const shown = header[name] as Value | undefined;
    return shown !== undefined && !same(shown, payload[name]);
  });
}

/** The bytes of a payload that may go with this header; raises what `checkPayload` does, and `forged_metadata`. */
export function encodePayload(header: Header, payload: ValueMap): Uint8Array {
  checkPayload(payload);
  const forged = forgedFields(header, payload);
  if (forged.length > 0) {
    throw new ProtocolError(
      "forged_metadata",
      `the header shows another ${forged.join(", ")} than the sealed payload`,
    );
  }
  return encode(payload);
}

/** Read a payload strictly. */
export function decodePayload(data: Uint8Array): Payload {
  const payload = decode(data, MAX_PAYLOAD);
  if (!isMap(payload)) throw new ProtocolError("malformed", "the payload is no map");
  checkPayload(payload);
  return payload;
}

function same(one: Value, other: Value | undefined): boolean {
  if (one instanceof Uint8Array) return other instanceof Uint8Array && equal(one, other);
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, place) => same(item, other[place]))
    );
  }
  return one === other;
}
