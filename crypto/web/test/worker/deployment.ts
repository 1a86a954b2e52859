/** A directory with one administration and two people, and an operation of both, made through the real rules. */
import { deviceId, administrationId, BoxKey, enrolMessage, rootMessage, SigningKey } from "../../src/public/keys.ts";
import { utf8 } from "../../src/public/bytes.ts";
import type { ValueMap } from "../../src/public/encoding.ts";
import { author, channelId, type Entry, type Header } from "../../src/public/entry.ts";
import { sha256, ZERO_32 } from "../../src/public/primitives.ts";
import { DirectoryLog, OperationLog } from "../../src/public/replay.ts";
import { encodeItem, placed } from "../../src/public/wire.ts";

export const fixed = (name: string, size = 32): Uint8Array => sha256(utf8(name)).slice(0, size);

const HOUR = 3_600_000;
const START = 1_800_000_000_000;
const WINDOW = [START, START + 1000 * HOUR];

export class Person {
  readonly id: Uint8Array;
  readonly sign: SigningKey;
  readonly boxSeed: Uint8Array;

  constructor(name: string) {
    this.id = fixed(`${name} person`, 16);
    this.sign = SigningKey.fromSeed(fixed(`${name} sign`));
    this.boxSeed = fixed(`${name} box`);
  }

  get device(): Uint8Array {
    return deviceId(this.sign.public);
  }

  /** sign_pk, box_pk and proof of possession (KEY-7). */
  keys(directory: Uint8Array): { sign_pk: Uint8Array; box_pk: Uint8Array; proof: Uint8Array } {
    const box_pk = BoxKey.fromSeed(this.boxSeed).public;
    const proof = this.sign.sign("enrol", enrolMessage(directory, this.id, box_pk));
    return { sign_pk: this.sign.public, box_pk, proof };
  }
}

export class Deployment {
  readonly directory = new DirectoryLog();
  readonly operation: OperationLog;
  readonly directoryItems: Uint8Array[] = [];
  readonly operationItems: Uint8Array[] = [];
  readonly chief = new Person("chief");
  readonly officer = new Person("officer");
  /** The channel of all. */
  readonly work: Uint8Array;
  readonly #governance = SigningKey.fromSeed(fixed("governance"));
  readonly #root = SigningKey.fromSeed(fixed("root"));
  readonly #poster = SigningKey.fromSeed(fixed("poster"));
  #at = START;
  #ids = 0;

  constructor() {
    this.#found();
    this.#enrol();
    this.operation = new OperationLog(this.directory);
    this.work = this.#open();
  }

  /** The header of an entry by a person, that has seen both newest heads. */
  header(type: string, by: Person, more: Partial<Header> = {}): Header {
    return { ...this.#bare(type, by.device, this.operation), dir: headOf(this.directory), ...more };
  }

  /** Append what a person signed; an error tells why the rules reject it. */
  append(entry: Entry): Uint8Array {
    return this.#append(entry, this.operation, this.operationItems);
  }

  #found(): void {
    const body = this.#rooted("directory.genesis", 0, {
      name: "test",
      log_key: SigningKey.fromSeed(fixed("log")).public,
      governance: { keys: [this.#governance.public], k: 1 },
      witness: { keys: [], k: 0, fresh: 0, mode: "warn" },
      suite_min: 1,
      rules: 1,
    });
    this.#direct("directory.genesis", body, this.#poster);
  }

  #enrol(): void {
    const id = this.directory.id!;
    this.#direct("admin.add", this.#rooted("admin.add", 1, { code: "FR", root: this.#root.public }), this.#poster);
    const admin = administrationId(this.#root.public);
    const ncp = { admin, person: this.officer.id, code: "FR-001", ...this.officer.keys(id) };
    this.#direct("ncp.appoint", this.#rooted("ncp.appoint", 1, ncp, this.#root), this.#poster);
    const person = this.chief.id;
    this.#direct("person.add", { person, code: "FR-002", kind: "human" }, this.officer.sign);
    this.#direct("device.add", { person, ...this.chief.keys(id) }, this.officer.sign);
    this.#direct("role.request", { person, role: "operations" }, this.officer.sign);
    this.#direct("role.grant", this.#rooted("role.grant", 2, { person, role: "operations" }), this.#poster);
  }

  #open(): Uint8Array {
    const day = 86_400;
    const clocks = { accept_s: day, flash_s: day, feedback_s: day, seizure_s: day, long_s: day, sit_s: day };
    this.#control("operation.genesis", {
      directory: this.directory.id!,
      name: "operation",
      window: WINDOW,
      grace: HOUR,
      live: WINDOW,
      phases: 1,
      history: "all",
      metadata: "full",
      browser: true,
      retention: { erase_at: 0 },
      clocks,
      exercise: true,
      forms: new Uint8Array(0),
      audit: { persons: [], k: 0 },
      witness: { keys: [], k: 0, fresh: 0, mode: "warn" },
      legal: "none",
      rules: 1,
      suite_min: 1,
    });
    this.#control("members.admit", { members: [{ person: this.officer.id, role: "officer" }] });
    this.#control("phase.set", { phase: "prep" });
    this.#control("phase.set", { phase: "live" });
    return channelId(this.#control("channel.create", { name: "work", window: WINDOW, rule: { all: true } }));
  }

  /** With the signature of the root that the type asks for. */
  #rooted(type: string, serial: number, fields: ValueMap, root?: SigningKey): ValueMap {
    const body = { type, ...fields, poster: this.#poster.public, serial };
    const message = rootMessage(this.directory.id ?? ZERO_32, body);
    const signed = root === undefined ? this.#governance.sign("governance", message) : root.sign("admin-root", message);
    return { ...body, sigs: [[0, signed]] };
  }

  #direct(type: string, body: ValueMap, by: SigningKey): void {
    const header = this.#bare(type, deviceId(by.public), this.directory);
    this.#append(author(header, body, by), this.directory, this.directoryItems);
  }

  #control(type: string, body: ValueMap): Entry {
    const entry = author(this.header(type, this.chief), body, this.chief.sign);
    this.append(entry);
    return entry;
  }

  #bare(type: string, device: Uint8Array, log: DirectoryLog | OperationLog): Header {
    const id = fixed(`entry ${this.#ids++}`, 16);
    const header = { v: 1, suite: 1, type, device, id, time: this.#at, seen: headOf(log) };
    return log.id === undefined ? header : { ...header, log: log.id.slice(0, 16) };
  }

  #append(entry: Entry, log: DirectoryLog | OperationLog, items: Uint8Array[]): Uint8Array {
    this.#at += 1000;
    const item = placed(log.size, this.#at, entry);
    const rejection = log.apply(item);
    if (rejection !== undefined) throw new Error(`${entry.header.type}: ${rejection.code}: ${rejection.detail}`);
    const data = encodeItem(item);
    items.push(data);
    return data;
  }
}

function headOf(log: DirectoryLog | OperationLog): readonly [number, Uint8Array] {
  return [log.size, log.root(log.size)!];
}
