/** A second worker's word changes the time that it takes, and nothing else; a real one is in chromium.test.ts. */
import { MessageChannel } from "node:worker_threads";

import { afterEach, beforeAll, expect, test } from "vitest";

import { hex } from "../../src/public/bytes.ts";
import { verifySignature } from "../../src/public/entry.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { verifiedBy } from "../../src/public/verified.ts";
import { decodeItem } from "../../src/public/wire.ts";
import { Ahead, type Asker, type Found, type Job, verifyAhead, type Verifier, WORTH_IT } from "../../src/worker/ahead.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { Session } from "../../src/worker/session.ts";
import { channel, endAll } from "./channel.ts";
import { codesBy, many, type Many } from "./many.ts";

let made: Many;

beforeAll(async () => {
  await loadSodium();
  made = many();
});

const ends: (() => void)[] = [];

afterEach(() => {
  endAll();
  for (const end of ends.splice(0)) end();
});

/** A channel in place of a second worker; gives what it told so far too. */
function second(answering: (port: Asker) => void = verifyAhead): { verifier: Verifier; told: Found[] } {
  const { port1, port2 } = new MessageChannel();
  answering(port2 as unknown as Asker);
  port2.start();
  const told: Found[] = [];
  port1.on("message", (found: Found) => told.push(found));
  ends.push(() => port1.close());
  return { verifier: port1 as unknown as Verifier, told };
}

function keys(): Map<string, Uint8Array> {
  return new Map([...made.deployment.directory.state.devices].map(([id, { signPk }]) => [id, signPk]));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setTimeout(next, 5));
}

const started = (verifier?: () => Verifier | undefined): Promise<CryptoWorker> =>
  CryptoWorker.start(channel(true, new Session(verifier).handlers));

test("what is told of are the entries that their devices have signed, from the last one on", async () => {
  const { verifier, told } = second();
  const ahead = new Ahead(() => verifier);
  ahead.begin(made.items, keys);
  await until(() => told.at(-1)?.places.includes(0) ?? false);
  const first = made.items.length - made.entries.length;
  const good = made.codes.flatMap((code, place) => (code === "bad_signature" ? [] : [first + place]));
  const places = told.flatMap((found) => [...found.places]);
  expect(places.filter((place) => place >= first)).toEqual(good.reverse());
  for (const [place, data] of made.items.entries()) {
    const entry = decodeItem(data).entry!;
    ahead.note(place, entry);
    const key = places.includes(place) ? keys().get(hex(entry.header.device)) : undefined;
    expect(verifiedBy(entry)).toEqual(key);
  }
});

test("it holds for the key that it was verified by, and for no other", async () => {
  const { verifier, told } = second();
  const ahead = new Ahead(() => verifier);
  ahead.begin(made.items, keys);
  await until(() => told.length > 0);
  const [place] = told[0]!.places;
  const { entry } = decodeItem(made.items[place!]!);
  ahead.note(place!, entry!);
  const { chief, officer } = made.deployment;
  expect(verifiedBy(entry!)).toEqual(chief.sign.public);
  expect(() => verifySignature(entry!, officer.sign.public)).toThrow(expect.objectContaining({ code: "bad_signature" }));
});

test("word of items that are done with counts for nothing", async () => {
  const { verifier, told } = second();
  const ahead = new Ahead(() => verifier);
  ahead.begin(made.items, keys);
  await until(() => told.length > 0);
  ahead.end();
  const place = told[0]!.places[0]!;
  const { entry } = decodeItem(made.items[place]!);
  ahead.note(place, entry!);
  expect(verifiedBy(entry!)).toBeUndefined();
});

test("few items are no reason to start one", () => {
  const ahead = new Ahead(() => {
    throw new Error("it was started");
  });
  ahead.begin(made.items.slice(0, WORTH_IT - 1), keys);
  expect(() => ahead.begin(made.items, keys)).toThrow("it was started");
});

test("a log comes out the same with a second worker, without one, and with one that is of no use", async () => {
  const working = second();
  const silent = second(() => {});
  const failing: Verifier = {
    postMessage: () => {},
    addEventListener: (type, listener) => void (type === "error" && queueMicrotask(() => listener({}))),
  };
  const others = [() => working.verifier, () => silent.verifier, () => failing, () => undefined];
  for (const verifier of others) expect(await codesBy(await started(verifier), made)).toEqual(made.codes);
  expect(working.told.flatMap((found) => found.places).length).toBeGreaterThan(0);
});

test("one that fails is not asked again", async () => {
  let [asked, fail] = [0, (): void => {}];
  const failing: Verifier = {
    postMessage: (_: Job) => void asked++,
    addEventListener: (type, listener) => void (type === "error" && (fail = () => listener({}))),
  };
  const ahead = new Ahead(() => failing);
  ahead.begin(made.items, keys);
  fail();
  ahead.begin(made.items, keys);
  expect(asked).toBe(1);
});
