/** Per scope, what was accepted: watermark, ids, heads, and the trail over it all (PROTOCOL 7.1, OPS-4). */
import { hex } from "../bytes.ts";
import type { Entry } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import { sha256 } from "../primitives.ts";
import type { Item } from "../wire.ts";
import type { Ledger } from "./state.ts";

/** Note an accepted entry. */
export function advance(ledger: Ledger, item: Item & { entry: Entry }, decides: boolean): void {
  const { header } = item.entry;
  const device = hex(header.device);
  ledger.watermark = Math.max(ledger.watermark, header.dir![0]);
  if (decides) ledger.decision = item.seq;
  ledger.seen.set(device, Math.max(ledger.seen.get(device) ?? 0, header.seen[0]));
  let ids = ledger.ids.get(device);
  if (ids === undefined) {
    ids = new Set();
    ledger.ids.set(device, ids);
  }
  ids.add(hex(header.id));
  ledger.trail = sha256(ledger.trail, item.leaf);
}

/** OPS-4: the id is new in each of `own`, then `seen` is not below what any of `all` has of the device. */
export function checkAgainst({ header }: Entry, own: readonly Ledger[], all: readonly Ledger[]): void {
  const device = hex(header.device);
  const id = hex(header.id);
  if (own.some((ledger) => ledger.ids.get(device)?.has(id))) {
    throw new RuleViolation("duplicate_id", `entry id ${id} was used by this device in this scope`);
  }
  const [size] = header.seen;
  const before = Math.max(...all.map((ledger) => ledger.seen.get(device) ?? 0));
  if (size < before) {
    throw new RuleViolation("seen_decreased", `seen size ${size} read after ${before} of the same device`);
  }
}
