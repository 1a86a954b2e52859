/** What a page measures: each of our calls beside the bare libsodium calls in it, in turns, the best of several. */
import { EpochContext, EpochSecret } from "../src/member/epoch.ts";
import { messageKey, pad, sealMessage, sealText } from "../src/member/message.ts";
import { encodePayload } from "../src/member/payload.ts";
import { concat, hex, utf8 } from "../src/public/bytes.ts";
import { encode, splitSequence, type ValueMap } from "../src/public/encoding.ts";
import { author, type Entry, type Header, logId, parse, verifySignature } from "../src/public/entry.ts";
import { deviceId, SigningKey } from "../src/public/keys.ts";
import { sha256, ZERO_32 } from "../src/public/primitives.ts";
import { DirectoryLog, OperationLog } from "../src/public/replay.ts";
import { loadSodium, type Sodium } from "../src/public/sodium.ts";
import { decodeItems, MAX_ITEM } from "../src/public/wire.ts";
import { CryptoWorker } from "../src/worker/index.ts";
import "../test/worker/page.ts"; // its rotation is measured too

const TURNS = 150;
const VERIFIED_EACH = 20; // calls of a turn, a few ms: short ones find a quiet moment
const SEALED_EACH = 150;
const PAYLOAD_BYTES = 600;

/** Best us of one call of each. */
function sideBySide(each: number, ours: () => void, bare: () => void): { us: number; bareUs: number } {
  const best = [Infinity, Infinity];
  for (let turn = 0; turn <= TURNS; turn++) {
    [ours, bare].forEach((call, place) => {
      const started = performance.now();
      for (let left = each; left > 0; left--) call();
      const us = ((performance.now() - started) * 1000) / each;
      if (turn > 0) best[place] = Math.min(best[place]!, us); // the first one is compiled
    });
  }
  return { us: best[0]!, bareUs: best[1]! };
}

const key = (): SigningKey => SigningKey.fromSeed(new Uint8Array(32).fill(7));

function header(secret: EpochSecret): Header {
  const { log, chan, n } = secret.context;
  const id = new Uint8Array(16).fill(3);
  const head = [5000, new Uint8Array(32).fill(9)] as const;
  return { v: 1, suite: 1, type: "message", device: deviceId(key().public), id, time: 1.8e12, seen: head, dir: head, log, chan, epoch: n };
}

function madeSecret(): EpochSecret {
  const id = (octet: number): Uint8Array => new Uint8Array(16).fill(octet);
  return new EpochSecret(new Uint8Array(32).fill(5), new EpochContext(id(1), id(2), 1, ZERO_32));
}

function madePayload(): ValueMap {
  const payload = { kind: "MSG", mid: new Uint8Array(16), content: { text: "" } };
  payload.content.text = "x".repeat(PAYLOAD_BYTES - encode(payload).length - 2);
  return payload;
}

function madeEntry(secret: EpochSecret): Entry {
  const [nonce, salt] = [new Uint8Array(24), new Uint8Array(16)];
  return author(header(secret), sealMessage(header(secret), secret, madePayload(), nonce, salt), key());
}

/** A signature of an entry; and the entry read from its bytes, then its signature. */
async function verifying(): Promise<unknown> {
  const bareVerify = (await loadSodium()).crypto_sign_verify_detached;
  const entry = madeEntry(madeSecret());
  const { headerBytes, bodyBytes, signature } = entry;
  const publicKey = key().public;
  const signed = concat(utf8("CENcomm/v1/entry\0"), entry.headerHash, entry.bodyHash);
  const bare = (): void => {
    if (!bareVerify(signature, signed, publicKey)) throw new Error("a bad signature");
  };
  return {
    signature: sideBySide(VERIFIED_EACH, () => verifySignature(entry, publicKey), bare),
    fromBytes: sideBySide(VERIFIED_EACH, () => verifySignature(parse(headerBytes, bodyBytes!, signature), publicKey), bare),
  };
}

