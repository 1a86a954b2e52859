/**
 * Shapes of decoded values, compiled from the grammar of PROTOCOL Appendix A itself.
 *
 * Knows the few forms of CDDL (RFC 8610) that the appendix uses. Maps are closed, and text holds no
 * control characters. Whatever does not fit is `malformed`, with the path of what was read.
 */
import { isMap, type Value } from "./encoding.ts";
import { ProtocolError } from "./errors.ts";

/** Raises `malformed` unless `value` fits; `path` names it in the sentence. */
export type Shape = (value: Value | undefined, path: string) => void;

/** One rule's right-hand side as a check. Throws SyntaxError for what is not in the subset. */
export function compile(cddl: string): Shape {
  return new Compiler(cddl).whole();
}

const TOKEN = /\s*("[^"]*"|\.\.|\.size|=>|[0-9]+|[a-z_]+|[{}[\](),:?*/])/y;

class Compiler {
  readonly #tokens: string[] = [];
  #place = 0;

  constructor(cddl: string) {
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(cddl); match !== null; match = TOKEN.exec(cddl)) this.#tokens.push(match[1]!);
  }

  whole(): Shape {
    const shape = this.#choice();
    if (this.#place !== this.#tokens.length) throw this.#unexpected("the end");
    return shape;
  }

  /** One form, or several with "/" between them: all words, or all sizes of bytes. */
  #choice(): Shape {
    const start = this.#place;
    const shapes = [this.#form()];
    while (this.#takes("/")) shapes.push(this.#form());
    if (shapes.length === 1) return shapes[0]!;
    const expected = this.#tokens.slice(start, this.#place).join(" ");
    return (value, path) => {
      if (!shapes.some((shape) => fits(shape, value))) throw misfit(path, value, expected);
    };
  }

  #form(): Shape {
    const token = this.#next();
    if (token === "{") return this.#map();
    if (token === "[") return this.#array();
    if (token === "bool") return kind("a boolean", (value) => typeof value === "boolean");
    if (token === "any") return kind("a value", (value) => value !== undefined);
    if (token === "uint") return integer(0, 2n ** 64n - 1n);
    if (token === "bstr") return bytes(...this.#sizes());
    if (token === "tstr") return text(...this.#sizes());
    if (token.startsWith('"')) {
      const word = token.slice(1, -1);
      return kind(token, (value) => value === word);
    }
    const least = this.#integer(token);
    return integer(least, this.#takes("..") ? this.#integer(this.#next()) : least);
  }

  #sizes(): [number, number] {
    this.#expect(".size");
    const open = this.#takes("(");
    const least = Number(this.#integer(this.#next()));
    if (!open) return [least, least];
    this.#expect("..");
    const most = Number(this.#integer(this.#next()));
    this.#expect(")");
    return [least, most];
  }

  #map(): Shape {
    const required: [string, Shape][] = [];
    const optional = new Map<string, Shape>();
    let open = false;
    while (!this.#takes("}")) {
      if (this.#takes("*")) {
        for (const token of ["tstr", "=>", "any"]) this.#expect(token);
        open = true;
      } else {
        const maybe = this.#takes("?");
        const key = this.#next();
        this.#expect(":");
        const shape = this.#choice();
        if (maybe) optional.set(key, shape);
        else required.push([key, shape]);
      }
      this.#takes(",");
    }
    const names = new Set(required.map(([key]) => key));
    return (value, path) => {
      if (!isMap(value)) throw misfit(path, value, "a map");
      for (const [key, shape] of required) {
        if (!Object.hasOwn(value, key)) throw new ProtocolError("malformed", `${path}.${key}: missing`);
        shape(value[key], `${path}.${key}`);
      }
      if (open) return;
      for (const key of Object.keys(value)) {
        if (names.has(key)) continue;
        const shape = optional.get(key);
        if (shape === undefined) {
          const known = [...names, ...optional.keys()].sort().join(", ") || "no key at all";
          throw new ProtocolError("malformed", `${path}.${JSON.stringify(key)}: unknown key; expected ${known}`);
        }
        shape(value[key], `${path}.${key}`);
      }
    };
  }

  /** "[n*m item]", or one form per place. */
  #array(): Shape {
    if (this.#tokens[this.#place + 1] === "*") {
      const least = Number(this.#next());
      this.#expect("*");
      const most = Number(this.#next());
      const item = this.#choice();
      this.#expect("]");
      return (value, path) => {
        if (!Array.isArray(value)) throw misfit(path, value, "an array");
        if (value.length < least || value.length > most) {
          throw new ProtocolError("malformed", `${path}: ${value.length} items read, ${least} to ${most} expected`);
        }
        for (let place = 0; place < value.length; place++) item(value[place], `${path}[]`);
      };
    }
    const items: Shape[] = [];
    do items.push(this.#choice());
    while (this.#takes(","));
    this.#expect("]");
    return (value, path) => {
      if (!Array.isArray(value) || value.length !== items.length) {
        throw misfit(path, value, `an array of ${items.length}`);
      }
      for (let place = 0; place < items.length; place++) items[place]!(value[place], `${path}[${place}]`);
    };
  }

  #integer(token: string): bigint {
    if (!/^[0-9]+$/.test(token)) throw this.#unexpected("a number");
    return BigInt(token);
  }

  #next(): string {
    const token = this.#tokens[this.#place++];
    if (token === undefined) throw this.#unexpected("more");
    return token;
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#place] !== token) return false;
    this.#place++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#takes(token)) throw this.#unexpected(token);
  }

  #unexpected(expected: string): SyntaxError {
    return new SyntaxError(`grammar: ${expected} expected at token ${this.#place} of ${this.#tokens.join(" ")}`);
  }
}

function kind(expected: string, holds: (value: Value | undefined) => boolean): Shape {
  return (value, path) => {
    if (!holds(value)) throw misfit(path, value, expected);
  };
}

/** Bounds as bigint; numbers are compared as numbers where they are exact. */
function integer(least: bigint | number, most: bigint): Shape {
  const low = Number(least);
  return (value, path) => {
    const fitting =
      typeof value === "number" ? value >= low && value <= Number(most) : typeof value === "bigint" && value >= BigInt(least) && value <= most;
    if (!fitting) throw misfit(path, value, `${least}..${most}`);
  };
}

function bytes(least: number, most: number): Shape {
  return (value, path) => {
    if (!(value instanceof Uint8Array)) throw misfit(path, value, "bytes");
    if (value.length < least || value.length > most) {
      throw new ProtocolError("malformed", `${path}: ${value.length} bytes read, ${least} to ${most} expected`);
    }
  };
}

function text(least: number, most: number): Shape {
  return (value, path) => {
    if (typeof value !== "string") throw misfit(path, value, "text");
    const size = utf8Size(value);
    if (size < least || size > most) {
      throw new ProtocolError("malformed", `${path}: ${size} bytes of text read, ${least} to ${most} expected`);
    }
    if (CONTROL.test(value)) throw new ProtocolError("malformed", `${path}: a control character in text`);
  };
}

const CONTROL = /[\u0000-\u001f\u007f]/;

function utf8Size(value: string): number {
  let size = value.length;
  for (let place = 0; place < value.length; place++) {
    const unit = value.charCodeAt(place);
    if (unit >= 0x80) size += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1; // a pair: 2 units, 4 bytes
  }
  return size;
}

function fits(shape: Shape, value: Value | undefined): boolean {
  try {
    shape(value, "");
    return true;
  } catch {
    return false;
  }
}

function misfit(path: string, value: Value | undefined, expected: string): ProtocolError {
  const read =
    value instanceof Uint8Array
      ? `${value.length} bytes`
      : Array.isArray(value)
        ? `an array of ${value.length}`
        : isMap(value)
          ? "a map"
          : String(value).slice(0, 60);
  return new ProtocolError("malformed", `${path}: ${JSON.stringify(read)} read, ${expected} expected`);
}
