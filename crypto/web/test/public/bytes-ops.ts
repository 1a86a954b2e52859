/** Ops of PROTOCOL 1, 3, 4, 5, 9: what anybody may compute from bytes alone. */
import { concat, fromHex, hex, utf8 } from "../../src/public/bytes.ts";
import { decode, encode, type ValueMap } from "../../src/public/encoding.ts";
import {
  author,
  channelId,
  type Entry,
  type Header,
  leafHash,
  logId,
  parse,
  parseErased,
  verifySignature,
} from "../../src/public/entry.ts";
import {
  administrationId,
  checkBoxKey,
  checkSigningKey,
  deviceId,
  enrolMessage,
  rootMessage,
  SigningKey,
  verify,
} from "../../src/public/keys.ts";
import { cosign, cosignatures, openCheckpoint, originOf, signCheckpoint, textOf } from "../../src/public/note.ts";
import { kdf, keyed, sha256 } from "../../src/public/primitives.ts";
import { rootOf, Tree, verifyConsistency, verifyInclusion } from "../../src/public/tree.ts";
import {
  decodeItem,
  decodeItems,
  decodeReceipt,
  decodeSubmission,
  encodeItem,
  encodeReceipt,
  encodeSubmission,
} from "../../src/public/wire.ts";
import { type Inputs, notation, type Op, type Outcome, value } from "../notation.ts";

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function same(found: Uint8Array, expected: Uint8Array, what: string): void {
  if (hex(found) !== hex(expected)) throw new Error(`${what}: ${hex(found)} is not ${hex(expected)}`);
}

function checked(check: (key: Uint8Array) => void, name: string): Op {
  return (inputs) => {
    check(fromHex(inputs[name]));
    return {};
  };
}

function encoding(inputs: Inputs): Outcome {
  const data = encode(value(inputs["value"]));
  same(encode(decode(data, 4096)), data, "decoded and encoded anew");
  return { data };
}

function sig(inputs: Inputs): Outcome {
  const key = SigningKey.fromSeed(fromHex(inputs["seed"]));
  const [kind, message] = [inputs["type"], fromHex(inputs["message"])];
  const signature = key.sign(kind, message);
  verify(key.public, kind, signature, message);
  return { public: key.public, signature, signed: concat(utf8(`CENcomm/v1/${kind}\0`), message) };
}

function possession(inputs: Inputs): Outcome {
  const message = enrolMessage(fromHex(inputs["directory"]), fromHex(inputs["person"]), fromHex(inputs["box_pk"]));
  return { proof: SigningKey.fromSeed(fromHex(inputs["seed"])).sign("enrol", message), message };
}

function root(inputs: Inputs): Outcome {
  const message = rootMessage(fromHex(inputs["directory"]), value(inputs["body"]) as ValueMap);
  return { message, hash: message.slice(32) };
}

function authored(inputs: Inputs): Outcome {
  const header = value(inputs["header"]) as unknown as Header;
  const body = value(inputs["body"]) as ValueMap | Uint8Array;
  const key = SigningKey.fromSeed(fromHex(inputs["seed"]));
  const entry = author(header, body, key);
  verifySignature(entry, key.public);
  return {
    header: entry.headerBytes,
    body: entry.bodyBytes,
    sig: entry.signature,
    inner: entry.inner,
    scope: entry.scope,
    header_hash: entry.headerHash,
    body_hash: entry.bodyHash,
  };
}

function parsed(inputs: Inputs): Entry {
  return parse(fromHex(inputs["header"]), fromHex(inputs["body"]), fromHex(inputs["sig"]));
}

function parsedErased(inputs: Inputs): Entry {
  return parseErased(fromHex(inputs["header"]), fromHex(inputs["body_hash"]), fromHex(inputs["sig"]));
}

function verified(read: (inputs: Inputs) => Entry): Op {
  return (inputs) => {
    verifySignature(read(inputs), fromHex(inputs["public"]));
    return {};
  };
}

function grown(leaves: string[]): Tree {
  const tree = new Tree();
  for (const leaf of leaves) tree.append(fromHex(leaf));
  return tree;
}

function inclusion(inputs: Inputs): Outcome {
  const tree = grown(inputs["leaves"]);
  const [index, size] = [inputs["index"], inputs["size"]];
  const [proof, root] = [tree.inclusion(index, size), tree.root(size)];
  verifyInclusion(tree.leaf(index), index, size, proof, root);
  return { proof, root };
}

function consistency(inputs: Inputs): Outcome {
  const tree = grown(inputs["leaves"]);
  const [old, size] = [inputs["old"], inputs["new"]];
  const [proof, oldRoot, newRoot] = [tree.consistency(old, size), tree.root(old), tree.root(size)];
  verifyConsistency(old, oldRoot, size, newRoot, proof);
  return { proof, old_root: oldRoot, new_root: newRoot };
}

function signed(inputs: Inputs): Outcome {
  const origin = originOf(inputs["deployment"], fromHex(inputs["log"]));
  const head = { origin, size: inputs["size"], root: fromHex(inputs["root"]) };
  const key = SigningKey.fromSeed(fromHex(inputs["seed"]));
  const note = signCheckpoint(head, key);
  const opened = openCheckpoint(note, origin, key.public);
  if (opened.size !== head.size) throw new Error("it opens as another head");
  same(opened.root, head.root, "root");
  const keyId = sha256(utf8(`${origin}\n\u0001`), key.public).slice(0, 4);
  return { note: text(note), text: text(textOf(head)), origin, key_id: keyId, public: key.public };
}

