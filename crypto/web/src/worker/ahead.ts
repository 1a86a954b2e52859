/**
 * Signatures verified ahead by a second worker, from the end of a call's items while the first goes from their start.
 *
 * It is told of good signatures alone, each for the key that it was held against, and nobody waits for it: what it
 * has not told of is verified where the rules ask for it. So if it fails, is ended or is slow, all that changes is the time.
 */
import { hex } from "../public/bytes.ts";
import { type Entry, verifySignature } from "../public/entry.ts";
import { ProtocolError } from "../public/errors.ts";
import { loadSodium } from "../public/sodium.ts";
import { holdVerified } from "../public/verified.ts";
import { decodeItem } from "../public/wire.ts";

/** Device id in hex, and its signing key: an id is made of its key, so no other could become true later (KEY-6). */
export type Keys = ReadonlyMap<string, Uint8Array>;

/** To the second worker; a job in place of the one before. */
export interface Job {
  readonly job: number;
  readonly items: readonly Uint8Array[];
  readonly keys: Keys;
}

/** From it: places whose entry is signed by the key that the job names for its device. */
export interface Found {
  readonly job: number;
  readonly places: readonly number[];
}

/** What a worker and a MessagePort are, as who asks sees them. */
export interface Verifier {
  postMessage(message: Job): void;
  addEventListener(type: string, listener: (event: any) => void): void;
}

/** The same, as the second worker sees it. */
export interface Asker {
  postMessage(message: Found): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Job>) => void): void;
}

/** A second worker takes about as long to start as so many signatures take to verify. */
export const WORTH_IT = 300;
const AT_ONCE = 32;

/** The asker's side. */
export class Ahead {
  readonly #start: () => Verifier | undefined;
  #verifier: Verifier | undefined;
  #failed = false;
  #job = 0;
  #keys: Keys = new Map();
  #places = new Set<number>();

  /** `start` is called once, when it is first worth it; undefined where there is no second worker. */
  constructor(start: () => Verifier | undefined) {
    this.#start = start;
  }

  /** Have these verified, from the last one on. */
  begin(items: readonly Uint8Array[], keys: () => Keys): void {
    this.end();
    if (items.length < WORTH_IT || this.#failed) return;
    this.#verifier ??= this.#started();
    if (this.#verifier === undefined) return;
    this.#keys = keys();
    this.#verifier.postMessage({ job: this.#job, items, keys: this.#keys });
  }

  /** Hold the entry at this place of the items verified, if word of it has come. */
  note(place: number, entry: Entry): void {
    if (!this.#places.has(place)) return;
    const key = this.#keys.get(hex(entry.header.device));
    if (key !== undefined) holdVerified(entry, key);
  }

  /** What comes later about the items of before counts for nothing. */
  end(): void {
    this.#job++;
    this.#keys = new Map();
    this.#places = new Set();
  }

  #started(): Verifier | undefined {
    const verifier = this.#start();
    verifier?.addEventListener("message", ({ data }: { data: Found }) => {
      if (data.job === this.#job) for (const place of data.places) this.#places.add(place);
    });
    verifier?.addEventListener("error", () => {
      this.#verifier = undefined;
      this.#failed = true;
    });
    this.#failed = verifier === undefined;
    return verifier;
  }
}

/** The second worker's side, until its end. */
export function verifyAhead(port: Asker): void {
  let current = 0;
  port.addEventListener("message", async ({ data }) => {
    current = data.job;
    await loadSodium();
    for (let end = data.items.length; end > 0 && data.job === current; end -= AT_ONCE) {
      port.postMessage({ job: data.job, places: good(data, Math.max(0, end - AT_ONCE), end) });
      await breath();
    }
  });
}

/** Places from `start` up to `end` of entries with a good signature by a device that is known. */
function good({ items, keys }: Job, start: number, end: number): number[] {
  const places: number[] = [];
  for (let place = end - 1; place >= start; place--) {
    try {
      const { entry } = decodeItem(items[place]!);
      const key = entry && keys.get(hex(entry.header.device));
      if (entry === undefined || key === undefined) continue;
      verifySignature(entry, key);
      places.push(place);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error; // else the first worker meets it, and says what it is
    }
  }
  return places;
}

/** Let what came in be read: in a worker, a cancel or word of signatures. */
export function breath(): Promise<void> {
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });
}
