/** So many entries that a second worker is worth it, some of which are signed by nobody or by another. */
import { author, type Entry } from "../../src/public/entry.ts";
import { encodeItem, placed } from "../../src/public/wire.ts";
import { WORTH_IT } from "../../src/worker/ahead.ts";
import { CryptoWorker } from "../../src/worker/client.ts";
import { Deployment } from "./deployment.ts";

export interface Many {
  readonly deployment: Deployment;
  readonly entries: readonly Entry[];
  readonly items: readonly Uint8Array[];
  /** What the rules say of each: that it came too late, but of the first, or that its signature is none. */
  readonly codes: readonly (string | undefined)[];
}

/** The operation of a deployment with entries behind it that all name the same head. Call after `loadSodium`. */
export function many(): Many {
  const deployment = new Deployment();
  const { operation, operationItems, chief, officer } = deployment;
  const [start, at] = [operation.size, operation.state.at];
  const entries = Array.from({ length: WORTH_IT + 20 }, (_, place): Entry => {
    const key = place % 10 === 7 ? officer.sign : chief.sign;
    const entry = author(deployment.header("hold", chief), { reason: "none" }, key);
    if (place % 10 === 3) entry.signature[place % 64]! ^= 1;
    return entry;
  });
  const codes = entries.map((_, place) => {
    if (place % 10 === 3 || place % 10 === 7) return "bad_signature";
    return place === 0 ? undefined : "stale_seen";
  });
  const more = entries.map((entry, place) => encodeItem(placed(start + place, at + 1000, entry)));
  return { deployment, entries, items: [...operationItems, ...more], codes };
}

/** What a worker says of each of them. */
export async function codesBy(worker: CryptoWorker, { deployment, items, entries }: Many): Promise<(string | undefined)[]> {
  await worker.call("directory", { id: deployment.directory.id!, items: deployment.directoryItems });
  const told = await worker.call("operation", { id: deployment.operation.id!, items });
  if (told.size !== items.length) throw new Error(JSON.stringify(told.stopped));
  const codes = new Map(told.rejected.map(({ seq, code }) => [seq, code]));
  return entries.map((_, place) => codes.get(items.length - entries.length + place));
}
