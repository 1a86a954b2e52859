/** A worker that follows logs: what it says of them, and what it makes and checks by them. */
import { afterEach, beforeAll, expect, test } from "vitest";

import { concat, fromHex, hex } from "../../src/public/bytes.ts";
import { logId } from "../../src/public/entry.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { decodeItem } from "../../src/public/wire.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { book, value, type Case } from "../vectors.ts";
import { channel, endAll } from "./channel.ts";

const { scenes, cases } = book("epochs");
const [directory, operation] = [scenes!["sealed"]!.directory!, scenes!["sealed"]!.operation!].map((log) =>
  log.map((item) => fromHex(item)),
) as [Uint8Array[], Uint8Array[]];

beforeAll(async () => {
  await loadSodium();
});

afterEach(endAll);

function idOf(items: readonly Uint8Array[]): Uint8Array {
  return logId(decodeItem(items[0]!).entry!);
}

function named(name: string): Case {
  return cases.find((one) => one.name === name)!;
}

/** A worker that follows the scene's logs, and `more` of the operation; it holds epoch 3 of the case. */
async function following(one: Case): Promise<[CryptoWorker, { operation: Uint8Array; chan: Uint8Array }]> {
  const worker = await CryptoWorker.start(channel());
  await worker.call("directory", { id: idOf(directory), items: directory });
  const more = (one.inputs["operation"] ?? []).map((item: string) => fromHex(item));
  const id = idOf(operation);
  const told = await worker.call("operation", { id, items: [...operation, ...more] });
  expect(told).toMatchObject({ size: operation.length + more.length, anew: false });
  return [worker, { operation: id, chan: fromHex(one.inputs["chan"]) }];
}

/** Hold the secret of a case as if its rotate committed to it: `check` is who finds out. */
async function hold(worker: CryptoWorker, one: Case, previousCommit: Uint8Array, commit: Uint8Array): Promise<void> {
  const { n, secret, chan } = one.inputs;
  const log = idOf(operation).slice(0, 16);
  const epoch = { log, chan: fromHex(chan), n, secret: fromHex(secret), previousCommit, commit };
  await worker.call("keep", { epochs: [epoch] });
}

function commitsOf(items: readonly Uint8Array[], chan: string): Uint8Array[] {
  return items
    .map((item) => decodeItem(item).entry!)
    .filter(({ header, body }) => header.type === "channel.rotate" && hex(header.chan!) === chan && body)
    .map(({ body }) => body!["commit"] as Uint8Array);
}

test("the roots are the logs', and a place that does not fit stops it there", async () => {
  const worker = await CryptoWorker.start(channel());
  const id = idOf(directory);
  const early = worker.call("operation", { id: idOf(operation), items: operation });
  await expect(early).rejects.toMatchObject({ code: "directory_behind" });
  const half = directory.length >> 1;
  await worker.call("directory", { id, items: directory.slice(0, half) });
  const gap = await worker.call("directory", { id, items: directory.slice(half + 1) });
  expect(gap).toMatchObject({ size: half, stopped: { code: "log_damaged" } });
  const rest = await worker.call("directory", { id, items: directory.slice(half) });
  expect(rest).toMatchObject({ size: directory.length, rejected: [] });
  expect(rest).not.toHaveProperty("stopped");
  expect(rest.root).not.toEqual(gap.root);
});

test("an operation ahead of the directory waits, and goes on where it stopped", async () => {
  const worker = await CryptoWorker.start(channel());
  const [id, own] = [idOf(directory), idOf(operation)];
  const last = Math.max(...operation.map((item) => decodeItem(item).entry!.header.dir![0]));
  await worker.call("directory", { id, items: directory.slice(0, last - 1) });
  const first = await worker.call("operation", { id: own, items: operation });
  expect(first.stopped).toMatchObject({ code: "directory_behind" });
  await worker.call("directory", { id, items: directory.slice(last - 1) });
  const then = await worker.call("operation", { id: own, items: operation.slice(first.size) });
  expect(then).toMatchObject({ size: operation.length });
});

test("a log under another id is not followed, and does not stand in the way of the right one", async () => {
  const worker = await CryptoWorker.start(channel());
  const wrong = await worker.call("directory", { id: new Uint8Array(32), items: directory });
  expect(wrong).toMatchObject({ size: 0, stopped: { code: "wrong_log" } });
  const right = await worker.call("directory", { id: idOf(directory), items: directory });
  expect(right.size).toBe(directory.length);
});

