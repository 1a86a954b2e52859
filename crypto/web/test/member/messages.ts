/** Ops of PROTOCOL 8.5 to 8.7 and 8.11. */
import { concat, fromHex } from "../../src/public/bytes.ts";
import { encode, type ValueMap } from "../../src/public/encoding.ts";
import { parse, parseErased, parseHeader, type Entry, type Header } from "../../src/public/entry.ts";
import { BoxKey } from "../../src/public/keys.ts";
import { keyed } from "../../src/public/primitives.ts";
import { sodium } from "../../src/public/sodium.ts";
import { openDrop, sealDrop } from "../../src/member/drop.ts";
import { messageKey, openMessage, openText, pad, sealMessage } from "../../src/member/message.ts";
import { checkPayload, forgedFields } from "../../src/member/payload.ts";
import { parseProfiles } from "../../src/member/profile.ts";
import { openResult, sealResult } from "../../src/member/result.ts";
import { notation, value, type Inputs, type Op } from "../notation.ts";
import { readSecret } from "./epochs.ts";

function readHeader(inputs: Inputs): Header {
  return parseHeader(fromHex(inputs["header"]));
}

function readPayload(inputs: Inputs): ValueMap {
  return value(inputs["payload"]) as ValueMap;
}

function readEntry(inputs: Inputs): Entry {
  const [header, sig] = [fromHex(inputs["header"]), fromHex(inputs["sig"])];
  if ("body_hash" in inputs) return parseErased(header, fromHex(inputs["body_hash"]), sig);
  return parse(header, fromHex(inputs["body"]), sig);
}

function sealed(inputs: Inputs): Uint8Array {
  const { nonce, salt } = inputs;
  return sealMessage(readHeader(inputs), readSecret(inputs), readPayload(inputs), fromHex(nonce), fromHex(salt));
}

export const OPS: { [op: string]: Op } = {
  message: (inputs) => {
    const secret = readSecret(inputs);
    const payload = readPayload(inputs);
    const body = sealed(inputs);
    const entry = parse(fromHex(inputs["header"]), body, fromHex(inputs["sig"]));
    if (JSON.stringify(notation(openMessage(entry, secret))) !== JSON.stringify(notation(payload))) {
      throw new Error("another payload came out");
    }
    const mk = messageKey(secret, entry.headerHash);
    return {
      body,
      header_hash: entry.headerHash,
      mk,
      cm: keyed(mk, "commit", fromHex(inputs["nonce"]), entry.headerHash),
      payload_bytes: encode(payload),
    };
  },
  pad: (inputs) => {
    const zeros = inputs["zeros"];
    const padded = pad(new Uint8Array(zeros));
    return { size: padded.length, tail: padded.subarray(zeros, zeros + 8) };
  },
  "open message": (inputs) => ({ payload: notation(openMessage(readEntry(inputs), readSecret(inputs))) }),
  // The bare AEAD opens it under this key too; the commitment refuses it (A9).
  "open under a key": (inputs) => {
    const [body, headerHash, mk] = ["body", "header_hash", "mk"].map((name) => fromHex(inputs[name]));
    const [nonce, cm, ct] = [body!.subarray(0, 24), body!.subarray(24, 56), body!.subarray(56)];
    const ad = concat(headerHash!, cm);
    const bare = sodium().crypto_aead_xchacha20poly1305_ietf_decrypt(null, ct, ad, nonce, mk!);
    if (sodium().unpad(bare, bare.length).length === 0) throw new Error("nothing in it");
    return { payload: openText(mk!, headerHash!, body!) };
  },
  drop: (inputs) => {
    const body = sealDrop(readHeader(inputs), fromHex(inputs["drop_pk"]), readPayload(inputs), {
      messageKey: fromHex(inputs["mk"]),
      nonce: fromHex(inputs["nonce"]),
      salt: fromHex(inputs["salt"]),
      ephemeralSeed: fromHex(inputs["ephemeral_seed"]),
    });
    return { body, box: body.subarray(0, 112), cm: body.subarray(136, 168) };
  },
  "open drop": (inputs) => ({ payload: notation(openDrop(readEntry(inputs), readSecret(inputs))) }),
  result: (inputs) => {
    const [drop, device, boxPk] = ["drop", "device", "box_pk"].map((name) => fromHex(inputs[name]));
    const to = { drop: drop!, device: device!, boxPk: boxPk! };
    const result = value(inputs["result"]) as ValueMap;
    const body = sealResult(readHeader(inputs), to, result, fromHex(inputs["ephemeral_seed"]));
    return { body: encode(body as unknown as ValueMap) };
  },
  "open result": (inputs) => {
    const secret = fromHex(inputs["box_sk"]);
    const key = new BoxKey(sodium().crypto_scalarmult_base(secret), secret);
    return { result: notation(openResult(readEntry(inputs), key)) };
  },
  "check payload": (inputs) => {
    checkPayload(readPayload(inputs));
    return {};
  },
  "forged fields": (inputs) => ({ fields: forgedFields(readHeader(inputs), readPayload(inputs)) }),
  "seal forged": (inputs) => ({ body: sealed(inputs) }),
  profiles: (inputs) => {
    const found = parseProfiles(value(inputs["content"]) as ValueMap);
    return { persons: found.map(({ person, code, name }) => [person, code, name]) };
  },
};
