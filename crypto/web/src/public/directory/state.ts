/**
 * The directory's state (PROTOCOL 6.1), as plain data.
 *
 * What operations ask for at an earlier size is kept as a timeline, so one state answers for all.
 */
import type { AdministrationId, DeviceId, EntryId, Key, PersonId } from "../ids.ts";
import { latest, type Timeline, valueAt } from "../history.ts";

export type PersonKind = "human" | "bot";
export type RootKeyUse = "governance" | "administration" | "log" | "witness";

export interface GovernanceRoot {
  readonly keys: readonly Uint8Array[];
  readonly k: number;
}

export interface WitnessPolicy {
  readonly keys: readonly (readonly [name: string, key: Uint8Array])[];
  readonly k: number;
  /** Seconds. */
  readonly fresh: number;
  readonly mode: "warn" | "strict";
}

export interface Administration {
  readonly id: AdministrationId;
  readonly code: string;
  root: Uint8Array;
  readonly suspended: Timeline<boolean>;
  serial: number;
  changed: number;
}

export interface Person {
  readonly id: PersonId;
  readonly administration: AdministrationId;
  readonly code: string;
  readonly kind: PersonKind;
  readonly added: number;
  readonly suspended: Timeline<boolean>;
  readonly mayCreate: Timeline<boolean>;
  readonly ncp: Timeline<boolean>;
  /** In the order of their entries. */
  readonly devices: DeviceId[];
  reset: number | undefined;
  request: number | undefined;
  changed: number;
}

export interface Device {
  readonly id: DeviceId;
  readonly person: PersonId;
  readonly signPk: Uint8Array;
  readonly boxPk: Timeline<Uint8Array>;
  readonly added: number;
  readonly voucher: DeviceId | undefined;
  revoked: number | undefined;
  changed: number;
}

/** What was accepted of a device. */
export interface Author {
  seen: number;
  readonly ids: Set<EntryId>;
}

/** An accepted log.restored: it names the places from `from` up to but not including `to`. */
export interface Restored {
  readonly seq: number;
  readonly from: number;
  readonly to: number;
  readonly serial: number;
}

export interface DirectoryState {
  readonly id: Uint8Array;
  readonly name: string;
  readonly rules: number;
  size: number;
  at: number;
  logKey: Uint8Array;
  readonly suiteMin: Timeline<number>;
  readonly governance: Timeline<GovernanceRoot>;
  governanceSerial: number;
  governanceChanged: number;
  witness: WitnessPolicy;
  readonly administrations: Map<AdministrationId, Administration>;
  readonly persons: Map<PersonId, Person>;
  readonly devices: Map<DeviceId, Device>;
  /** Codes of persons, ever, as `foldedCode`. */
  readonly personCodes: Set<string>;
  readonly rootKeys: Map<Key, RootKeyUse>;
  readonly deviceKeys: Set<Key>;
  readonly boxKeys: Set<Key>;
  readonly authors: Map<DeviceId, Author>;
  readonly restored: Restored[];
}

/** The directory after its first `size` entries, as an operation's watermark names it. */
export class DirectoryView {
  readonly #state: DirectoryState;
  readonly size: number;

  constructor(state: DirectoryState, size: number) {
    this.#state = state;
    this.size = size;
  }

  get id(): Uint8Array {
    return this.#state.id;
  }

  get suiteMin(): number {
    return valueAt(this.#state.suiteMin, this.size)!;
  }

  get governance(): GovernanceRoot {
    return valueAt(this.#state.governance, this.size)!;
  }

  person(id: PersonId): Person | undefined {
    const person = this.#state.persons.get(id);
    return person !== undefined && person.added < this.size ? person : undefined;
  }

  device(id: DeviceId): Device | undefined {
    const device = this.#state.devices.get(id);
    return device !== undefined && device.added < this.size ? device : undefined;
  }

  /** Neither the person nor its administration is suspended. */
  isActivePerson(person: Person): boolean {
    const administration = this.#state.administrations.get(person.administration)!;
    return !valueAt(person.suspended, this.size) && !valueAt(administration.suspended, this.size);
  }

  isActiveDevice(device: Device): boolean {
    const revoked = device.revoked !== undefined && device.revoked < this.size;
    return !revoked && this.isActivePerson(this.#state.persons.get(device.person)!);
  }

  mayCreate(person: Person): boolean {
    return valueAt(person.mayCreate, this.size)!;
  }

  isNcp(person: Person): boolean {
    return valueAt(person.ncp, this.size)!;
  }

  boxPk(device: Device): Uint8Array {
    return valueAt(device.boxPk, this.size)!;
  }

  /** The person's active devices, in the order of their entries. */
  activeDevices(person: Person): Device[] {
    const devices: Device[] = [];
    for (const id of person.devices) {
      const device = this.device(id);
      if (device !== undefined && this.isActiveDevice(device)) devices.push(device);
    }
    return devices;
  }
}

/** The directory as its own rules see it: everything that was read. */
export function present(state: DirectoryState): DirectoryView {
  return new DirectoryView(state, Number.MAX_SAFE_INTEGER);
}

export function isSuspended(subject: Administration | Person): boolean {
  return latest(subject.suspended);
}
