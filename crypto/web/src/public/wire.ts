/** Envelopes between clients and server (PROTOCOL 9.1). */
import { concat, equal } from "./bytes.ts";
import { decode, encode, splitSequence, type Value, type ValueMap } from "./encoding.ts";
import { type Entry, leafHash, NO_SCOPE, parse, parseErased } from "./entry.ts";
import { ProtocolError } from "./errors.ts";
import { shapeOf } from "./grammar.ts";

export const MAX_ITEM = 61_696;
export const MAX_RECEIPT = 32_768;
export const MAX_SUBMISSION = 1_925_376;

export type Form = "whole" | "withheld" | "erased" | "lost";
const FORMS: readonly Form[] = ["whole", "withheld", "erased", "lost"];

/** A place of a log as a reader gets it. */
export interface Item {
  readonly form: Form;
  readonly seq: number;
  readonly at: number;
  /** 16 bytes; zeros for a control entry. */
  readonly scope: Uint8Array;
  readonly inner: Uint8Array;
  readonly leaf: Uint8Array;
  /** Of the forms whole and erased. */
  readonly entry: Entry | undefined;
}

/** What an author hands in; `wraps` and `shares` are concatenated, or empty. */
export interface Submission {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly sig: Uint8Array;
  readonly wraps: Uint8Array;
  readonly shares: Uint8Array;
}

export interface Receipt {
  readonly seq: number;
  readonly at: number;
  readonly note: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** An entry at its place. */
export function placed(seq: number, at: number, entry: Entry): Item {
  const { scope, inner } = entry;
  const form = entry.bodyBytes === undefined ? "erased" : "whole";
  return { form, seq, at, scope, inner, entry, leaf: leafHash(seq, at, scope, inner) };
}

/** A place of which only the 56-byte form is shown. */
export function hidden(form: "withheld" | "lost", seq: number, at: number, scope: Uint8Array, inner: Uint8Array): Item {
  return { form, seq, at, scope, inner, entry: undefined, leaf: leafHash(seq, at, scope, inner) };
}

export function encodeItem(item: Item): Uint8Array {
  const { form, seq, at, entry } = item;
  const place = [FORMS.indexOf(form), seq, at];
  if (entry === undefined) return encode([...place, item.scope, item.inner]);
  return encode([...place, entry.headerBytes, entry.bodyBytes ?? entry.bodyHash, entry.signature]);
}

/** Raises ProtocolError: what WIRE-1 says of the envelope, then what 3.2 says of h, b and s. */
export function decodeItem(data: Uint8Array): Item {
  const value = decode(data, MAX_ITEM);
  const form = Array.isArray(value) && typeof value[0] === "number" ? FORMS[value[0]] : undefined;
  if (form === undefined) throw new ProtocolError("malformed", "item: no array that begins with a form from 0 to 3");
  shapeOf(`item-${form}`)(value, "item");
  const [, seq, at, first, second, third] = value as [number, number, number, Uint8Array, Uint8Array, Uint8Array];
  if (form === "whole") return placed(seq, at, parse(first, second, third));
  if (form === "erased") return placed(seq, at, parseErased(first, second, third));
  return hidden(form, seq, at, first, second);
}

/** A CBOR sequence of items, each read before the next one is looked at. */
export function decodeItems(data: Uint8Array): Item[] {
  const items: Item[] = [];
  for (const item of splitSequence(data, MAX_ITEM)) items.push(decodeItem(item));
  return items;
}

export function encodeItems(items: readonly Item[]): Uint8Array {
  return concat(...items.map(encodeItem));
}

export function encodeSubmission({ header, body, sig, wraps, shares }: Submission): Uint8Array {
  return encode([header, body, sig, wraps, shares]);
}

export function decodeSubmission(data: Uint8Array): Submission {
  const value = shaped("submission", data, MAX_SUBMISSION) as Uint8Array[];
  const [header, body, sig, wraps, shares] = value as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  return { header, body, sig, wraps, shares };
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encode(receipt as unknown as ValueMap);
}

export function decodeReceipt(data: Uint8Array): Receipt {
  return shaped("receipt", data, MAX_RECEIPT) as unknown as Receipt;
}

function shaped(name: string, data: Uint8Array, maxSize: number): Value {
  const value = decode(data, maxSize);
  shapeOf(name)(value, name);
  return value;
}

export function isControl(item: Item): boolean {
  return equal(item.scope, NO_SCOPE);
}
