/** Ops of PROTOCOL 1.3 that seal, and of 8.10. */
import { concat, equal, fromHex } from "../../src/public/bytes.ts";
import { BoxKey } from "../../src/public/keys.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { sodium } from "../../src/public/sodium.ts";
import { openPart, partKey, type PartOf } from "../../src/member/attachment.ts";
import { openOnce, sealBox, sealOnce } from "../../src/member/sealing.ts";
import type { Inputs, Op } from "../notation.ts";

const CHUNK = 64 * 1024;

function readPart(inputs: Inputs): PartOf {
  return { file: fromHex(inputs["file"]), key: fromHex(inputs["key"]), p: inputs["p"] };
}

export const OPS: { [op: string]: Op } = {
  once: (inputs) => {
    const { key, ad, m } = inputs;
    return { sealed: sealOnce(fromHex(key), fromHex(ad), fromHex(m)) };
  },
  "open once": (inputs) => {
    const { key, ad, sealed } = inputs;
    return { m: openOnce(fromHex(key), fromHex(ad), fromHex(sealed)) };
  },
  // Anybody's libsodium opens it.
  "sealed box": (inputs) => {
    const { seed, m, pk, secret } = inputs;
    const sealed = sealBox(fromHex(seed), fromHex(m), fromHex(pk));
    const opened = sodium().crypto_box_seal_open(sealed, fromHex(pk), fromHex(secret));
    if (!equal(opened, fromHex(m))) throw new Error("another text came out");
    return { sealed, epk: sealed.subarray(0, 32) };
  },
  "box seed": (inputs) => {
    const key = BoxKey.fromSeed(fromHex(inputs["seed"]));
    return { public: key.public, secret: key.secret };
  },
  // A sender draws the header; who is given one can start there only as a reader does.
  part: (inputs) => {
    const part = readPart(inputs);
    const plain = new Uint8Array(inputs["size"]).fill(fromHex(inputs["byte"])[0] ?? 0);
    const header = fromHex(inputs["header"]);
    const stream = sodium().crypto_secretstream_xchacha20poly1305_init_pull(header, partKey(part));
    const sealed = [header];
    const count = Math.max(1, Math.ceil(plain.length / CHUNK));
    for (let i = 0; i < count; i++) {
      const place = new DataView(new ArrayBuffer(8));
      place.setUint32(0, part.p);
      place.setUint32(4, i);
      const ad = concat(part.file, new Uint8Array(place.buffer));
      const chunk = plain.subarray(i * CHUNK, (i + 1) * CHUNK);
      const tag = i === count - 1 ? 3 : 0;
      sealed.push(sodium().crypto_secretstream_xchacha20poly1305_push(stream, chunk, ad, tag));
    }
    const whole = concat(...sealed);
    if (!equal(openPart(part, whole, sha256(whole)), plain)) throw new Error("another text came out");
    return { sealed_size: whole.length, hash: sha256(whole), part_key: partKey(part), head: whole.subarray(0, 80) };
  },
  "open part": (inputs) => {
    return { plain: openPart(readPart(inputs), fromHex(inputs["sealed"]), fromHex(inputs["hash"])) };
  },
};