test("the next epoch is for whom the rules say, and links the one that is held", async () => {
  const one = named("an honest rotate");
  const [worker, where] = await following(one);
  const commits = commitsOf(operation, one.inputs["chan"]);
  await hold(worker, one, commits[1]!, commits[2]!);
  expect(await worker.call("check", { ...where, n: 3 })).toBeNull();
  const made = await worker.call("next", { ...where, p: 3 });
  const published = named("rotate that links the current epoch").output!["body"];
  const { count, recips, p } = value(published) as { count: number; recips: Uint8Array; p: number };
  expect(made.body).toMatchObject({ count, recips: new Uint8Array(recips), p });
  await expect(worker.call("next", { ...where, p: 2 })).rejects.toMatchObject({ code: "no_epoch_key" });
});

const FORGED = cases.filter(({ op, inputs }) => op === "check rotation" && "operation" in inputs);

test.each(FORGED)("$name is refused by name", async (one) => {
  const [worker, where] = await following(one);
  const items = [...operation, ...one.inputs["operation"].map((item: string) => fromHex(item))];
  const commits = commitsOf(items, one.inputs["chan"]);
  const { n } = one.inputs;
  const rotate = items
    .map((item) => decodeItem(item).entry!)
    .find(({ header: { type, chan, epoch } }) => type === "channel.rotate" && epoch === n && hex(chan!) === one.inputs["chan"])!;
  const p = rotate.body!["p"] as number;
  const reason = one.intermediate!["reason"];
  if (reason === "commit") {
    // Not even held: it is not what the rotate commits to.
    await expect(hold(worker, one, p === 0 ? new Uint8Array(32) : commits[p - 1]!, commits[n - 1]!)).rejects.toMatchObject({
      code: "bad_commit",
    });
    return;
  }
  await hold(worker, one, p === 0 ? new Uint8Array(32) : commits[p - 1]!, commits[n - 1]!);
  await expect(worker.call("check", { ...where, n })).rejects.toMatchObject({ code: "rotation_mismatch", reason });
});

test("what is shown of an operation is told with the reason why it does not open", async () => {
  const [worker, { operation: id }] = await following(named("an honest rotate"));
  const rows = await worker.call("view", { operation: id, from: 0 });
  for (const row of rows) expect(row.failure?.code ?? row.rejection?.code).toBeDefined();
  await expect(worker.call("view", { operation: new Uint8Array(32), from: 0 })).rejects.toMatchObject({
    code: "unknown_reference",
  });
});

const LOST = book("lost").cases.filter(({ inputs, failure }) => !("channels" in inputs) && failure === undefined);

test.each(LOST)("lost places, one item at a time: $name", async ({ inputs, output }) => {
  const worker = await CryptoWorker.start(channel());
  const log = (name: string): Uint8Array[] => inputs[name].map((item: string) => fromHex(item));
  const codes = new Map<number, string>();
  for (const name of ["directory", "operation"] as const) {
    if (!(name in inputs)) continue;
    codes.clear();
    const id = idOf(log(name));
    for (const item of log(name)) {
      const told = await worker.call(name, { id, items: [item] });
      expect(told.stopped).toBeUndefined();
      if (told.anew) codes.clear();
      for (const { seq, code } of told.rejected) codes.set(seq, code);
    }
  }
  const expected = output!["codes"] as string[];
  expect(expected.map((_, seq) => codes.get(seq) ?? "")).toEqual(expected);
});

const REFUSED = book("lost").cases.filter(({ failure }) => failure !== undefined);

test.each(REFUSED)("a log.restored that does not hold stops it: $name", async ({ inputs, failure }) => {
  const worker = await CryptoWorker.start(channel());
  const items = inputs["directory"].map((item: string) => fromHex(item));
  const told = await worker.call("directory", { id: idOf(items), items });
  expect(told.stopped).toMatchObject({ code: failure });
  expect(told.size).toBeLessThan(items.length);
});

test("bytes that are no item stop it, as anything else does", async () => {
  const worker = await CryptoWorker.start(channel());
  const id = idOf(directory);
  const odd = concat(directory[1]!, Uint8Array.of(0));
  const told = await worker.call("directory", { id, items: [directory[0]!, odd, directory[2]!] });
  expect(told).toMatchObject({ size: 1, stopped: { code: "malformed" } });
});
