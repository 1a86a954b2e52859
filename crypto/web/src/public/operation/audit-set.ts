/** Audit sets (PROTOCOL OPS-13). */
import { hex } from "../bytes.ts";
import type { DirectoryView } from "../directory/state.ts";
import { RuleViolation } from "../errors.ts";
import { personIn } from "./act.ts";
import type { AuditSet } from "./state.ts";

export interface AuditBody {
  readonly persons: readonly Uint8Array[];
  readonly k: number;
}

const MAX_AUDITORS = 16;

/** In the order of the rule; `isMember` says who may not be an auditor. */
export function readAuditSet(body: AuditBody, view: DirectoryView, isMember: (person: string) => boolean): AuditSet {
  const { k } = body;
  const persons = body.persons.map(hex);
  const count = persons.length;
  if (count === 0 && k === 0) return { k, persons };
  if (k < 2 || k > count || count > MAX_AUDITORS || new Set(persons).size < count) {
    throw new RuleViolation("bad_audit_set", `${k} of ${count} auditors; 2 <= k <= n <= 16, nobody twice, expected`);
  }
  const perAdministration = new Map<string, number>();
  for (const id of body.persons) {
    const person = personIn(view, id);
    if (!view.isActivePerson(person)) throw new RuleViolation("inactive", `auditor ${person.id} is not active`);
    if (person.kind !== "human" || isMember(person.id)) {
      throw new RuleViolation("bad_audit_set", `auditor ${person.id} is a bot or a member`);
    }
    perAdministration.set(person.administration, (perAdministration.get(person.administration) ?? 0) + 1);
  }
  if (Math.max(...perAdministration.values()) >= k) {
    throw new RuleViolation("bad_audit_set", `an administration has ${k} auditors or more, and could open alone`);
  }
  return { k, persons };
}
