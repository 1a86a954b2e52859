/** Members of an operation and their devices (PROTOCOL 7.8). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import type { PersonId } from "../ids.ts";
import { channelOf, checkNoneTwice, type DeviceAct, memberOf, personIn, type Rule } from "./act.ts";
import { isEligible, isInChannel } from "./recipients.ts";
import type { Role } from "./rights.ts";
import { auditSetOf, type Channel, type Member, type OperationState } from "./state.ts";

const MAX_MEMBERS = 10_000;

interface Admission {
  readonly person: Uint8Array;
  readonly role: Role;
  readonly chan?: Uint8Array;
  readonly kinds?: readonly string[];
  readonly rate?: number;
}

/** Take the person off the list of each of `channels`. */
export function strikeOff(channels: Iterable<Channel>, person: PersonId): void {
  for (const channel of channels) channel.members?.delete(person);
}

/** Directed channels within the one of this id. */
export function within(state: OperationState, id: string): Channel[] {
  return [...state.channels.values()].filter(({ parent }) => parent === id);
}

function admitted(act: DeviceAct, admission: Admission): Member {
  const { state, view, seq, author } = act;
  const { role, chan, kinds, rate } = admission;
  const person = personIn(view, admission.person);
  const { id } = person;
  if (!view.isActivePerson(person)) throw new RuleViolation("inactive", `person ${id} is not active`);
  if (state.members.has(id)) throw new RuleViolation("already_exists", `person ${id} is a member`);
  if (role === "auditor" || auditSetOf(state).persons.includes(id)) {
    throw new RuleViolation("bad_audit_set", `person ${id} is or would be an auditor, who is no member`);
  }
  if ((role === "bot") !== (person.kind === "bot")) {
    throw new RuleViolation("not_permitted", `person ${id} is a ${person.kind}, and would be ${role}`);
  }
  if (role === "ncp" && !view.isNcp(person)) {
    throw new RuleViolation("not_permitted", `person ${id} is no NCP in the directory`);
  }
  const fits =
    role === "bot"
      ? chan !== undefined && kinds !== undefined && rate !== undefined
      : (chan !== undefined) === (role === "expert") && kinds === undefined && rate === undefined;
  if (!fits) throw new RuleViolation("bad_value", `${role} ${id}: chan, kinds, rate for a bot, chan for an expert`);
  if (chan !== undefined) {
    const channel = channelOf(state, chan);
    if (channel.main) throw new RuleViolation("bad_value", `${role} ${id}: the main channel is nobody's own`);
    if (channel.parent !== undefined && !isInChannel(state, channel, author.id)) {
      throw new RuleViolation("not_permitted", "the author is not in the directed channel that it admits to");
    }
  }
  return {
    person: id,
    administration: person.administration,
    role,
    seq,
    admittedAt: view.size,
    chan: chan === undefined ? undefined : hex(chan),
    kinds: kinds ?? [],
    rate,
  };
}

export const MEMBERSHIP_RULES: { readonly [type: string]: Rule } = {
  "members.admit": (act, body: { members: readonly Admission[] }) => {
    const { state } = act;
    checkNoneTwice(body.members.map(({ person }) => person), "a person");
    if (state.members.size + body.members.length > MAX_MEMBERS) {
      throw new RuleViolation("too_many", `${state.members.size} members, and ${body.members.length} more`);
    }
    const members = body.members.map((admission) => admitted(act, admission));
    return () => {
      for (const member of members) {
        state.members.set(member.person, member);
        state.former.delete(member.person);
        state.administrations.add(member.administration);
      }
    };
  },

  "members.remove": ({ state }, body: { persons: readonly Uint8Array[] }) => {
    checkNoneTwice(body.persons, "a person");
    const persons = body.persons.map((id) => memberOf(state, id).person);
    return () => {
      for (const person of persons) {
        state.members.delete(person);
        state.former.add(person);
        strikeOff(state.channels.values(), person);
      }
    };
  },

  "role.set": ({ state, view }, body: { person: Uint8Array; role: Role }) => {
    const member = memberOf(state, body.person);
    const { role } = body;
    if (role === "expert" || role === "bot" || role === "auditor" || member.role === "bot") {
      throw new RuleViolation("bad_value", `from ${member.role} to ${role}: remove and admit`);
    }
    if (member.role === role) throw new RuleViolation("already_exists", `the member is ${role}`);
    if (role === "ncp" && !view.isNcp(personIn(view, body.person))) {
      throw new RuleViolation("not_permitted", "the person is no NCP in the directory");
    }
    return () => {
      member.role = role;
      member.chan = undefined;
      const left = [...state.channels.values()].filter(
        ({ parent }) => parent !== undefined && !isInChannel(state, state.channels.get(parent)!, member.person),
      );
      strikeOff(left, member.person);
    };
  },

  "device.accept": ({ state, view }, body: { device: Uint8Array }) => {
    const device = view.device(hex(body.device));
    if (device === undefined) {
      throw new RuleViolation("unknown_device", `device ${hex(body.device)} is not in the directory`);
    }
    if (!state.members.has(device.person)) {
      throw new RuleViolation("not_member", `device ${device.id} is of ${device.person}, who is no member`);
    }
    if (!view.isActiveDevice(device)) throw new RuleViolation("inactive", `device ${device.id} is not active`);
    if (isEligible(state, view, device)) {
      throw new RuleViolation("already_exists", `device ${device.id} is eligible already`);
    }
    return () => {
      state.accepted.add(device.id);
    };
  },

  "directory.sync": ({ state, entry }) => {
    const [size] = entry.header.dir!;
    if (size <= state.control.watermark) {
      throw new RuleViolation("stale_directory", `directory size ${size}, above ${state.control.watermark} expected`);
    }
    return () => {};
  },
};
