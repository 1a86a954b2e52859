/** A person's page in a deployment, with a worker behind it. */
import { hex } from "../../src/public/bytes.ts";
import { author, type Entry } from "../../src/public/entry.ts";
import { WRAP_SIZE } from "../../src/member/wrap.ts";
import { CryptoWorker, type WorkerLike } from "../../src/worker/client.ts";
import { fixed, type Deployment, type Person } from "./deployment.ts";

/** A person's page: its worker, and what it has read. */
export class Page {
  readonly #deployment: Deployment;
  readonly #person: Person;
  readonly worker: CryptoWorker;
  #read = 0;

  constructor(deployment: Deployment, person: Person, worker: CryptoWorker) {
    this.#deployment = deployment;
    this.#person = person;
    this.worker = worker;
  }

  static async open(deployment: Deployment, person: Person, script: WorkerLike): Promise<Page> {
    const worker = await CryptoWorker.start(script);
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
    if (told.stopped !== undefined || told.rejected.length > 0) throw new Error(JSON.stringify(told));
    this.#read = told.size;
  }

  /** The next epoch, linking p; gives the wraps that travel beside it. */
  async rotate(n: number, p: number): Promise<Uint8Array> {
    const made = await this.worker.call("next", { ...this.where, p });
    if (made.n !== n) throw new Error(`epoch ${made.n} was made`);
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