function opened(inputs: Inputs): Outcome {
  return { ...openCheckpoint(utf8(inputs["note"]), inputs["origin"], fromHex(inputs["public"])) };
}

function witnessed(inputs: Inputs): Outcome {
  const known = new Map(Object.entries<string>(inputs["witnesses"]).map(([name, key]) => [name, fromHex(key)]));
  return { times: cosignatures(utf8(inputs["note"]), known) };
}

function item(inputs: Inputs): Outcome {
  const data = fromHex(inputs["data"]);
  const read = decodeItem(data);
  same(encodeItem(read), data, "encoded anew");
  const { seq, at, scope, inner, leaf } = read;
  return { seq, at, scope, inner, leaf };
}

function submission(inputs: Inputs): Outcome {
  const data = fromHex(inputs["data"]);
  const read = decodeSubmission(data);
  same(encodeSubmission(read), data, "encoded anew");
  return { ...read };
}

function receipt(inputs: Inputs): Outcome {
  const data = fromHex(inputs["data"]);
  const read = decodeReceipt(data);
  same(encodeReceipt(read), data, "encoded anew");
  return { ...read, note: text(read.note) };
}

/** WIRE-3: the note is the log's, and its tree holds the author's own leaf. */
function receiptVerified(inputs: Inputs): Outcome {
  const read = decodeReceipt(fromHex(inputs["data"]));
  const head = openCheckpoint(read.note, inputs["origin"], fromHex(inputs["public"]));
  const leaf = leafHash(read.seq, read.at, fromHex(inputs["scope"]), fromHex(inputs["inner"]));
  verifyInclusion(leaf, read.seq, head.size, read.proof, head.root);
  return { size: head.size };
}

export const OPS: { [op: string]: Op } = {
  decode: (inputs) => ({ value: notation(decode(fromHex(inputs["data"]), inputs["max_size"])) }),
  encoding,
  B: (inputs) => ({ out: keyed(fromHex(inputs["key"]), inputs["label"], fromHex(inputs["x"])) }),
  KDF: (inputs) => ({ out: kdf(fromHex(inputs["key"]), inputs["i"]) }),
  MTH: (inputs) => ({ root: rootOf(inputs["data"].map(fromHex)) }),
  SIG: sig,
  "signing key": checked(checkSigningKey, "public"),
  "box key": checked(checkBoxKey, "public"),
  verify: (inputs) => {
    verify(fromHex(inputs["public"]), inputs["type"], fromHex(inputs["signature"]), fromHex(inputs["message"]));
    return {};
  },
  "device id": (inputs) => ({ id: deviceId(fromHex(inputs["sign_pk"])) }),
  "administration id": (inputs) => ({ id: administrationId(fromHex(inputs["root"])) }),
  "proof of possession": possession,
  "root message": root,
  author: authored,
  parse: (inputs) => ({ inner: parsed(inputs).inner }),
  "parse zeros": (inputs) => ({
    inner: parse(fromHex(inputs["header"]), new Uint8Array(inputs["zeros"]), new Uint8Array(64)).inner,
  }),
  "parse erased": (inputs) => ({ inner: parsedErased(inputs).inner }),
  "verify entry": verified(parsed),
  "verify erased": verified(parsedErased),
  "log id": (inputs) => ({ id: logId(parsed(inputs)) }),
  "channel id": (inputs) => ({ id: channelId(parsed(inputs)) }),
  leaf: (inputs) => ({
    leaf: leafHash(inputs["seq"], inputs["at"], fromHex(inputs["scope"]), fromHex(inputs["inner"])),
  }),
  roots: (inputs) => ({ root: grown(inputs["leaves"]).root() }),
  inclusion,
  consistency,
  "verify inclusion": (inputs) => {
    const proof = inputs["proof"].map(fromHex);
    verifyInclusion(fromHex(inputs["leaf"]), inputs["index"], inputs["size"], proof, fromHex(inputs["root"]));
    return {};
  },
  "verify consistency": (inputs) => {
    const [oldRoot, newRoot] = [fromHex(inputs["old_root"]), fromHex(inputs["new_root"])];
    verifyConsistency(inputs["old"], oldRoot, inputs["new"], newRoot, inputs["proof"].map(fromHex));
    return {};
  },
  "sign checkpoint": signed,
  "open checkpoint": opened,
  cosign: (inputs) => ({
    note: text(
      cosign(utf8(inputs["note"]), inputs["name"], SigningKey.fromSeed(fromHex(inputs["seed"])), inputs["time_s"]),
    ),
  }),
  cosignatures: witnessed,
  item,
  items: (inputs) => {
    const data = concat(fromHex(inputs["data"]), new Uint8Array(inputs["zeros"] ?? 0));
    return { seqs: decodeItems(data).map((read) => read.seq) };
  },
  submission,
  receipt,
  "verify receipt": receiptVerified,
};
