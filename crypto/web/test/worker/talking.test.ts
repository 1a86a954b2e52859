/** Two members, each with a worker of its own, talk through a log that the rules accept. */
import { afterEach, beforeAll, expect, test } from "vitest";

import { hex } from "../../src/public/bytes.ts";
import { author, type Entry } from "../../src/public/entry.ts";
import { loadSodium } from "../../src/public/sodium.ts";
import { WRAP_SIZE } from "../../src/member/wrap.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { channel, endAll } from "./channel.ts";
import { Deployment, fixed, type Person } from "./deployment.ts";

beforeAll(async () => {
  await loadSodium();
});

afterEach(endAll);

/** A person's page: its worker, and what it has read. */
class Page {
  readonly #deployment: Deployment;
  readonly #person: Person;
  readonly worker: CryptoWorker;
  #read = 0;

  constructor(deployment: Deployment, person: Person, worker: CryptoWorker) {
    this.#deployment = deployment;
    this.#person = person;
    this.worker = worker;
  }

  static async open(deployment: Deployment, person: Person): Promise<Page> {
    const worker = await CryptoWorker.start(channel());
    await worker.call("directory", { id: deployment.directory.id!, items: deployment.directoryItems });
    const page = new Page(deployment, person, worker);
    await page.follow();
    return page;
  }

  get where(): { operation: Uint8Array; chan: Uint8Array } {
    return { operation: this.#deployment.operation.id!, chan: this.#deployment.work };
  }

  async follow(): Promise<void> {
    const items = this.#deployment.operationItems.slice(this.#read);
    const told = await this.worker.call("operation", { id: this.where.operation, items });
    expect(told).toMatchObject({ size: this.#deployment.operationItems.length, rejected: [] });
    this.#read = told.size;
  }

  /** The next epoch, linking p; gives the wraps that travel beside it. */
  async rotate(n: number, p: number): Promise<Uint8Array> {
    const made = await this.worker.call("next", { ...this.where, p });
    expect(made.n).toBe(n);
    this.#sign("channel.rotate", made.body, n);
    return made.wraps;
  }

  /** Wraps are in order of device id. */
  async learn(n: number, wraps: Uint8Array): Promise<number[]> {
    const devices = [this.#deployment.chief, this.#deployment.officer].map(({ device }) => hex(device)).sort();
    const place = devices.indexOf(hex(this.#person.device));
    const wrap = wraps.slice(place * WRAP_SIZE, (place + 1) * WRAP_SIZE);
    const found = await this.worker.call("learn", { ...this.where, n, wrap, boxSeed: this.#person.boxSeed });
    return found.map((one) => one.n);
  }

  async say(text: string, n: number): Promise<void> {
    const header = this.#deployment.header("message", this.#person, { chan: this.where.chan, epoch: n, kind: "MSG" });
    const payload = { kind: "MSG", mid: fixed(text, 16), content: { text } };
    const body = await this.worker.call("seal", { header, payload });
    this.#deployment.append(author(header, body, this.#person.sign));
  }

  async heard(): Promise<unknown[]> {
    const rows = await this.worker.call("view", { operation: this.where.operation, from: 0 });
    return rows.map(({ payload, failure }) => payload?.content["text"] ?? failure?.code);
  }

  #sign(type: string, body: Parameters<typeof author>[1], epoch: number): Entry {
    const header = this.#deployment.header(type, this.#person, { chan: this.where.chan, epoch });
    const entry = author(header, body, this.#person.sign);
    this.#deployment.append(entry);
    return entry;
  }
}

test("what one seals the other is shown, once it has the epoch", async () => {
  const deployment = new Deployment();
  const chief = await Page.open(deployment, deployment.chief);
  const officer = await Page.open(deployment, deployment.officer);
  const wraps = await chief.rotate(1, 0);
  await chief.say("quai 7", 1);
  await officer.follow();
  expect(await officer.heard()).toEqual(["no_epoch_key"]);
  await expect(officer.worker.call("check", { ...officer.where, n: 1 })).rejects.toMatchObject({ code: "no_epoch_key" });

  const garbage = { ...officer.where, n: 1, wrap: new Uint8Array(WRAP_SIZE), boxSeed: deployment.officer.boxSeed };
  await expect(officer.worker.call("learn", garbage)).rejects.toMatchObject({ code: "cannot_open" });
  expect(await officer.learn(1, wraps)).toEqual([1]);
  expect(await officer.worker.call("check", { ...officer.where, n: 1 })).toBeNull();
  expect(await officer.heard()).toEqual(["quai 7"]);

  await officer.say("quai 9", 1);
  await chief.follow();
  expect(await chief.heard()).toEqual(["quai 7", "quai 9"]);
});

test("a page that begins anew has the old epochs from the newest one, by its link", async () => {
  const deployment = new Deployment();
  const chief = await Page.open(deployment, deployment.chief);
  await chief.rotate(1, 0);
  await chief.say("before", 1);
  await chief.follow();
  const wraps = await chief.rotate(2, 1);
  await chief.say("after", 2);
  chief.worker.end();

  const again = await Page.open(deployment, deployment.chief);
  expect(await again.heard()).toEqual(["no_epoch_key", "no_epoch_key"]);
  expect(await again.learn(2, wraps)).toEqual([2, 1]);
  expect(await again.heard()).toEqual(["before", "after"]);
  expect(await again.worker.call("check", { ...again.where, n: 2 })).toBeNull();
});
