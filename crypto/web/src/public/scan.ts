/**
 * Reads CBOR once from left to right and refuses at the first offence (PROTOCOL ENC-1 to ENC-8).
 *
 * Builds no value, so bytes of a stranger cost no more than their length.
 */
import { ProtocolError } from "./errors.ts";
import { unassigned } from "./unicode14.ts";

const MAX_DEPTH = 8;
const MAX_KEY_BYTES = 23;

// Major types of RFC 8949 3.1; 0 and 1 are integers, 4 is an array.
const BYTES = 2;
const TEXT = 3;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;

// What needs a head of 1, 2, 4 or 8 more bytes.
const LEAST = [24, 2 ** 8, 2 ** 16, 2 ** 32];

const FALSE = 20;
const TRUE = 21;

// Keeps a byte order mark, which is a character as any other here; refuses what is no UTF-8.
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Check one item at the start of `data`; give the place after it.
 *
 * Bytes after it are an offence unless `among` others (a CBOR sequence). Raises ProtocolError.
 */
export function scan(data: Uint8Array, among = false): number {
  const reader = new Reader(data);
  reader.item(1);
  if (!among && reader.place !== data.length) {
    throw new ProtocolError("malformed", `${data.length - reader.place} bytes after the item; one item expected`);
  }
  return reader.place;
}

class Reader {
  readonly data: Uint8Array;
  place = 0;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  /** One item; an array or map in it is the `depth`-th around itself. */
  item(depth: number): void {
    const head = this.octet();
    const major = head >> 5;
    const info = head & 0x1f;
    if (info > 27) throw this.wrong("malformed", "an indefinite length, a break or a reserved head");
    if (major === TAG) throw this.wrong("wrong_type", "a tag; tags are not allowed");
    if (major === SIMPLE) {
      if (info === FALSE || info === TRUE) return;
      throw this.wrong("wrong_type", "a float, null, undefined or another simple value");
    }
    const number = this.number(info);
    if (major < BYTES) return;
    if (major === BYTES) this.skip(number);
    else if (major === TEXT) this.text(number);
    else {
      if (depth > MAX_DEPTH) throw this.wrong("too_deep", `nesting of more than ${MAX_DEPTH}`);
      if (major === MAP) this.map(number, depth);
      else for (let left = number; left > 0; left--) this.item(depth + 1);
    }
  }

  /** The keys of a map in their order, each followed by its value. */
  private map(size: number, depth: number): void {
    let start = 0;
    let end = 0; // of the key before; none yet
    for (let left = size; left > 0; left--) {
      const at = this.place;
      this.key();
      const stop = this.place;
      if (end !== 0) {
        const order = this.order(start, end, at, stop);
        if (order === 0) throw this.wrong("malformed", "a map key twice");
        if (order > 0) throw this.wrong("not_canonical", "a map key that sorts before the one before it");
      }
      start = at;
      end = stop;
      this.item(depth + 1);
    }
  }

  private key(): void {
    const head = this.octet();
    if (head >> 5 !== TEXT) throw this.wrong("wrong_type", "a map key that is not text");
    const size = this.number(head & 0x1f);
    if (size > MAX_KEY_BYTES) throw this.wrong("too_large", `a map key of ${size} bytes, at most ${MAX_KEY_BYTES}`);
    this.text(size);
  }

  /** The argument of a head (RFC 8949 3): complete, then shortest. Counts above 2^53 end as too few bytes. */
  private number(info: number): number {
    if (info < 24) return info;
    if (info > 27) throw this.wrong("malformed", "an indefinite length or a reserved head");
    const size = 1 << (info - 24);
    this.need(size);
    let value = 0;
    for (let left = size; left > 0; left--) value = value * 256 + this.data[this.place++]!;
    if (value < LEAST[info - 24]!) throw this.wrong("not_canonical", "a number in a longer form than it needs");
    return value;
  }

  private text(size: number): void {
    const start = this.place;
    this.skip(size);
    const octets = this.data.subarray(start, this.place);
    if (isAscii(octets)) return; // which is assigned and normal
    let text: string;
    try {
      text = STRICT_UTF8.decode(octets);
    } catch (error) {
      throw new ProtocolError("malformed", `text at ${start} is not UTF-8`, { cause: error });
    }
    const point = unassigned(text);
    if (point !== undefined) {
      throw this.wrong("malformed", `U+${point.toString(16).toUpperCase()}, which Unicode 14.0 leaves unassigned`);
    }
    if (text.normalize("NFC") !== text) throw this.wrong("not_canonical", "text that is not in NFC");
  }

  private octet(): number {
    this.need(1);
    return this.data[this.place++]!;
  }

  private skip(size: number): void {
    this.need(size);
    this.place += size;
  }

  private need(size: number): void {
    if (size > this.data.length - this.place) {
      throw new ProtocolError("malformed", `the bytes end at ${this.data.length}, ${size} more expected at ${this.place}`);
    }
  }

  /** Bytewise order of two encoded keys. */
  private order(one: number, oneEnd: number, other: number, otherEnd: number): number {
    const shared = Math.min(oneEnd - one, otherEnd - other);
    for (let step = 0; step < shared; step++) {
      const difference = this.data[one + step]! - this.data[other + step]!;
      if (difference !== 0) return difference;
    }
    return oneEnd - one - (otherEnd - other);
  }

  private wrong(code: "malformed" | "wrong_type" | "not_canonical" | "too_deep" | "too_large", what: string): ProtocolError {
    return new ProtocolError(code, `before byte ${this.place}: ${what}`);
  }
}

function isAscii(octets: Uint8Array): boolean {
  for (const octet of octets) if (octet >= 0x80) return false;
  return true;
}
