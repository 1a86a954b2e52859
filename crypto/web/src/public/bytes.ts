/** Byte strings: joined, compared, as numbers and as text. */

const HEX: string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));
const UTF8_ENCODER = new TextEncoder();

/** All `parts` after one another. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    joined.set(part, place);
    place += part.length;
  }
  return joined;
}

/** Not in constant time: for what everybody may know. */
export function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let place = 0; place < one.length; place++) {
    if (one[place] !== other[place]) return false;
  }
  return true;
}

/** Bytewise order; a prefix sorts before what it begins. */
export function compare(one: Uint8Array, other: Uint8Array): number {
  const shared = Math.min(one.length, other.length);
  for (let place = 0; place < shared; place++) {
    const difference = one[place]! - other[place]!;
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Lower-case hex. */
export function hex(data: Uint8Array): string {
  let text = "";
  for (const octet of data) text += HEX[octet]!;
  return text;
}

/** Throws RangeError for what is no hex: only for text that this library wrote itself. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new RangeError(`no hex: ${text.slice(0, 80)}`);
  const data = new Uint8Array(text.length / 2);
  for (let place = 0; place < data.length; place++) {
    data[place] = Number.parseInt(text.slice(2 * place, 2 * place + 2), 16);
  }
  return data;
}

export function utf8(text: string): Uint8Array {
  return UTF8_ENCODER.encode(text);
}

/** An unsigned number as `size` big-endian bytes. */
export function bigEndian(value: number | bigint, size: number): Uint8Array {
  const data = new Uint8Array(size);
  if (typeof value === "number" && value <= 0xffff_ffff) {
    for (let place = size - 1, rest = value; place >= 0; place--, rest >>>= 8) data[place] = rest & 0xff;
    return data;
  }
  for (let place = size - 1, rest = BigInt(value); place >= 0; place--, rest >>= 8n) {
    data[place] = Number(rest & 0xffn);
  }
  return data;
}

export const u8 = (value: number): Uint8Array => bigEndian(value, 1);
export const u16 = (value: number): Uint8Array => bigEndian(value, 2);
export const u32 = (value: number): Uint8Array => bigEndian(value, 4);
export const u64 = (value: number | bigint): Uint8Array => bigEndian(value, 8);
