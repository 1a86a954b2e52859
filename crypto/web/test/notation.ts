/** Cases of vectors, and the notation of values in them (PROTOCOL 1.7). */
import { compare, fromHex, hex, utf8 } from "../src/public/bytes.ts";
import { isMap, type Value } from "../src/public/encoding.ts";

export type Shown = null | boolean | number | string | Shown[] | { [key: string]: Shown };
export type Inputs = { [name: string]: any };
export type Outcome = { [name: string]: unknown };
export type Op = (inputs: Inputs) => Outcome;

export interface Case {
  readonly name: string;
  readonly rule: string;
  readonly op: string;
  readonly inputs: Inputs;
  readonly intermediate?: { [name: string]: Shown };
  readonly output?: { [name: string]: Shown };
  readonly failure?: string;
}

export interface Scene {
  readonly directory?: string[];
  readonly operation?: string[];
}

export interface Book {
  readonly title: string;
  readonly scenes?: { [name: string]: Scene };
  readonly cases: readonly Case[];
}

/** A CBOR value from its notation. */
export function value(shown: any): Value {
  if (Array.isArray(shown)) return shown.map(value);
  if (typeof shown === "object") {
    if ("hex" in shown) return fromHex(shown.hex);
    if ("int" in shown) return BigInt(shown.int);
    return Object.fromEntries(shown.map.map(([key, item]: [string, unknown]) => [key, value(item)]));
  }
  return shown;
}

/** A CBOR value in its notation. */
export function notation(found: Value): Shown {
  if (found instanceof Uint8Array) return { hex: hex(found) };
  if (typeof found === "bigint") return { int: String(found) };
  if (Array.isArray(found)) return found.map(notation);
  if (isMap(found)) return { map: Object.keys(found).sort(byEncoding).map((key) => [key, notation(found[key]!)]) };
  return found;
}

/** An outcome in the notation of outputs: bytes as hex. */
export function plain(found: any): any {
  if (found instanceof Uint8Array) return hex(found);
  if (found instanceof Map) return Object.fromEntries([...found].map(([key, item]) => [key, plain(item)]));
  if (Array.isArray(found)) return found.map(plain);
  if (found !== null && typeof found === "object") {
    return Object.fromEntries(Object.entries(found).map(([key, item]) => [key, plain(item)]));
  }
  return found;
}

function byEncoding(one: string, other: string): number {
  const [a, b] = [utf8(one), utf8(other)];
  return a.length - b.length || compare(a, b);
}
