/** Ops of PROTOCOL 8.1 to 8.4 and 8.8 without a log. */
import { fromHex } from "../../src/public/bytes.ts";
import { BoxKey } from "../../src/public/keys.ts";
import { kdf, keyed, sha256 } from "../../src/public/primitives.ts";
import { sodium } from "../../src/public/sodium.ts";
import { verifyReveal } from "../../src/member/closing.ts";
import { EpochContext, EpochSecret } from "../../src/member/epoch.ts";
import { checkGrant, makeGrant, openGrant, type GrantBody } from "../../src/member/grant.ts";
import { openWrap, wrap } from "../../src/member/wrap.ts";
import { notation, value, type Inputs, type Op } from "../notation.ts";

export function readContext(inputs: Inputs): EpochContext {
  const { log, chan, n, previous_commit } = inputs;
  return new EpochContext(fromHex(log), fromHex(chan), n, fromHex(previous_commit));
}

export function readSecret(inputs: Inputs): EpochSecret {
  return new EpochSecret(fromHex(inputs["secret"]), readContext(inputs));
}

export function readBox(inputs: Inputs): BoxKey {
  return BoxKey.fromSeed(fromHex(inputs["box_seed"]));
}

function grantBody(inputs: Inputs): GrantBody {
  return value(inputs["body"]) as GrantBody;
}

export const OPS: { [op: string]: Op } = {
  epoch: (inputs) => {
    const secret = readSecret(inputs);
    const K = keyed(secret.secret, "epoch", secret.context.encoded);
    return {
      commit: secret.commit,
      close_commit: secret.closeCommit,
      message_key: secret.messageKey,
      link_key: secret.linkKey,
      drop_pk: secret.dropKeys.public,
      drop_secret: secret.dropKeys.secret,
      close_key: secret.closeKey.key,
      audit_secret: secret.auditSecret,
      c: secret.context.encoded,
      c_hash: secret.context.digest,
      K,
      drop_seed: kdf(K, 3),
    };
  },
  "check epoch": (inputs) => {
    readSecret(inputs).check(fromHex(inputs["commit"]));
    return {};
  },
  // Anybody's libsodium opens a wrap.
  wrap: (inputs) => {
    const secret = readSecret(inputs);
    const device = fromHex(inputs["device"]);
    const boxPk = fromHex(inputs["box_pk"]);
    const w = wrap(secret, device, boxPk);
    return {
      wrap: w,
      hash: sha256(w),
      seed: secret.derive("wrap", device, boxPk),
      epk: w.subarray(0, 32),
      plain: sodium().crypto_box_seal_open(w, boxPk, fromHex(inputs["box_secret"])),
    };
  },
  "open wrap": (inputs) => {
    const { wrap: w, commit } = inputs;
    const opened = openWrap(fromHex(w), readBox(inputs), readContext(inputs), fromHex(commit));
    return { secret: opened.secret };
  },
  links: (inputs) => {
    const secret = readSecret(inputs);
    const before = readContext(inputs["previous_context"]);
    const previous = new EpochSecret(fromHex(inputs["previous_secret"]), before);
    return {
      prev_link: secret.sealLink(previous),
      prev_close: secret.closeKey.sealPrevious(previous.closeKey),
    };
  },
  "open prev_link": (inputs) => {
    const before = readContext(inputs["previous_context"]);
    const { sealed, commit } = inputs;
    return { secret: readSecret(inputs).openLink(fromHex(sealed), before, fromHex(commit)).secret };
  },
  "open prev_close": (inputs) => {
    const before = readContext(inputs["previous_context"]);
    const { sealed, close_commit } = inputs;
    const key = readSecret(inputs).closeKey;
    return { close_key: key.openPrevious(fromHex(sealed), before, fromHex(close_commit)).key };
  },
  "make grant": (inputs) => {
    const { device, box_pk } = inputs;
    const made = makeGrant(readSecret(inputs), fromHex(device), fromHex(box_pk));
    return { body: notation(made.body), wrap: made.wrap };
  },
  "check grant": (inputs) => {
    checkGrant(grantBody(inputs), readSecret(inputs));
    return {};
  },
  "open grant": (inputs) => {
    const { wrap: w, commit } = inputs;
    const [key, context] = [readBox(inputs), readContext(inputs)];
    const opened = openGrant(grantBody(inputs), fromHex(w), key, context, fromHex(commit));
    return { secret: opened.secret };
  },
  "verify reveal": (inputs) => {
    const { kc, close_commit } = inputs;
    verifyReveal(fromHex(kc), readContext(inputs), fromHex(close_commit));
    return {};
  },
};
