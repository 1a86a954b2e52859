/** Channels: made, and who is on their lists (PROTOCOL 7.9). */
import { hex } from "../bytes.ts";
import { channelId } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import { channelOf, checkInside, checkNoneTwice, type DeviceAct, memberOf, type Rule } from "./act.ts";
import { strikeOff, within } from "./membership.ts";
import { isInChannel, type Roster } from "./recipients.ts";
import type { Role } from "./rights.ts";
import { type Channel, type ChannelRule, isChannelOverForAll, newLedger, type Window, windowOf } from "./state.ts";

const MAX_CHANNELS = 4096;

interface Creation {
  readonly name: string;
  readonly window: Window;
  readonly members?: readonly Uint8Array[];
  readonly rule?: { readonly all?: boolean; readonly admins?: readonly Uint8Array[]; readonly roles?: readonly Role[] };
  readonly parent?: Uint8Array;
}

function readRule(rule: NonNullable<Creation["rule"]>): ChannelRule {
  const given = [rule.all === true, rule.admins !== undefined, rule.roles !== undefined].filter(Boolean).length;
  if (given !== 1 || rule.all === false || rule.roles?.some((role) => role === "bot" || role === "auditor")) {
    throw new RuleViolation("bad_value", "rule: exactly one of all: true, admins, roles without bot and auditor");
  }
  return {
    all: rule.all === true,
    administrations: (rule.admins ?? []).map(hex),
    roles: rule.roles ?? [],
  };
}

/** CHN-1 for a channel of its own. */
function checkTop({ state, author }: DeviceAct, { name, window }: Creation): void {
  if (state.members.get(author.id)?.role !== "coordinator") {
    throw new RuleViolation("not_permitted", "a channel without parent is made by a coordinator");
  }
  checkInside(window, state.window, "the channel's window");
  for (const other of state.channels.values()) {
    if (other.parent === undefined && other.name === name) {
      throw new RuleViolation("already_exists", `a channel ${JSON.stringify(name)} exists`);
    }
  }
}

/** CHN-3. */
function checkDirected({ state, author, at }: DeviceAct, window: Window, parent: Channel): void {
  if (parent.main || parent.parent !== undefined) {
    throw new RuleViolation("bad_value", "a directed channel's parent is neither the main nor a directed channel");
  }
  if (isChannelOverForAll(state, parent, at)) throw new RuleViolation("closed", `channel ${parent.name} is over`);
  const [first, last] = windowOf(state, parent);
  if (window[0] !== first || window[1] !== last) {
    throw new RuleViolation("bad_value", `window ${window.join(" to ")}: the parent's, ${first} to ${last}, expected`);
  }
  if (state.members.get(author.id)?.role !== "coordinator" && !isInChannel(state, parent, author.id)) {
    throw new RuleViolation("not_member", "the author is neither a coordinator nor in the parent");
  }
}

export const CHANNEL_RULES: { readonly [type: string]: Rule } = {
  "channel.create": (act, body: Creation) => {
    const { state, seq, author, entry } = act;
    if (state.channels.size >= MAX_CHANNELS) {
      throw new RuleViolation("too_many", `${state.channels.size} channels, ${MAX_CHANNELS} at most`);
    }
    if ((body.members === undefined) === (body.rule === undefined)) {
      throw new RuleViolation("bad_value", "either members or a rule expected");
    }
    const listed = body.members ?? [];
    checkNoneTwice(listed, "a person");
    for (const person of listed) memberOf(state, person);
    const rule = body.rule && readRule(body.rule);
    const parent = body.parent && channelOf(state, body.parent);
    if (parent === undefined) checkTop(act, body);
    else checkDirected(act, body.window, parent);
    const id = hex(channelId(entry));
    const channel: Channel = {
      id,
      name: body.name,
      creator: author.id,
      created: seq,
      window: body.window,
      parent: parent?.id,
      main: false,
      members: body.members && new Set(listed.map(hex)),
      rule,
      epochs: new Map(),
      lost: false,
      flagged: new Set(),
      closedAt: undefined,
      reveals: new Map(),
      drops: new Map(),
      answered: new Set(),
      ledger: newLedger(),
      staleness: undefined,
    };
    for (const person of [...(channel.members ?? []), author.id]) {
      if (!isInChannel(state, channel, person)) {
        throw new RuleViolation("not_member", `person ${person} would not be in the channel`);
      }
    }
    return () => {
      state.channels.set(id, channel);
    };
  },

  "channel.members": (
    { state, at },
    body: { chan: Uint8Array; add: readonly Uint8Array[]; remove: readonly Uint8Array[] },
  ) => {
    const channel = channelOf(state, body.chan);
    const { members } = channel;
    if (members === undefined) throw new RuleViolation("bad_value", `channel ${channel.name} has no list`);
    if (isChannelOverForAll(state, channel, at)) throw new RuleViolation("closed", `channel ${channel.name} is over`);
    const both = [...body.add, ...body.remove];
    checkNoneTwice(both, "a person");
    if (both.length === 0) throw new RuleViolation("bad_value", "nobody to add or remove");
    if (body.add.length > 0 && channel.parent !== undefined) {
      throw new RuleViolation("not_permitted", "nobody is added to a directed channel");
    }
    const [added, removed] = [body.add.map(hex), body.remove.map(hex)];
    for (const person of removed) {
      if (!members.has(person)) throw new RuleViolation("not_member", `person ${person} is not on the list`);
    }
    const changed: Roster = { ...channel, members: new Set([...members, ...added]) };
    for (const id of body.add) {
      const { person } = memberOf(state, id);
      if (members.has(person)) throw new RuleViolation("already_exists", `person ${person} is on the list`);
      if (!isInChannel(state, changed, person)) {
        throw new RuleViolation("not_member", `person ${person} would not be in the channel`);
      }
    }
    return () => {
      for (const person of added) members.add(person);
      for (const person of removed) strikeOff([channel, ...within(state, channel.id)], person);
    };
  },
};
