/** What NCPs and devices decide without a root (PROTOCOL 6.4). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { latest } from "../history.ts";
import type { DeviceId } from "../ids.ts";
import { deviceId } from "../keys.ts";
import { checkNewBoxKey, checkNewDevice, checkPersonCode, foldedCode } from "./claims.ts";
import { checkActive, checkUnchanged, type DeviceAct, personOf, type Rule } from "./act.ts";
import { type DirectoryState, isSuspended, type Person, type PersonKind, present } from "./state.ts";

const MAX_ACTIVE_DEVICES = 16; // A35

interface NewDevice {
  readonly sign_pk: Uint8Array;
  readonly box_pk: Uint8Array;
  readonly proof: Uint8Array;
}

/** DIR-7: the author is NCP of the administration. */
function isNcpOf({ author }: DeviceAct, administration: string): boolean {
  return latest(author.ncp) && author.administration === administration;
}

function checkNcp(act: DeviceAct, person: Person): void {
  if (!isNcpOf(act, person.administration)) throw notPermitted("an NCP of the person's administration");
}

/** Own-device goes before ncp. */
function checkOwnOrNcp(act: DeviceAct, person: Person): void {
  if (act.author !== person && !isNcpOf(act, person.administration)) {
    throw notPermitted("a device of the same person, or an NCP of its administration");
  }
}

function notPermitted(expected: string): RuleViolation {
  return new RuleViolation("not_permitted", `the author is not ${expected}`);
}

export function addDevice(
  state: DirectoryState,
  seq: number,
  person: Person,
  id: DeviceId,
  { sign_pk, box_pk }: NewDevice,
  voucher: DeviceId | undefined,
): void {
  state.devices.set(id, {
    id,
    person: person.id,
    signPk: sign_pk,
    boxPk: [[seq, box_pk]],
    added: seq,
    voucher,
    revoked: undefined,
    changed: seq,
  });
  state.deviceKeys.add(hex(sign_pk));
  state.boxKeys.add(hex(box_pk));
  person.devices.push(id);
  person.changed = seq;
}

export const PEOPLE_RULES: { readonly [type: string]: Rule<DeviceAct> } = {
  "person.add": (act, body: { person: Uint8Array; code: string; kind: PersonKind }) => {
    const { state, seq, author } = act;
    if (!latest(author.ncp)) throw notPermitted("an NCP");
    const id = hex(body.person);
    if (state.persons.has(id)) throw new RuleViolation("already_exists", `person ${id} is in the directory`);
    checkPersonCode(state, body.code, state.administrations.get(author.administration)!.code);
    return () => {
      state.persons.set(id, {
        id,
        administration: author.administration,
        code: body.code,
        kind: body.kind,
        added: seq,
        suspended: [[seq, false]],
        mayCreate: [[seq, false]],
        ncp: [[seq, false]],
        devices: [],
        reset: undefined,
        request: undefined,
        changed: seq,
      });
      state.personCodes.add(foldedCode(body.code));
    };
  },

  "person.suspend": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkNcp(act, person);
    checkActive(act.state, person);
    return () => {
      person.suspended.push([act.seq, true]);
      person.changed = act.seq;
    };
  },

  "person.resume": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkNcp(act, person);
    if (!isSuspended(person)) throw new RuleViolation("already_exists", "the person is not suspended");
    return () => {
      person.suspended.push([act.seq, false]);
      person.changed = act.seq;
    };
  },

  "person.reset": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkNcp(act, person);
    return () => {
      person.reset = act.seq;
      person.changed = act.seq;
    };
  },

  "role.request": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkNcp(act, person);
    checkActive(act.state, person);
    if (person.kind !== "human") throw new RuleViolation("not_permitted", "a bot creates no operations");
    if (latest(person.mayCreate) || person.request !== undefined) {
      throw new RuleViolation("already_exists", "the role is held or asked for");
    }
    return () => {
      person.request = act.seq;
      person.changed = act.seq;
    };
  },

  "device.add": (act, body: NewDevice & { person: Uint8Array }) => {
    const { state, seq, device, author } = act;
    const person = personOf(state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkOwnOrNcp(act, person);
    checkActive(state, person);
    if (present(state).activeDevices(person).length >= MAX_ACTIVE_DEVICES) {
      throw new RuleViolation("too_many", `the person has ${MAX_ACTIVE_DEVICES} active devices`);
    }
    checkNewDevice(state, body.person, body);
    const voucher = author === person ? device.id : undefined;
    return () => addDevice(state, seq, person, hex(deviceId(body.sign_pk)), body, voucher);
  },

  "device.revoke": (act, body: { device: Uint8Array }) => {
    const { state, seq } = act;
    const device = state.devices.get(hex(body.device));
    if (device === undefined) {
      throw new RuleViolation("unknown_device", `device ${hex(body.device)} is not in the directory`);
    }
    checkUnchanged(act, device.changed, "the device");
    checkOwnOrNcp(act, state.persons.get(device.person)!);
    if (device.revoked !== undefined) throw new RuleViolation("inactive", "the device is revoked already");
    return () => {
      device.revoked = seq;
      device.changed = seq;
    };
  },

  "device.rekey": (act, body: { box_pk: Uint8Array }) => {
    const { state, seq, device } = act;
    checkUnchanged(act, device.changed, "the device");
    checkNewBoxKey(state, body.box_pk);
    return () => {
      device.boxPk.push([seq, body.box_pk]);
      device.changed = seq;
      state.boxKeys.add(hex(body.box_pk));
    };
  },
};
