/** Checkpoints and cosignatures as C2SP signed notes (PROTOCOL 5). */
import { concat, equal, hex, u64, utf8 } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";
import { SIGNATURE_SIZE, type SigningKey, verifies } from "./keys.ts";
import { HASH_SIZE, sha256 } from "./primitives.ts";
import { sodium } from "./sodium.ts";

const MAX_NOTE = 16_384;
const KEY_ID_SIZE = 4;
const ED25519 = 1;
const COSIGNATURE = 4;
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// U+2014, a key name as in DIR-1, standard base64.
const SIGNATURE_LINE = /^\u2014 ([^ +]+) ([A-Za-z0-9+/]+={0,2})$/s;
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

interface SignatureLine {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly blob: Uint8Array;
}

/** The name of a log's key and the first line of its notes; `log` is 16 bytes. */
export function originOf(deployment: string, log: Uint8Array): string {
  return `${deployment}/cencomm/${hex(log)}`;
}

/** What is signed: origin, size, root. */
export function textOf(head: Checkpoint): Uint8Array {
  return utf8(`${head.origin}\n${head.size}\n${base64(head.root)}\n`);
}

export function signCheckpoint(head: Checkpoint, key: SigningKey): Uint8Array {
  const text = textOf(head);
  return concat(text, utf8("\n"), line(head.origin, keyIdOf(head.origin, ED25519, key.public), key.signBare(text)));
}

/** Open. Raises `bad_note` (NOTE-2). */
export function openCheckpoint(note: Uint8Array, origin: string, key: Uint8Array): Checkpoint {
  const { text, lines } = parse(note);
  const keyId = keyIdOf(origin, ED25519, key);
  const own = lines.find((line) => line.name === origin && equal(line.keyId, keyId));
  if (own === undefined) throw badNote(`no signature by ${JSON.stringify(origin)}`);
  if (!verifies(key, text, own.blob)) throw badNote(`the signature by ${JSON.stringify(origin)} does not verify`);
  return checkpointOf(text, origin);
}

function checkpointOf(text: Uint8Array, origin: string): Checkpoint {
  const [name, size, root, end, ...more] = decoded(text).split("\n");
  if (end !== "" || more.length !== 0) throw badNote("three lines expected: origin, size, root");
  if (name !== origin) throw badNote(`origin ${JSON.stringify(name)} read, ${JSON.stringify(origin)} expected`);
  if (!DECIMAL.test(size!) || !Number.isSafeInteger(Number(size))) {
    throw badNote(`size ${JSON.stringify(size)} read, a decimal up to 2^53-1 expected`);
  }
  const hash = fromBase64(root!);
  if (hash.length !== HASH_SIZE) throw badNote(`a root of ${hash.length} bytes, ${HASH_SIZE} expected`);
  return { origin, size: Number(size), root: hash };
}

/** The note with one more line by a witness; `time` in seconds (NOTE-3). */
export function cosign(note: Uint8Array, name: string, key: SigningKey, time: number): Uint8Array {
  const { text } = parse(note);
  const signature = key.signBare(cosigned(BigInt(time), text));
  return concat(note, line(name, keyIdOf(name, COSIGNATURE, key.public), concat(u64(time), signature)));
}

/** The latest time, in seconds, at which each of the known witnesses cosigned. Raises `bad_note` (NOTE-3). */
export function cosignatures(
  note: Uint8Array,
  witnesses: ReadonlyMap<string, Uint8Array>,
): Map<string, number | bigint> {
  const { text, lines } = parse(note);
  const times = new Map<string, bigint>();
  for (const { name, keyId, blob } of lines) {
    const key = witnesses.get(name);
    if (key === undefined || !equal(keyId, keyIdOf(name, COSIGNATURE, key))) continue;
    if (blob.length !== 8 + SIGNATURE_SIZE) throw badNote(`a cosignature of ${blob.length} bytes by ${name}`);
    const time = new DataView(blob.buffer, blob.byteOffset).getBigUint64(0);
    if (!verifies(key, cosigned(time, text), blob.subarray(8))) {
      throw badNote(`the cosignature by ${name} does not verify`);
    }
    const before = times.get(name);
    if (before === undefined || time > before) times.set(name, time);
  }
  return new Map([...times].map(([name, time]) => [name, time <= Number.MAX_SAFE_INTEGER ? Number(time) : time]));
}

function cosigned(time: bigint, text: Uint8Array): Uint8Array {
  return concat(utf8(`cosignature/v1\ntime ${time}\n`), text);
}

/** Text up to the last empty line, and the signature lines after it. */
function parse(note: Uint8Array): { text: Uint8Array; lines: SignatureLine[] } {
  if (note.length > MAX_NOTE) throw badNote(`${note.length} bytes, at most ${MAX_NOTE} expected`);
  const whole = decoded(note);
  const gap = whole.lastIndexOf("\n\n");
  if (gap < 0) throw badNote("no empty line between text and signatures");
  const signatures = whole.slice(gap + 2);
  if (!signatures.endsWith("\n")) throw badNote("no newline at the end");
  const lines = signatures.slice(0, -1).split("\n").map(parseLine);
  return { text: utf8(whole.slice(0, gap + 1)), lines };
}

function parseLine(line: string): SignatureLine {
  const match = SIGNATURE_LINE.exec(line);
  if (match === null) throw badNote(`signature line ${JSON.stringify(line.slice(0, 80))}`);
  const blob = fromBase64(match[2]!);
  if (blob.length <= KEY_ID_SIZE) throw badNote(`${blob.length} bytes in a signature line; a key id and more expected`);
  return { name: match[1]!, keyId: blob.subarray(0, KEY_ID_SIZE), blob: blob.subarray(KEY_ID_SIZE) };
}

function line(name: string, keyId: Uint8Array, blob: Uint8Array): Uint8Array {
  return utf8(`\u2014 ${name} ${base64(concat(keyId, blob))}\n`);
}

function keyIdOf(name: string, algorithm: number, key: Uint8Array): Uint8Array {
  return sha256(utf8(`${name}\n`), Uint8Array.of(algorithm), key).subarray(0, KEY_ID_SIZE);
}

function decoded(text: Uint8Array): string {
  try {
    return STRICT_UTF8.decode(text);
  } catch (error) {
    throw new ProtocolError("bad_note", "note: not UTF-8", { cause: error });
  }
}

function base64(data: Uint8Array): string {
  return sodium().to_base64(data, sodium().base64_variants.ORIGINAL);
}

/** RFC 4648 4 with padding, in its one spelling. */
function fromBase64(text: string): Uint8Array {
  let data: Uint8Array;
  try {
    data = sodium().from_base64(text, sodium().base64_variants.ORIGINAL);
  } catch (error) {
    throw new ProtocolError("bad_note", `note: ${JSON.stringify(text.slice(0, 80))} is no base64`, { cause: error });
  }
  if (base64(data) !== text) throw badNote("base64 in another than its one spelling");
  return data;
}

function badNote(what: string): ProtocolError {
  return new ProtocolError("bad_note", `note: ${what}`);
}
