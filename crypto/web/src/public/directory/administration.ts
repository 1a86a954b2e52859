/** What an administration's root decides about its NCPs (PROTOCOL DIR-18). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { latest } from "../history.ts";
import { deviceId } from "../keys.ts";
import { checkNewDevice, checkPersonCode, foldedCode } from "./claims.ts";
import { addDevice } from "./people.ts";
import { type AdministrationRule, checkUnchanged, personOf } from "./act.ts";
import { isSuspended } from "./state.ts";

interface Appointment {
  readonly person: Uint8Array;
  readonly code: string;
  readonly sign_pk: Uint8Array;
  readonly box_pk: Uint8Array;
  readonly proof: Uint8Array;
}

export const ADMINISTRATION_RULES: { readonly [type: string]: AdministrationRule } = {
  "ncp.appoint": (act, body: Appointment, administration) => {
    const { state, seq } = act;
    checkUnchanged(act, administration.changed, "the administration");
    if (isSuspended(administration)) throw new RuleViolation("inactive", "the administration is suspended");
    const id = hex(body.person);
    if (state.persons.has(id)) throw new RuleViolation("already_exists", `person ${id} is in the directory`);
    checkPersonCode(state, body.code, administration.code);
    checkNewDevice(state, body.person, body);
    return () => {
      state.persons.set(id, {
        id,
        administration: administration.id,
        code: body.code,
        kind: "human",
        added: seq,
        suspended: [[seq, false]],
        mayCreate: [[seq, false]],
        ncp: [[seq, true]],
        devices: [],
        reset: undefined,
        request: undefined,
        changed: seq,
      });
      state.personCodes.add(foldedCode(body.code));
      addDevice(state, seq, state.persons.get(id)!, hex(deviceId(body.sign_pk)), body, undefined);
    };
  },

  "ncp.dismiss": (act, body: { person: Uint8Array }, administration) => {
    checkUnchanged(act, administration.changed, "the administration");
    if (isSuspended(administration)) throw new RuleViolation("inactive", "the administration is suspended");
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    if (person.administration !== administration.id) {
      throw new RuleViolation("not_permitted", "the person is of another administration");
    }
    if (!latest(person.ncp)) throw new RuleViolation("inactive", "the person is no NCP");
    return () => {
      person.ncp.push([act.seq, false]);
      person.changed = act.seq;
    };
  },
};
