/** What the tests of the worker run in a page; `chromium.test.ts` calls it. */
import { loadSodium } from "../../src/public/sodium.ts";
import { CryptoWorker } from "../../src/worker/index.ts";
import { Deployment } from "./deployment.ts";
import { codesBy, many } from "./many.ts";
import { Page } from "./talk.ts";

const [log, chan] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
const epoch = { log, chan, n: 1 };

/** Any 32 bytes below 2^255-19 will do as a key, but for the few of small order. */
function audience(count: number): { recipients: Uint8Array } {
  const packed = new Uint8Array(48 * count);
  for (let start = 0; start < packed.length; start += 48) {
    crypto.getRandomValues(packed.subarray(start, start + 48));
    packed[start + 47]! &= 0x3f;
  }
  return { recipients: packed };
}

function script(name = "worker.js"): Worker {
  return new Worker(`/${name}`, { type: "module" });
}

async function codeOf(call: Promise<unknown>): Promise<{ code: string; detail: string }> {
  try {
    await call;
  } catch (error) {
    return error as { code: string; detail: string };
  }
  return { code: "none", detail: "" };
}

/** Code with which a worker of this script does not start. */
async function starting(name?: string): Promise<string> {
  const { code } = await codeOf(CryptoWorker.start(script(name), 20_000));
  return code;
}

/** What `crypto_box_seal` alone takes for so many devices, in ms; of a part of them. */
async function bareSeals(count: number): Promise<number> {
  const sodium = await loadSodium();
  const { publicKey } = sodium.crypto_box_keypair();
  const plain = new Uint8Array(64);
  const part = Math.ceil(count / 5);
  const started = performance.now();
  for (let i = 0; i < part; i++) sodium.crypto_box_seal(plain, publicKey);
  return ((performance.now() - started) / part) * count;
}

/** The longest task of this page while `action` goes on, in ms; those under 50 ms are not told of. */
async function longestDuring(action: () => Promise<void>): Promise<number> {
  let longest = 0;
  const take = (list: PerformanceEntryList): void => {
    for (const task of list) longest = Math.max(longest, task.duration);
  };
  const tasks = new PerformanceObserver((list) => take(list.getEntries()));
  await new Promise((idle) => setTimeout(idle, 200)); // what loading the page took is not of the action
  tasks.observe({ type: "longtask" });
  await action();
  await new Promise((reported) => setTimeout(reported, 200));
  take(tasks.takeRecords());
  tasks.disconnect();
  return longest;
}

/** A page that does hold itself up. */
function busy(ms: number): Promise<number> {
  return longestDuring(async () => {
    await new Promise((next) => setTimeout(next, 0));
    for (const end = performance.now() + ms; performance.now() < end; );
  });
}

/** A rotation, how long it took, and the longest time in which this page did nothing else. */
async function rotate(
  count: number,
): Promise<{ ms: number; blockedMs: number; told: number; wraps: number; bareMs: number }> {
  const worker = await CryptoWorker.start(script());
  const args = { epoch, p: 0, linked: true, audience: audience(count) };
  let [told, ms, wraps] = [0, 0, 0];
  const blockedMs = await longestDuring(async () => {
    const started = performance.now();
    const made = await worker.call("rotate", args, { onProgress: () => told++ });
    ms = performance.now() - started;
    wraps = made.wraps.length;
  });
  worker.end();
  return { ms, blockedMs, told, wraps, bareMs: await bareSeals(count) };
}

/** End the worker behind the client's back once it has told that it is at work. */
async function killed(): Promise<{ code: string; later: string; told: number }> {
  const raw = script();
  const worker = await CryptoWorker.start(raw);
  let told = 0;
  const args = { epoch, p: 0, linked: true, audience: audience(3000) };
  const { code } = await codeOf(
    worker.call("rotate", args, {
      onProgress: () => {
        if (told++ === 0) raw.terminate();
      },
    }),
  );
  const later = await codeOf(worker.call("open", { entries: [] }));
  return { code, later: later.code, told };
}

/** After a worker's end another one knows nothing of what it was at. */
async function anew(): Promise<string> {
  const worker = await CryptoWorker.start(script());
  const header = { v: 1, suite: 1, type: "message", device: log, id: log, time: 1, log, chan, epoch: 1 };
  const seen = [0, new Uint8Array(32)] as const;
  const payload = { kind: "MSG", mid: log, content: {} };
  const { code } = await codeOf(worker.call("seal", { header: { ...header, seen, dir: seen }, payload }));
  worker.end();
  return code;
}

/** What two members hear of each other, each with a worker of its own; the officer has the epoch by its wrap. */
async function talk(): Promise<unknown[][]> {
  await loadSodium();
  const deployment = new Deployment();
  const chief = await Page.open(deployment, deployment.chief, script());
  const officer = await Page.open(deployment, deployment.officer, script());
  const wraps = await chief.rotate(1, 0);
  await chief.say("quai 7", 1);
  await officer.follow();
  const before = await officer.heard();
  await officer.learn(1, wraps);
  await officer.worker.call("check", { ...officer.where, n: 1 });
  await officer.say("quai 9", 1);
  await Promise.all([chief.follow(), officer.follow()]);
  const heard = [before, await chief.heard(), await officer.heard()];
  for (const { worker } of [chief, officer]) worker.end();
  return heard;
}

/** Whether a log with good and bad signatures comes out as it must, by a worker that has a second one. */
async function following(): Promise<boolean> {
  await loadSodium();
  const made = many();
  const worker = await CryptoWorker.start(script());
  const codes = await codesBy(worker, made);
  worker.end();
  return JSON.stringify(codes) === JSON.stringify(made.codes);
}

Object.assign(window, { following, talk, starting, busy, rotate, killed, anew, loaded: true });
