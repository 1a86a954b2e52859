/** Ops of PROTOCOL 8.9. */
import { fromHex, u8 } from "../../src/public/bytes.ts";
import { keyed } from "../../src/public/primitives.ts";
import { CloseKey } from "../../src/member/epoch.ts";
import { auditGrantBody, openShare, recover, sealEscrow, sharesOf, wrapShare } from "../../src/member/escrow.ts";
import { combine, split } from "../../src/member/shamir.ts";
import { notation, type Inputs, type Op } from "../notation.ts";
import { readBox, readContext, readSecret } from "./epochs.ts";

function readShares(inputs: Inputs): Map<number, Uint8Array> {
  return new Map(inputs["shares"].map(([x, share]: [number, string]) => [x, fromHex(share)]));
}

export const OPS: { [op: string]: Op } = {
  split: (inputs) => {
    const { secret, coefficients, count } = inputs;
    return { shares: split(fromHex(secret), coefficients.map(fromHex), count) };
  },
  combine: (inputs) => ({ secret: combine(readShares(inputs)) }),
  escrow: (inputs) => {
    const secret = readSecret(inputs);
    const c = secret.context.encoded;
    return {
      escrow: sealEscrow(secret),
      shares: sharesOf(secret, inputs["k"], inputs["count"]),
      S: secret.auditSecret,
      key: keyed(secret.closeKey.key, "escrow", secret.auditSecret, c),
      a1: secret.derive("share", u8(1)),
    };
  },
  "share wrap": (inputs) => {
    const secret = readSecret(inputs);
    const [share, device, boxPk] = ["share", "device", "box_pk"].map((name) => fromHex(inputs[name]));
    return {
      wrap: wrapShare(secret, share!, device!, boxPk!),
      seed: secret.derive("audit-wrap", device!, boxPk!, share!),
    };
  },
  "open share": (inputs) => {
    return { share: openShare(fromHex(inputs["wrap"]), readBox(inputs), readContext(inputs)) };
  },
  "audit grant": (inputs) => {
    const { request, x, share, opener_box_pk, ephemeral_seed } = inputs;
    const [opener, seed] = [fromHex(opener_box_pk), fromHex(ephemeral_seed)];
    const body = auditGrantBody(fromHex(request), x, fromHex(share), readContext(inputs), opener, seed);
    return { body: notation(body) };
  },
  recover: (inputs) => {
    const { escrow, kc, k, count, commit } = inputs;
    const key = new CloseKey(fromHex(kc), readContext(inputs));
    const found = recover(fromHex(escrow), key, readShares(inputs), k, count, fromHex(commit));
    return { secret: found.secret.secret, liars: found.liars };
  },
};
