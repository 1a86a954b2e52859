/** An entry of an operation that is being judged, and what most rules ask first. */
import { hex } from "../bytes.ts";
import type { Device, DirectoryView, Person } from "../directory/state.ts";
import type { Entry } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import type { Roots } from "../history.ts";
import type { LeafHash } from "../ids.ts";
import { isEligible, isInChannel } from "./recipients.ts";
import { mayAuthor } from "./rights.ts";
import { auditSetOf, type Channel, isOver, type Member, type OperationState, type Window, windowOf } from "./state.ts";

export interface Act {
  readonly state: OperationState;
  readonly seq: number;
  readonly at: number;
  readonly leaf: LeafHash;
  readonly entry: Entry;
  readonly roots: Roots;
  /** The directory at the entry's watermark, which is its size. */
  readonly view: DirectoryView;
}

/** One whose author's device is in the directory: any but log.restored. */
export interface DeviceAct extends Act {
  readonly device: Device;
  readonly author: Person;
}

/** In a channel's scope. */
export interface ChannelAct extends DeviceAct {
  readonly channel: Channel;
}

export type Effect = () => void;
export type Rule<Kind extends Act = DeviceAct> = (act: Kind, body: any) => Effect;

/** Step 8 for the author of an entry: `inactive`, `not_member`, `not_permitted`. */
export function checkRight(act: DeviceAct, type: string = act.entry.header.type): void {
  checkRightOf(act, act.device, type);
}

/** OPS-5, OPS-19 and AUD-2 for a device at this entry. */
export function checkRightOf({ state, view, at }: Act, device: Device, type: string): void {
  if (!view.isActiveDevice(device)) {
    throw new RuleViolation("inactive", `device ${device.id} is revoked, or its person is not active`);
  }
  const person = view.person(device.person)!;
  const member = state.members.get(person.id);
  if (member !== undefined && mayAuthor(member.role, type) && isEligible(state, view, device)) return;
  const isAuditor = auditSetOf(state).persons.includes(person.id);
  if (isAuditor && mayAuthor("auditor", type)) return;
  if (isOver(state, at) && decidesAfterEnd(state, view, person, type)) return;
  if (type === "audit.grant" && state.audits.some(({ persons }) => persons.includes(person.id))) return;
  if (member === undefined && !isAuditor) {
    throw new RuleViolation("not_member", `person ${person.id} has no role in this operation`);
  }
  throw new RuleViolation("not_permitted", `${member?.role ?? "auditor"} ${person.id} may not author ${type} by this device`);
}

/** OPS-19. */
function decidesAfterEnd(state: OperationState, view: DirectoryView, person: Person, type: string): boolean {
  if (!mayAuthor("coordinator", type)) return false;
  if (view.mayCreate(person) && person.administration === state.foundingAdministration) return true;
  return type.endsWith(".approve") && view.isNcp(person) && state.administrations.has(person.administration);
}

/** `unknown_channel`. */
export function channelOf(state: OperationState, id: Uint8Array): Channel {
  const channel = state.channels.get(hex(id));
  if (channel === undefined) throw new RuleViolation("unknown_channel", `channel ${hex(id)} is not in this operation`);
  return channel;
}

/** `not_member`. */
export function memberOf(state: OperationState, id: Uint8Array): Member {
  const member = state.members.get(hex(id));
  if (member === undefined) throw new RuleViolation("not_member", `person ${hex(id)} is no member`);
  return member;
}

/** `unknown_person`. */
export function personIn(view: DirectoryView, id: Uint8Array): Person {
  const person = view.person(hex(id));
  if (person === undefined) {
    throw new RuleViolation("unknown_person", `person ${hex(id)} is not in the directory at size ${view.size}`);
  }
  return person;
}

/** `not_member` unless the author is in the channel (CHN-2). */
export function checkInChannel({ state, channel, author }: ChannelAct): void {
  if (!isInChannel(state, channel, author.id)) {
    throw new RuleViolation("not_member", `person ${author.id} is not in channel ${channel.name}`);
  }
}

/** OPS-6 for a channel's entry: before its channel.close, and in its window and grace. */
export function checkChannelTime({ state, channel, at }: ChannelAct): void {
  if (channel.closedAt !== undefined) throw new RuleViolation("closed", `channel ${channel.name} is closed`);
  const [first, last] = windowOf(state, channel);
  if (at < first || at > last + state.grace) {
    throw new RuleViolation("out_of_window", `at ${at}; ${first} to ${last} and ${state.grace} ms of grace expected`);
  }
}

/** `bad_value` unless the window has its start before its end, and lies inside the other (OPS-6). */
export function checkInside([first, last]: Window, [outerFirst, outerLast]: Window, what: string): void {
  if (first >= last || first < outerFirst || last > outerLast) {
    throw new RuleViolation(
      "bad_value",
      `${what} ${first} to ${last}: its start before its end, inside ${outerFirst} to ${outerLast} expected`,
    );
  }
}

/** `bad_value` where something is listed twice. */
export function checkNoneTwice(ids: readonly Uint8Array[], what: string): void {
  if (new Set(ids.map(hex)).size < ids.length) throw new RuleViolation("bad_value", `${what} stands twice`);
}
