/** An entry of the directory that is being judged, and what most rules ask first. */
import { hex } from "../bytes.ts";
import type { Entry } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import type { Roots } from "../history.ts";
import { type Administration, type Device, type DirectoryState, type Person, present } from "./state.ts";

/** An entry that is being judged. */
export interface Act {
  readonly state: DirectoryState;
  readonly seq: number;
  readonly entry: Entry;
  readonly roots: Roots;
}

/** One by a device without root signatures. */
export interface DeviceAct extends Act {
  readonly device: Device;
  readonly author: Person;
}

export type Effect = () => void;
export type Rule<Kind extends Act = Act> = (act: Kind, body: any) => Effect;
/** `administration` is known, and its root has signed. */
export type AdministrationRule = (act: Act, body: any, administration: Administration) => Effect;

/** `unknown_administration`. */
export function administrationOf(state: DirectoryState, id: Uint8Array): Administration {
  const administration = state.administrations.get(hex(id));
  if (administration === undefined) {
    throw new RuleViolation("unknown_administration", `administration ${hex(id)} is not in the directory`);
  }
  return administration;
}

/** `unknown_person`. */
export function personOf(state: DirectoryState, id: Uint8Array): Person {
  const person = state.persons.get(hex(id));
  if (person === undefined) throw new RuleViolation("unknown_person", `person ${hex(id)} is not in the directory`);
  return person;
}

/** `inactive`. */
export function checkActive(state: DirectoryState, person: Person): void {
  if (!present(state).isActivePerson(person)) {
    throw new RuleViolation("inactive", `person ${person.id} or its administration is suspended`);
  }
}

/** DIR-4: no accepted entry about the same subject since what the author has seen (A42). */
export function checkUnchanged({ entry }: Act, changed: number, subject: string): void {
  const [size] = entry.header.seen;
  if (changed >= size) {
    throw new RuleViolation("stale_seen", `${subject} was changed at seq ${changed}, the author has seen ${size}`);
  }
}
