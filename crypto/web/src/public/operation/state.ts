/** An operation's state (PROTOCOL 7.1), as plain data. */
import type { Restored } from "../directory/state.ts";
import type { AdministrationId, ChannelId, DeviceId, EntryId, LeafHash, PersonId } from "../ids.ts";
import type { Phase } from "../phases.ts";
import { ZERO_32 } from "../primitives.ts";
import type { RotateBody } from "./epochs.ts";
import type { Role } from "./rights.ts";

/** Server times in ms; both ends are included. */
export type Window = readonly [first: number, last: number];

export interface Member {
  readonly person: PersonId;
  readonly administration: AdministrationId;
  role: Role;
  /** The entry that admitted it. */
  readonly seq: number;
  /** The directory's size at the admission. */
  readonly admittedAt: number;
  chan: ChannelId | undefined;
  readonly kinds: readonly string[];
  readonly rate: number | undefined;
}

export interface ChannelRule {
  readonly all: boolean;
  readonly administrations: readonly AdministrationId[];
  readonly roles: readonly Role[];
}

export interface Epoch {
  readonly n: number;
  readonly p: number;
  readonly seq: number;
  readonly watermark: number;
  readonly auditVersion: number;
  readonly commit: Uint8Array;
  readonly closeCommit: Uint8Array;
  /** The rotate's, which members compute again (ROT-4). */
  readonly body: RotateBody;
  readonly recipients: readonly DeviceId[];
  /** By device, the hash of the wrap of its last grant. */
  readonly grants: Map<DeviceId, Uint8Array>;
}

export interface Channel {
  readonly id: ChannelId;
  readonly name: string;
  readonly creator: PersonId;
  readonly created: number;
  /** Its own: see `windowOf`. */
  window: Window;
  readonly parent: ChannelId | undefined;
  readonly main: boolean;
  /** Either this or `rule`; neither for the main channel. */
  readonly members: Set<PersonId> | undefined;
  readonly rule: ChannelRule | undefined;
  readonly epochs: Map<number, Epoch>;
  /** A log.restored came since the last rotate. */
  lost: boolean;
  readonly flagged: Set<number | bigint>;
  closedAt: number | undefined;
  readonly reveals: Map<number, Uint8Array>;
  /** Accepted drops: whose they are. */
  readonly drops: Map<LeafHash, PersonId>;
  /** Leaf hash of a drop || device that has its result. */
  readonly answered: Set<string>;
  readonly ledger: Ledger;
  /** What `isStale` found last, and of which state. */
  staleness: { of: string; stale: boolean } | undefined;
}

/** What was accepted in a scope. */
export interface Ledger {
  /** The greatest dir.size of its own entries. */
  watermark: number;
  /** Seq of the last decision, -1 before the first. */
  decision: number;
  readonly seen: Map<DeviceId, number>;
  readonly ids: Map<DeviceId, Set<EntryId>>;
  trail: Uint8Array;
}

export interface AuditSet {
  readonly k: number;
  readonly persons: readonly PersonId[];
}

export interface Proposal {
  /** X of X.propose. */
  readonly of: string;
  readonly person: PersonId;
  readonly device: DeviceId;
  readonly administration: AdministrationId;
  readonly at: number;
  readonly body: unknown;
  spent: boolean;
}

export interface AuditRequest {
  readonly person: PersonId;
  readonly chan: ChannelId;
  /** By "n x", the last share. */
  readonly grants: Map<string, { n: number | bigint; x: number; share: Uint8Array }>;
  report: Uint8Array | undefined;
}

export interface Release {
  readonly person: PersonId;
  readonly administration: AdministrationId;
  readonly entry: LeafHash;
  receipt: string | undefined;
}

export interface OperationState {
  readonly id: Uint8Array;
  size: number;
  at: number;
  readonly rules: number;
  readonly suiteMin: number;
  readonly history: "all" | "none";
  /** The author of the genesis, and its administration. */
  readonly founder: PersonId;
  readonly foundingAdministration: AdministrationId;
  readonly eraseAt: number;
  /** ms. */
  readonly grace: number;
  window: Window;
  live: Window;
  /** By entries alone: see `phaseAt`. */
  phase: Phase;
  interrupted: Phase | undefined;
  closedAt: number | undefined;
  readonly members: Map<PersonId, Member>;
  readonly former: Set<PersonId>;
  readonly administrations: Set<AdministrationId>;
  readonly accepted: Set<DeviceId>;
  readonly main: ChannelId;
  readonly channels: Map<ChannelId, Channel>;
  /** Version 1 first. */
  readonly audits: AuditSet[];
  readonly proposals: Map<LeafHash, Proposal>;
  readonly holds: Map<LeafHash, { person: PersonId; at: number }>;
  readonly requests: Map<LeafHash, AuditRequest>;
  readonly releases: Map<LeafHash, Release>;
  readonly restored: Restored[];
  readonly control: Ledger;
  readonly releasing: Ledger;
  /** Of accepted messages and drops that this reader holds: whose they are (REL-1). */
  readonly owners: Map<LeafHash, AdministrationId>;
}

export function newLedger(): Ledger {
  return { watermark: 0, decision: -1, seen: new Map(), ids: new Map(), trail: ZERO_32 };
}

/** The phase at a time: the end counts even without an entry (OPS-7). */
export function phaseAt(state: OperationState, at: number): Phase {
  return at > state.window[1] + state.grace && state.phase !== "erased" ? "closed" : state.phase;
}

/** Whether the operation has ended by then. */
export function isOver(state: OperationState, at: number): boolean {
  const phase = phaseAt(state, at);
  return phase === "closed" || phase === "erased";
}

export function auditSetOf(state: OperationState): AuditSet {
  return state.audits.at(-1)!;
}

/** The main channel's is the operation's, a directed channel's its parent's (OPS-6). */
export function windowOf(state: OperationState, channel: Channel): Window {
  if (channel.main) return state.window;
  return channel.parent === undefined ? channel.window : state.channels.get(channel.parent)!.window;
}

/** By time or the operation's end; channel.close aside, which not everybody reads (7.9). */
export function isChannelOverForAll(state: OperationState, channel: Channel, at: number): boolean {
  return isOver(state, at) || at > windowOf(state, channel)[1] + state.grace;
}

export function isChannelOver(state: OperationState, channel: Channel, at: number): boolean {
  return channel.closedAt !== undefined || isChannelOverForAll(state, channel, at);
}

/** The number of the current epoch, 0 before the first. */
export function currentEpoch(channel: Channel): number {
  return channel.epochs.size;
}
