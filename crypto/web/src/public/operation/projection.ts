/** An operation's state as bytes, by which implementations compare (PROTOCOL OPS-21). */
import { fromHex } from "../bytes.ts";
import { encode, type Value, type ValueMap } from "../encoding.ts";
import type { ChannelId } from "../ids.ts";
import { sha256 } from "../primitives.ts";
import type { Channel, Ledger, OperationState } from "./state.ts";

/** H(encode(p)); of a reader of `channels` alone, if given. */
export function operationHash(state: OperationState, channels?: ReadonlySet<ChannelId>): Uint8Array {
  return sha256(encode(project(state, channels)));
}

function project(state: OperationState, channels: ReadonlySet<ChannelId> | undefined): Value {
  const map: ValueMap = {
    id: state.id,
    size: state.size,
    at: state.at,
    rules: state.rules,
    phase: state.phase,
    interrupted: opt(state.interrupted),
    window: [...state.window],
    live: [...state.live],
    closed_at: opt(state.closedAt),
    members: sorted(state.members).map(([id, one]) => [
      fromHex(id),
      fromHex(one.administration),
      one.role,
      one.seq,
      one.admittedAt,
      one.chan === undefined ? [] : [fromHex(one.chan)],
      [...one.kinds],
      opt(one.rate),
    ]),
    former: ids(state.former),
    admins: ids(state.administrations),
    accepted: ids(state.accepted),
    channels: sorted(state.channels).map(([id, one]) => channel(one, channels === undefined || channels.has(id))),
    audits: state.audits.map(({ k, persons }, index) => [index + 1, k, persons.map(fromHex)]),
    proposals: sorted(state.proposals).map(([leaf, one]) => [
      fromHex(leaf),
      one.of,
      fromHex(one.person),
      one.at,
      one.spent,
    ]),
    holds: sorted(state.holds).map(([leaf, { person, at }]) => [fromHex(leaf), fromHex(person), at]),
    requests: sorted(state.requests).map(([leaf, one]) => [
      fromHex(leaf),
      fromHex(one.person),
      fromHex(one.chan),
      [...one.grants.values()]
        .sort((a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : a.x - b.x))
        .map(({ n, x, share }) => [n, x, share]),
      opt(one.report),
    ]),
    restored: state.restored.map(({ seq, from, to, serial }) => [seq, from, to, serial]),
    control: ledger(state.control),
  };
  if (channels === undefined) {
    map["releases"] = sorted(state.releases).map(([leaf, one]) => [
      fromHex(leaf),
      fromHex(one.person),
      fromHex(one.entry),
      opt(one.receipt),
    ]);
    map["releasing"] = ledger(state.releasing);
  }
  return map;
}

function channel(one: Channel, whole: boolean): ValueMap {
  const map: ValueMap = {
    id: fromHex(one.id),
    name: one.name,
    creator: fromHex(one.creator),
    created: one.created,
    window: [...one.window],
    parent: one.parent === undefined ? [] : [fromHex(one.parent)],
    main: one.main,
  };
  if (one.members !== undefined) map["members"] = ids(one.members);
  if (one.rule !== undefined) {
    const { all, administrations, roles } = one.rule;
    map["rule"] = [all, ids(new Set(administrations)), [...new Set(roles)].sort()];
  }
  if (!whole) return map;
  return {
    ...map,
    epochs: [...one.epochs.values()].map((epoch) => [
      epoch.n,
      epoch.p,
      epoch.seq,
      epoch.watermark,
      epoch.auditVersion,
      epoch.commit,
      sorted(epoch.grants).map(([device, wrap]) => [fromHex(device), wrap]),
    ]),
    lost: one.lost,
    flagged: [...one.flagged].sort((a, b) => (a < b ? -1 : 1)),
    closed_at: opt(one.closedAt),
    reveals: [...one.reveals].sort(([a], [b]) => a - b).map(([n, kc]) => [n, kc]),
    ledger: ledger(one.ledger),
  };
}

function ledger({ watermark, decision, seen, trail }: Ledger): Value {
  return [watermark, decision + 1, sorted(seen).map(([device, size]) => [fromHex(device), size]), trail];
}

function opt<T extends Value>(value: T | undefined): Value[] {
  return value === undefined ? [] : [value];
}

function ids(set: ReadonlySet<string>): Value[] {
  return [...set].sort().map(fromHex);
}

function sorted<T>(rows: ReadonlyMap<string, T>): [string, T][] {
  return [...rows].sort(([one], [other]) => (one < other ? -1 : 1));
}
