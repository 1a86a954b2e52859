/** Places whose content a restore from backup lost for good: log.restored (PROTOCOL 11.2, A50). */
import { equal } from "./bytes.ts";
import { leafHash } from "./entry.ts";
import { RuleViolation } from "./errors.ts";
import type { Roots } from "./history.ts";

export interface RestoringBody {
  readonly log: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** u64 at || scope[16] || inner[32] each. */
  readonly leaves: readonly Uint8Array[];
  readonly serial: number;
}

/** RES-3: the places from `from` up to but not including `to`, whose leaves are this log's own. */
export function namedPlaces(
  body: RestoringBody,
  seenSize: number,
  log: Uint8Array,
  roots: Roots,
): { from: number; to: number } {
  const { from, to, leaves } = body;
  if (!equal(body.log, log.subarray(0, 16))) {
    throw new RuleViolation("wrong_log", "the body was signed for another log");
  }
  if (!(1 <= from && from < to && to <= seenSize)) {
    throw new RuleViolation("bad_value", `entries ${from} to ${to}; 1 <= from < to <= ${seenSize} expected`);
  }
  if (leaves.length !== to - from) {
    throw new RuleViolation("bad_count", `${leaves.length} leaves read, ${to - from} expected`);
  }
  leaves.forEach((leaf, index) => {
    const at = new DataView(leaf.buffer, leaf.byteOffset).getBigUint64(0);
    const own = roots.leaf(from + index);
    const named = leafHash(from + index, at, leaf.subarray(8, 24), leaf.subarray(24));
    if (own === undefined || !equal(own, named)) {
      throw new RuleViolation("bad_proof", `the leaf of entry ${from + index} is not this log's`);
    }
  });
  return { from, to };
}

/** What a replay knows beforehand: by the seq of a log.restored, the places that it names. */
export class Losses {
  readonly named: ReadonlyMap<number, { from: number; to: number }>;

  constructor(named: ReadonlyMap<number, { from: number; to: number }> = new Map()) {
    this.named = named;
  }

  /** Places that count for nothing; what a log.restored that is itself lost has named is not among them. */
  void(): Set<number> {
    const places = new Set<number>();
    for (const seq of [...this.named.keys()].sort((one, other) => other - one)) {
      if (places.has(seq)) continue;
      const { from, to } = this.named.get(seq)!;
      for (let place = from; place < to; place++) places.add(place);
    }
    return places;
  }

  and(seq: number, from: number, to: number): Losses {
    return new Losses(new Map([...this.named, [seq, { from, to }]]));
  }
}

/** Not an error of the log: it must be replayed from its start with these losses. */
export class ReadAnew extends Error {
  readonly losses: Losses;

  constructor(losses: Losses) {
    super("the log must be replayed without what it calls lost");
    this.losses = losses;
  }
}