/** The calls that sealing takes: two keyed BLAKE2b, padding and the AEAD. */
function bareSeal(na: Sodium, k1: Uint8Array, headerHash: Uint8Array, text: Uint8Array): () => void {
  const [nonce, salt] = [new Uint8Array(24), new Uint8Array(16)];
  const [msg, commit] = [utf8("msg\0"), utf8("commit\0")];
  return () => {
    const mk = na.crypto_generichash(32, concat(msg, headerHash), k1);
    const cm = na.crypto_generichash(32, concat(commit, nonce, headerHash), mk);
    const padded = na.pad(concat(salt, text), 1024);
    const ad = concat(headerHash, cm);
    concat(nonce, cm, na.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, ad, null, nonce, mk));
  };
}

/** Payload bytes under an epoch; and a payload, with its CBOR and its header's hash. */
async function sealing(): Promise<unknown> {
  const na = await loadSodium();
  const [secret, payload] = [madeSecret(), madePayload()];
  const own = header(secret);
  const text = encodePayload(own, payload);
  if (pad(concat(new Uint8Array(16), text)).length !== 1024) throw new Error("another padded size");
  const headerHash = sha256(encode(own as unknown as ValueMap));
  const [nonce, salt] = [new Uint8Array(24), new Uint8Array(16)];
  const bare = bareSeal(na, secret.messageKey, headerHash, text);
  return {
    text: sideBySide(SEALED_EACH, () => sealText(messageKey(secret, headerHash), headerHash, text, nonce, salt), bare),
    message: sideBySide(SEALED_EACH, () => sealMessage(own, secret, payload, nonce, salt), bare),
  };
}

/** As a page has it done: by a worker, that has a second one verify ahead. */
async function followed(directory: Uint8Array, operation: Uint8Array): Promise<{ ms: number; root: string }> {
  const worker = await CryptoWorker.start(new Worker("/worker.js", { type: "module" }));
  const [known, items] = [directory, operation].map((log) => [...splitSequence(log, MAX_ITEM)]) as [Uint8Array[], Uint8Array[]];
  const [pin, id] = [directory, operation].map((log) => logId(decodeItems(log)[0]!.entry!)) as [Uint8Array, Uint8Array];
  const started = performance.now();
  await worker.call("directory", { id: pin, items: known });
  const told = await worker.call("operation", { id, items });
  const ms = performance.now() - started;
  worker.end();
  if (told.stopped !== undefined || told.rejected.length > 0) throw new Error(JSON.stringify(told));
  return { ms, root: hex(told.root) };
}

/** A log from its bytes: decode, rules, signatures, tree; in the worker, in one thread, and its signatures alone. */
async function replaying(directory: string, operation: string): Promise<unknown> {
  const na = await loadSodium();
  const [directoryBytes, operationBytes] = [fromBase64(directory), fromBase64(operation)];
  let best: { ms: number; aloneMs: number; bareMs: number; entries: number; root: string } | undefined;
  for (let turn = 0; turn < 3; turn++) {
    const started = performance.now();
    const log = new DirectoryLog();
    for (const item of decodeItems(directoryBytes)) log.apply(item);
    const items = decodeItems(operationBytes);
    const replayed = new OperationLog(log);
    for (const item of items) {
      const rejection = replayed.apply(item);
      if (rejection !== undefined) throw new Error(`entry ${item.seq}: ${rejection.code}`);
    }
    const root = hex(replayed.root(replayed.size)!);
    const aloneMs = performance.now() - started;
    const signed = items.map(({ entry }) => ({
      key: log.state.devices.get(hex(entry!.header.device))!.signPk,
      message: concat(utf8("CENcomm/v1/entry\0"), entry!.headerHash, entry!.bodyHash),
      signature: entry!.signature,
    }));
    const bare = performance.now();
    for (const { key, message, signature } of signed) na.crypto_sign_verify_detached(signature, message, key);
    const bareMs = performance.now() - bare;
    const inWorker = await followed(directoryBytes, operationBytes);
    if (inWorker.root !== root) throw new Error("the worker computed another root");
    const { ms } = inWorker;
    if (best === undefined || ms < best.ms) best = { ms, aloneMs, bareMs, entries: items.length + log.size, root };
  }
  return best;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

Object.assign(window, { verifying, sealing, replaying });
