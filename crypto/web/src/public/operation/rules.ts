/**
 * apply of an operation (PROTOCOL 7.1): what an entry does, or why nothing.
 *
 * A rule checks everything first and gives its effect as a function; so what is rejected, or stops
 * half way, has changed nothing (OPS-17).
 */
import { equal, hex } from "../bytes.ts";
import { ruled } from "../directory/claims.ts";
import { checkPoster, checkRootSignatures, checkSerial } from "../directory/roots.ts";
import type { DirectoryView } from "../directory/state.ts";
import { type Entry, type Head, verifySignature } from "../entry.ts";
import { DirectoryBehind, RuleViolation } from "../errors.ts";
import type { Roots } from "../history.ts";
import { namedPlaces, type RestoringBody } from "../lost.ts";
import { refusal } from "../phases.ts";
import { hasChannel, isGenesis, isOperationType } from "../types.ts";
import type { Item } from "../wire.ts";
import { type Act, type ChannelAct, channelOf, checkRight, type DeviceAct, type Effect } from "./act.ts";
import { CHANNEL_RULES } from "./channels.ts";
import { COURSE_RULES } from "./course.ts";
import { DECISION_RULES } from "./decisions.ts";
import { DISCLOSURE_RULES } from "./disclosure.ts";
import { ENDING_RULES } from "./ending.ts";
import { EPOCH_RULES } from "./epochs.ts";
import { foundOperation } from "./genesis.ts";
import { advance, checkAgainst } from "./ledger.ts";
import { MEMBERSHIP_RULES } from "./membership.ts";
import { type Channel, type Ledger, type OperationState, phaseAt } from "./state.ts";

/** The directory as operations ask for it. */
export interface DirectoryHistory extends Roots {
  readonly size: number;
  viewAt(size: number): DirectoryView | undefined;
}

const CONTROL_RULES = {
  ...MEMBERSHIP_RULES,
  ...CHANNEL_RULES,
  ...COURSE_RULES,
  ...DECISION_RULES,
  ...DISCLOSURE_RULES,
};
const RELEASING = ["release", "release.receipt"];
const CHANNEL_DECISIONS = ["channel.rotate", "channel.grant"];

/** The state after a genesis. Raises RuleViolation, DirectoryBehind, or ProtocolError to stop. */
export function openOperation(item: Item & { entry: Entry }, directory: DirectoryHistory): OperationState {
  return foundOperation(item, checkDirectory(directory, item.entry.header.dir!));
}

/** Raises as `openOperation`; the effect is done when the caller calls it. */
export function judgeOperation(
  state: OperationState,
  item: Item & { entry: Entry },
  roots: Roots,
  directory: DirectoryHistory,
): Effect {
  const { entry, seq, at } = item;
  const { type } = entry.header;
  const channel = checkKind(state, entry);
  checkSeen(seq, entry, roots);
  checkDirectory(directory, entry.header.dir!);
  const scope = scopeOf(state, type, channel);
  const watermark = checkWatermark(entry, scope);
  const act: Act = { state, seq, at, leaf: hex(item.leaf), entry, roots, view: directory.viewAt(watermark)! };
  const device = type === "log.restored" ? checkPoster(entry) : authorOf(act);
  checkAgainst(entry, scope.ids, scope.all);
  checkFresh(entry, scope);
  const refused = refusal(type, phaseAt(state, at));
  if (refused !== undefined) throw new RuleViolation(refused, `${type} in phase ${phaseAt(state, at)}`);
  const effect = device === undefined ? restored(act) : ruleOf(device, channel);
  return () => {
    effect();
    advance(scope.own, item, scope.decides);
  };
}

/** Step 1; the channel that the entry is of, if it is of one. */
function checkKind(state: OperationState, { header }: Entry): Channel | undefined {
  const { type, log, suite, chan, dir } = header;
  if (!isOperationType(type)) throw new RuleViolation("wrong_type", `${type} read, a type of operations expected`);
  if (isGenesis(type)) throw new RuleViolation("wrong_type", "a second genesis");
  if (dir === undefined) throw new RuleViolation("malformed", "header.dir is missing in an operation");
  if (log === undefined || !equal(log, state.id.subarray(0, 16))) {
    throw new RuleViolation("wrong_log", "header.log names another log");
  }
  if (suite < state.suiteMin) {
    throw new RuleViolation("bad_value", `suite ${suite} read, at least ${state.suiteMin} expected`);
  }
  return chan === undefined ? undefined : channelOf(state, chan);
}

