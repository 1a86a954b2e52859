/**
 * The end of a channel: its close keys are shown, and what they reach (PROTOCOL 8.8).
 *
 * Once a channel is over its close keys are revealed; with k shares they open it to auditors. Each
 * gives the keys of the epochs before it, by prev_close.
 */
import type { ValueMap } from "../public/encoding.ts";
import { equal } from "../public/bytes.ts";
import type { Channel, OperationState } from "../public/operation/state.ts";
import { epochOf } from "../public/operation/epochs.ts";
import { CloseKey, type EpochContext, type EpochSecret } from "./epoch.ts";
import { contextAt, epochsOf, openPreviousClose, orNothing } from "./links.ts";

/** What some close keys give in one channel. */
export interface Reached {
  /** By epoch. */
  readonly keys: ReadonlyMap<number, CloseKey>;
  /** Epochs whose key is there and whose prev_close leads nowhere, rising. */
  readonly broken: readonly number[];
  /** Epochs that no key reaches, rising. */
  readonly missing: readonly number[];
}

/** The body of a channel.close, of the current epoch, or of a channel.reveal, of any. */
export function revealBody(secret: EpochSecret): ValueMap {
  return { n: secret.context.n, kc: secret.closeKey.key };
}

/** A revealed key that proved itself (CLO-1); raises `bad_commit`. */
export function verifyReveal(kc: Uint8Array, context: EpochContext, closeCommit: Uint8Array): CloseKey {
  const key = new CloseKey(kc, context);
  key.check(closeCommit);
  return key;
}

/** Follow prev_close from `keys` along p, of good and bad epochs alike (CLO-3). */
export function reach(state: OperationState, channel: Channel, keys: Iterable<CloseKey>): Reached {
  const known = new Map<number, CloseKey>();
  for (const key of keys) known.set(key.context.n, key);
  const broken: number[] = [];
  const epochs = epochsOf(channel);
  for (const { n, p } of epochs.toReversed()) {
    const key = known.get(n);
    if (key === undefined || p === 0 || known.has(p)) continue; // p is always below n
    const before = orNothing(() => openPreviousClose(state, channel, key));
    if (before === undefined) broken.unshift(n);
    else known.set(p, before);
  }
  const missing = epochs.map(({ n }) => n).filter((n) => !known.has(n));
  return { keys: known, broken, missing };
}

/** What the reveals that stand in the log give; the rules have held each against its close_commit. */
export function revealed(state: OperationState, channel: Channel): Reached {
  const shown = [...channel.reveals].map(([n, kc]) => new CloseKey(kc, contextAt(state, channel, n)));
  return reach(state, channel, shown);
}

/**
 * Which of the epochs at hand are still to be revealed, newest first (CLO-3): those that no reveal in
 * the log and no newer one of them reaches, but for those whose own close_commit is false.
 *
 * No secret may be deleted before its reveal is under a verified checkpoint.
 */
export function toReveal(state: OperationState, channel: Channel, secrets: Iterable<EpochSecret>): EpochSecret[] {
  const known = new Set(revealed(state, channel).keys.keys());
  const due: EpochSecret[] = [];
  for (const secret of [...secrets].sort((one, other) => other.context.n - one.context.n)) {
    const { n } = secret.context;
    if (known.has(n) || !equal(secret.closeCommit, epochOf(channel, n).closeCommit)) continue;
    due.push(secret);
    let key: CloseKey | undefined = secret.closeKey;
    while (key !== undefined && !known.has(key.context.n)) {
      known.add(key.context.n);
      const last: CloseKey = key; // each link is opened once for all: the end of a long operation is no time to count
      key = orNothing(() => openPreviousClose(state, channel, last));
    }
  }
  return due;
}
