/** A rotate is what its secret gives, field for field; what is not is named (ROT-4, A18, A22). */
import { beforeAll, describe, expect, test } from "vitest";

import { BoxKey } from "../../src/public/keys.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import type { RotateBody } from "../../src/public/operation/epochs.ts";
import { utf8 } from "../../src/public/bytes.ts";
import { EpochContext, EpochSecret } from "../../src/member/epoch.ts";
import { openShare } from "../../src/member/escrow.ts";
import type { FlagReason } from "../../src/member/flag.ts";
import { checkRotation, makeRotation, type Audience, type Claim } from "../../src/member/rotation.ts";
import { openWrap, WRAP_SIZE } from "../../src/member/wrap.ts";

const fixed = (name: string, size = 32): Uint8Array => sha256(utf8(name)).slice(0, size);
let keys: BoxKey[];
let audience: Audience;
let previous: EpochSecret;
let secret: EpochSecret;

beforeAll(async () => {
  await loadSodium();
  keys = Array.from({ length: 5 }, (_, i) => BoxKey.fromSeed(fixed(`box ${i}`)));
  const recipients = keys.map((key, i) => ({ device: new Uint8Array(16).fill(i), boxPk: key.public }));
  const holders = [1, 3].map((x) => ({ x, device: fixed(`auditor ${x}`, 16), boxPk: keys[x]!.public }));
  audience = { recipients, audit: { k: 2, n: 3, holders } };
  const [log, chan] = [fixed("log", 16), fixed("chan", 16)];
  previous = new EpochSecret(fixed("epoch 1"), new EpochContext(log, chan, 1));
  secret = new EpochSecret(fixed("epoch 2"), new EpochContext(log, chan, 2, previous.commit));
});

function claim(change: Partial<RotateBody> = {}): Claim {
  const { body } = makeRotation(secret, previous, true, audience);
  const { context, commit, closeCommit } = previous;
  return { body: { ...body, ...change }, context: secret.context, before: { context, commit, closeCommit }, audience };
}

test("each device opens its wrap, each auditor its share", () => {
  const { wraps, shares } = makeRotation(secret, previous, true, audience);
  keys.forEach((key, i) => {
    const w = wraps.subarray(i * WRAP_SIZE, (i + 1) * WRAP_SIZE);
    expect(openWrap(w, key, secret.context, secret.commit).secret).toEqual(secret.secret);
  });
  expect(shares).toHaveLength(2 * WRAP_SIZE);
  expect(openShare(shares.subarray(0, WRAP_SIZE), keys[1]!, secret.context)).toHaveLength(32);
});

test("an honest rotate recomputes, with and without the epoch before it", () => {
  checkRotation(claim(), secret);
  checkRotation(claim(), secret, previous);
});

describe("a false field is named", () => {
  const forged: [FlagReason, (body: RotateBody) => Partial<RotateBody>][] = [
    ["commit", () => ({ commit: fixed("x") })],
    ["close_commit", () => ({ close_commit: fixed("x") })],
    ["drop_pk", () => ({ drop_pk: fixed("x") })],
    ["prev_link", () => ({ prev_link: new Uint8Array(48) })],
    ["prev_close", () => ({ prev_close: new Uint8Array(48) })],
    ["escrow", () => ({ escrow: new Uint8Array(48) })],
    ["recips", () => ({ recips: fixed("x") })],
    ["wraps_root", () => ({ wraps_root: fixed("x") })],
    ["shares_root", () => ({ shares_root: fixed("x") })],
  ];
  test.each(forged)("%s", (reason, change) => {
    const { body } = claim();
    expect(() => checkRotation(claim(change(body)), secret)).toThrow(
      expect.objectContaining({ code: "rotation_mismatch", reason }),
    );
  });

  test("the first one, where several are false", () => {
    const all = Object.assign({}, ...forged.slice(3).map(([, change]) => change(claim().body)));
    expect(() => checkRotation(claim(all), secret)).toThrow(expect.objectContaining({ reason: "prev_link" }));
  });

  test("a context that is not the log's, as commit", () => {
    const elsewhere = new EpochSecret(secret.secret, new EpochContext(fixed("log", 16), fixed("x", 16), 2));
    expect(() => checkRotation(claim(), elsewhere)).toThrow(expect.objectContaining({ reason: "commit" }));
  });

  test("a recipient's key that nothing can be sealed to, as wraps_root", () => {
    const recipients = [{ device: new Uint8Array(16), boxPk: new Uint8Array(32) }];
    const none = {
      ...claim({ recips: sha256(recipients[0]!.device, recipients[0]!.boxPk) }),
      audience: { ...audience, recipients },
    };
    expect(() => checkRotation(none, secret)).toThrow(expect.objectContaining({ reason: "wraps_root" }));
  });
});