/** OPS-1 of this log. */
function checkSeen(seq: number, { header }: Entry, roots: Roots): void {
  const [size, root] = header.seen;
  const own = size <= seq ? roots.root(size) : undefined;
  if (own === undefined || !equal(own, root)) {
    throw new RuleViolation("wrong_head", `seen size ${size} with a root that this log has not, at seq ${seq}`);
  }
}

/** OPS-1 of the directory. */
function checkDirectory(directory: DirectoryHistory, [size, root]: Head): DirectoryView {
  if (size > directory.size) throw new DirectoryBehind(size);
  const view = directory.viewAt(size);
  if (view === undefined || !equal(directory.root(size)!, root)) {
    throw new RuleViolation("wrong_head", `directory size ${size} with a root that it has not`);
  }
  return view;
}

/** Which ledgers an entry is held against, and which one notes it. */
interface Scope {
  readonly own: Ledger;
  /** Of which its watermark is the greatest, and `seen` not below. */
  readonly all: readonly Ledger[];
  /** Where its id must be new. */
  readonly ids: readonly Ledger[];
  /** Decisions that it must have seen. */
  readonly decisions: readonly Ledger[];
  readonly decides: boolean;
  readonly watermarks: readonly Ledger[];
}

function scopeOf({ control, releasing }: OperationState, type: string, channel: Channel | undefined): Scope {
  if (channel !== undefined) {
    const { ledger } = channel;
    const all = [control, ledger];
    return { own: ledger, all, ids: [ledger], decisions: all, decides: CHANNEL_DECISIONS.includes(type), watermarks: all };
  }
  if (RELEASING.includes(type)) {
    const all = [control, releasing];
    return { own: releasing, all, ids: all, decisions: [control], decides: true, watermarks: [control] };
  }
  const all = [control];
  return { own: control, all, ids: all, decisions: all, decides: true, watermarks: all };
}

/** OPS-2; the entry's watermark. */
function checkWatermark({ header }: Entry, { decides, watermarks }: Scope): number {
  const [size] = header.dir!;
  const before = Math.max(...watermarks.map(({ watermark }) => watermark));
  if (decides && size < before) {
    throw new RuleViolation("stale_directory", `directory size ${size} in a decision, at least ${before} expected`);
  }
  return Math.max(size, before);
}

/** Step 4. */
function authorOf(act: Act): DeviceAct {
  const { entry, view } = act;
  const device = view.device(hex(entry.header.device));
  if (device === undefined) {
    throw new RuleViolation(
      "unknown_device",
      `device ${hex(entry.header.device)} is not in the directory at size ${view.size}`,
    );
  }
  ruled(() => verifySignature(entry, device.signPk));
  return { ...act, device, author: view.person(device.person)! };
}

/** OPS-3. */
function checkFresh({ header }: Entry, { decides, decisions }: Scope): void {
  if (!decides) return;
  const [size] = header.seen;
  const last = Math.max(...decisions.map(({ decision }) => decision));
  if (last >= size) throw new RuleViolation("stale_seen", `a decision at seq ${last}, the author has seen ${size}`);
}

/** Steps 8 and 9. */
function ruleOf(act: DeviceAct, channel: Channel | undefined): Effect {
  const { header, body } = act.entry;
  if (channel === undefined || !hasChannel(header.type)) {
    checkRight(act);
    return CONTROL_RULES[header.type]!(act, body);
  }
  const own: ChannelAct = { ...act, channel };
  const ending = ENDING_RULES[header.type];
  if (ending !== undefined) return ending(own, body);
  checkRight(act);
  return EPOCH_RULES[header.type]!(own, body);
}

/** RES-1. */
function restored(act: Act): Effect {
  const { state, seq, entry, view, roots } = act;
  const body = entry.body as unknown as RestoringBody & Parameters<typeof checkSerial>[0];
  checkSerial(body, state.restored.at(-1)?.serial ?? 0);
  checkRootSignatures({ type: "governance", ...view.governance }, view.id, body);
  const { from, to } = namedPlaces(body, entry.header.seen[0], state.id, roots);
  return () => {
    state.restored.push({ seq, from, to, serial: body.serial });
    for (const channel of state.channels.values()) channel.lost = channel.epochs.size > 0;
  };
}
