/** Entries: header, body, signature, and the hashes made of them (PROTOCOL 3). */
import { concat, equal, u64, utf8 } from "./bytes.ts";
import { decode, encode, isMap, MAX_BODY, MAX_HEADER, type Value, type ValueMap } from "./encoding.ts";
import { ProtocolError } from "./errors.ts";
import { shapeOf } from "./grammar.ts";
import { ID_SIZE, SIGNATURE_SIZE, type SigningKey, verify } from "./keys.ts";
import { HASH_SIZE, labelled, sha256 } from "./primitives.ts";
import { BODY_IS_BYTES, hasChannel, hasEpoch, isGenesis, isKnownType, needsDir } from "./types.ts";
import { verifiedBy } from "./verified.ts";

/** A head of a log: how many entries, and the tree's root over them. */
export type Head = readonly [size: number, root: Uint8Array];

/** As decoded; keys and limits in Appendix A. */
export interface Header {
  readonly v: number;
  readonly suite: number;
  readonly type: string;
  readonly device: Uint8Array;
  readonly id: Uint8Array;
  readonly time: number;
  readonly seen: Head;
  readonly dir?: Head;
  readonly log?: Uint8Array;
  readonly chan?: Uint8Array;
  readonly epoch?: number;
  readonly kind?: string;
  readonly re?: Uint8Array;
  readonly prio?: string;
  readonly ack_by?: number;
  readonly to?: readonly Uint8Array[];
}

export interface Entry {
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  readonly headerHash: Uint8Array;
  /** Absent once erased (ENT-8). */
  readonly bodyBytes: Uint8Array | undefined;
  readonly bodyHash: Uint8Array;
  /** Decoded, but for message and drop, whose bodies are bytes. */
  readonly body: ValueMap | undefined;
  readonly signature: Uint8Array;
  readonly inner: Uint8Array;
  /** 16 bytes: the channel's id, or zeros for a control entry. */
  readonly scope: Uint8Array;
}

export const NO_SCOPE = new Uint8Array(ID_SIZE);
const VERSION = 1;
const SUITE = 1;
const LEAF_PREFIX = concat(Uint8Array.of(0), utf8("CENcomm/v1/leaf\0"));

/** 3.2 Author: sign, and read back as a reader would. `body` is bytes for message and drop. */
export function author(header: Header, body: ValueMap | Uint8Array, key: SigningKey): Entry {
  const headerBytes = encode(header as unknown as ValueMap);
  const bodyBytes = body instanceof Uint8Array ? body : encode(body);
  const signature = key.sign("entry", sha256(headerBytes), sha256(bodyBytes));
  return parse(headerBytes, bodyBytes, signature);
}

/** 3.2 Parse, in its order. Raises ProtocolError with the code of the first failure. */
export function parse(headerBytes: Uint8Array, bodyBytes: Uint8Array, signature: Uint8Array): Entry {
  const header = parseHeader(headerBytes);
  if (bodyBytes.length > MAX_BODY) {
    throw new ProtocolError("too_large", `a body of ${bodyBytes.length} bytes, at most ${MAX_BODY} expected`);
  }
  const body = BODY_IS_BYTES.has(header.type) ? undefined : parseBody(header.type, bodyBytes);
  return whole(header, headerBytes, bodyBytes, sha256(bodyBytes), body, signature);
}

/** An entry whose body was erased: `bodyHash[32]` in its place (ENT-8). */
export function parseErased(headerBytes: Uint8Array, bodyHash: Uint8Array, signature: Uint8Array): Entry {
  const header = parseHeader(headerBytes);
  if (!BODY_IS_BYTES.has(header.type)) {
    throw new ProtocolError("malformed", `the body of a ${header.type} is gone; only those of message and drop may be`);
  }
  if (bodyHash.length !== HASH_SIZE) {
    throw new ProtocolError("malformed", `a body hash of ${bodyHash.length} bytes, ${HASH_SIZE} expected`);
  }
  return whole(header, headerBytes, undefined, bodyHash, undefined, signature);
}

function whole(
  header: Header,
  headerBytes: Uint8Array,
  bodyBytes: Uint8Array | undefined,
  bodyHash: Uint8Array,
  body: ValueMap | undefined,
  signature: Uint8Array,
): Entry {
  if (signature.length !== SIGNATURE_SIZE) {
    throw new ProtocolError("malformed", `a signature of ${signature.length} bytes, ${SIGNATURE_SIZE} expected`);
  }
  const headerHash = sha256(headerBytes);
  const inner = sha256(headerHash, bodyHash, signature);
  return {
    header,
    headerBytes,
    headerHash,
    bodyBytes,
    bodyHash,
    body,
    signature,
    inner,
    scope: header.chan ?? NO_SCOPE,
  };
}

/** Steps 1 to 10. */
export function parseHeader(headerBytes: Uint8Array): Header {
  const map = mapOf(decode(headerBytes, MAX_HEADER), "header");
  const version = map["v"];
  if ((typeof version === "number" || typeof version === "bigint") && version !== VERSION) {
    throw new ProtocolError("unknown_version", `protocol version ${version} read, ${VERSION} expected`);
  }
  shapeOf("header")(map, "header");
  const header = map as unknown as Header;
  if (header.suite !== SUITE) {
    throw new ProtocolError("unknown_version", `suite ${header.suite} read, ${SUITE} expected`);
  }
  const type = header.type;
  if (!isKnownType(type)) throw new ProtocolError("unknown_type", `entry type ${JSON.stringify(type)}`);
  presence("log", header.log, !isGenesis(type), type, "malformed");
  presence("chan", header.chan, hasChannel(type), type, "wrong_scope");
  presence("epoch", header.epoch, hasEpoch(type), type, "malformed");
  const dir = needsDir(type); // of log.restored either, as its log asks for
  if (dir !== undefined) presence("dir", header.dir, dir, type, "malformed");
  return header;
}

/** ENT-5. */
function presence(
  key: string,
  value: unknown,
  expected: boolean,
  type: string,
  code: "malformed" | "wrong_scope",
): void {
  if ((value !== undefined) !== expected) {
    throw new ProtocolError(code, `header.${key} is ${expected ? "missing" : "present"} in a ${type}`);
  }
}

function parseBody(type: string, bodyBytes: Uint8Array): ValueMap {
  const body = mapOf(decode(bodyBytes, MAX_BODY), "body");
  shapeOf(type)(body, "body");
  return body;
}

function mapOf(value: Value, what: string): ValueMap {
  if (!isMap(value)) throw new ProtocolError("malformed", `the ${what} is no map`);
  return value;
}

/** Raise `bad_signature` unless the entry is signed by `key` (ENT-1, A8). */
export function verifySignature(entry: Entry, key: Uint8Array): void {
  const by = verifiedBy(entry);
  if (by !== undefined && equal(by, key)) return;
  verify(key, "entry", entry.signature, entry.headerHash, entry.bodyHash);
}

/** The leaf hash of the tree, which is also an entry's name in bodies (3.3). */
export function leafHash(seq: number, at: number | bigint, scope: Uint8Array, inner: Uint8Array): Uint8Array {
  return sha256(LEAF_PREFIX, u64(seq), u64(at), scope, inner);
}

/** All 32 bytes; headers name the first 16. */
export function logId(genesis: Entry): Uint8Array {
  return labelled("log", genesis.headerHash, genesis.bodyHash);
}

/** 16 bytes: of a channel.create, or of an operation's genesis for its main channel. */
export function channelId(entry: Entry): Uint8Array {
  return labelled("chan", entry.headerHash, entry.bodyHash).slice(0, ID_SIZE);
}
