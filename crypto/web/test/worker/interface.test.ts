/** What the two sides of the worker say to each other; the real worker is in chromium.test.ts. */
import { afterEach, beforeAll, expect, test } from "vitest";

import { utf8 } from "../../src/public/bytes.ts";
import { author, type Header } from "../../src/public/entry.ts";
import { BoxKey, deviceId, SigningKey } from "../../src/public/keys.ts";
import { sha256 } from "../../src/public/primitives.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { EpochContext, EpochSecret } from "../../src/member/epoch.ts";
import { openWrap } from "../../src/member/wrap.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { channel, endAll } from "./channel.ts";

const fixed = (name: string, size = 32): Uint8Array => sha256(utf8(name)).slice(0, size);

beforeAll(async () => {
  await loadSodium();
});

afterEach(endAll);

const [log, chan] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
const row = (i: number): Uint8Array => {
  const key = BoxKey.fromSeed(fixed(`box ${i}`));
  return Buffer.concat([new Uint8Array(16).fill(i), key.public]);
};
const audience = (count: number): { recipients: Uint8Array } => ({
  recipients: new Uint8Array(Buffer.concat(Array.from({ length: count }, (_, i) => row(i)))),
});

function header(epoch: number, type = "message"): Header {
  const device = deviceId(SigningKey.fromSeed(fixed("author")).public);
  const seen = [7, fixed("root")] as const;
  return { v: 1, suite: 1, type, device, id: fixed("id", 16), time: 1, seen, dir: seen, log, chan, epoch };
}

test("an epoch that was drawn seals and opens, and each device has it in its wrap", async () => {
  const worker = await CryptoWorker.start(channel());
  const made = await worker.call("rotate", { epoch: { log, chan, n: 1 }, p: 0, linked: true, audience: audience(3) });
  const context = new EpochContext(log, chan, 1);
  const third = openWrap(made.wraps.subarray(224), BoxKey.fromSeed(fixed("box 2")), context, made.body.commit);
  expect(third.secret).toEqual(made.secret);

  const payload = { kind: "MSG", mid: fixed("mid", 16), content: { text: "quai 7" } };
  const body = await worker.call("seal", { header: header(1), payload });
  const entry = author(header(1), body, SigningKey.fromSeed(fixed("author")));
  const sealed = { header: entry.headerBytes, body, signature: entry.signature };
  const broken = { ...sealed, body: body.slice().fill(0, 60, 61) };
  const [opened, refused] = await worker.call("open", { entries: [sealed, broken] });
  expect(opened).toMatchObject({ payload: { content: { text: "quai 7" } }, forged: [] });
  expect(refused).toMatchObject({ code: "cannot_open" });
});

test("an epoch from the vault is held only if it is what its rotate commits to, and all of a call or none", async () => {
  const worker = await CryptoWorker.start(channel());
  const good = new EpochSecret(fixed("E"), new EpochContext(log, chan, 1));
  const kept = { log, chan, n: 1, secret: good.secret, commit: good.commit };
  const call = worker.call("keep", { epochs: [kept, { ...kept, n: 2 }] });
  await expect(call).rejects.toMatchObject({ code: "bad_commit" });
  const payload = { kind: "MSG", mid: fixed("mid", 16), content: {} };
  const sealing = () => worker.call("seal", { header: header(1), payload });
  await expect(sealing()).rejects.toMatchObject({ code: "no_epoch_key" });
  await worker.call("keep", { epochs: [kept] });
  expect(await sealing()).toHaveLength(24 + 32 + 256 + 16);
  await worker.call("forget", { epochs: [kept] });
  await expect(sealing()).rejects.toMatchObject({ code: "no_epoch_key" });
});

test("a cancelled rotation has told of its wraps, and leaves no epoch", async () => {
  const worker = await CryptoWorker.start(channel());
  const cancelling = new AbortController();
  const told: number[] = [];
  const call = worker.call(
    "rotate",
    { epoch: { log, chan, n: 1 }, p: 0, linked: true, audience: audience(2000) },
    {
      signal: cancelling.signal,
      onProgress: ({ done, total }) => {
        told.push(done);
        expect(total).toBe(2000);
        cancelling.abort();
      },
    },
  );
  await expect(call).rejects.toMatchObject({ code: "cancelled" });
  expect(told[0]).toBeGreaterThan(0);
  expect(told.at(-1)).toBeLessThan(2000);
  const payload = { kind: "MSG", mid: fixed("mid", 16), content: {} };
  await expect(worker.call("seal", { header: header(1), payload })).rejects.toMatchObject({ code: "no_epoch_key" });
});

test("calls are answered one after another, in their order", async () => {
  const worker = await CryptoWorker.start(channel());
  const order: string[] = [];
  const first = worker.call("rotate", { epoch: { log, chan, n: 1 }, p: 0, linked: true, audience: audience(400) });
  const payload = { kind: "MSG", mid: fixed("mid", 16), content: {} };
  const second = worker.call("seal", { header: header(1), payload });
  await Promise.all([first.then(() => order.push("rotate")), second.then(() => order.push("seal"))]);
  expect(order).toEqual(["rotate", "seal"]);
});

test("whatever is wrong with a call comes back as an error with a code", async () => {
  const worker = await CryptoWorker.start(channel());
  const call = worker.call as (name: string, args: unknown) => Promise<unknown>;
  const ask = (name: string, args: unknown): Promise<unknown> => call.call(worker, name, args);
  await expect(ask("constructor", {})).rejects.toMatchObject({ code: "internal" });
  await expect(ask("rotate", {})).rejects.toMatchObject({ code: "internal" });
  await expect(ask("seal", { header: () => 0 })).rejects.toMatchObject({ code: "internal" });
  const payload = { kind: "MSG", mid: fixed("mid", 16), content: 1 };
  await expect(ask("seal", { header: { ...header(1), chan: undefined }, payload })).rejects.toMatchObject({
    code: "malformed",
  });
  const odd = { recipients: new Uint8Array(47) };
  await expect(
    ask("rotate", { epoch: { log, chan, n: 1 }, p: 0, linked: true, audience: odd }),
  ).rejects.toMatchObject({ code: "malformed" });
});

test("what waits when the worker is ended is refused, and what is asked later too", async () => {
  const worker = await CryptoWorker.start(channel());
  const call = worker.call("rotate", { epoch: { log, chan, n: 1 }, p: 0, linked: true, audience: audience(500) });
  worker.end();
  await expect(call).rejects.toMatchObject({ code: "worker_gone" });
  await expect(worker.call("open", { entries: [] })).rejects.toMatchObject({ code: "worker_gone" });
});

test("a worker that never answers is gone", async () => {
  await expect(CryptoWorker.start(channel(false), 50)).rejects.toMatchObject({ code: "worker_gone" });
});
