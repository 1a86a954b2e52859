/** What the governance root decides (PROTOCOL 6.3). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { latest } from "../history.ts";
import { administrationId } from "../keys.ts";
import { namedPlaces, type RestoringBody } from "../lost.ts";
import { checkCode, checkCodeIsFree, checkRootKey } from "./claims.ts";
import { checkGovernanceRoot } from "./genesis.ts";
import { type Act, administrationOf, checkActive, checkUnchanged, personOf, type Rule } from "./act.ts";
import { type GovernanceRoot, isSuspended, type RootKeyUse, type WitnessPolicy } from "./state.ts";
import { checkWitnessPolicy } from "./witness.ts";

/** DIR-4 on the root. */
function checkRootUnchanged(act: Act): void {
  checkUnchanged(act, act.state.governanceChanged, "the root");
}

function checkNewRootKey({ state }: Act, key: Uint8Array, use: RootKeyUse): void {
  checkRootKey(key, use, state.rootKeys, state.deviceKeys);
}

export const GOVERNANCE_RULES: { readonly [type: string]: Rule } = {
  "admin.add": (act, body: { code: string; root: Uint8Array }) => {
    const { state, seq } = act;
    checkCode(body.code);
    checkCodeIsFree(state, body.code);
    checkNewRootKey(act, body.root, "administration");
    const id = hex(administrationId(body.root));
    return () => {
      const { code, root } = body;
      state.administrations.set(id, { id, code, root, suspended: [[seq, false]], serial: 0, changed: seq });
      state.rootKeys.set(hex(root), "administration");
    };
  },

  "admin.suspend": (act, body: { admin: Uint8Array }) => {
    const administration = administrationOf(act.state, body.admin);
    checkUnchanged(act, administration.changed, "the administration");
    if (isSuspended(administration)) throw new RuleViolation("inactive", "the administration is suspended already");
    return () => {
      administration.suspended.push([act.seq, true]);
      administration.changed = act.seq;
    };
  },

  "admin.resume": (act, body: { admin: Uint8Array }) => {
    const administration = administrationOf(act.state, body.admin);
    checkUnchanged(act, administration.changed, "the administration");
    if (!isSuspended(administration)) throw new RuleViolation("already_exists", "the administration is active");
    checkCodeIsFree(act.state, administration.code);
    return () => {
      administration.suspended.push([act.seq, false]);
      administration.changed = act.seq;
    };
  },

  "admin.rekey": (act, body: { admin: Uint8Array; root: Uint8Array }) => {
    const administration = administrationOf(act.state, body.admin);
    checkUnchanged(act, administration.changed, "the administration");
    checkNewRootKey(act, body.root, "administration");
    return () => {
      administration.root = body.root;
      administration.changed = act.seq;
      act.state.rootKeys.set(hex(body.root), "administration");
    };
  },

  "governance.rekey": (act, { keys, k }: GovernanceRoot) => {
    const { state, seq } = act;
    checkRootUnchanged(act);
    checkGovernanceRoot({ keys, k });
    const present = new Set(latest(state.governance).keys.map(hex));
    const fresh = keys.filter((key) => !present.has(hex(key)));
    for (const key of fresh) checkNewRootKey(act, key, "governance");
    return () => {
      state.governance.push([seq, { keys, k }]);
      state.governanceChanged = seq;
      for (const key of fresh) state.rootKeys.set(hex(key), "governance");
    };
  },

  "logkey.set": (act, body: { log_key: Uint8Array }) => {
    checkRootUnchanged(act);
    checkNewRootKey(act, body.log_key, "log");
    return () => {
      act.state.logKey = body.log_key;
      act.state.governanceChanged = act.seq;
      act.state.rootKeys.set(hex(body.log_key), "log");
    };
  },

  "witness.set": (act, { witness }: { witness: WitnessPolicy }) => {
    checkRootUnchanged(act);
    checkWitnessPolicy(witness);
    for (const [, key] of witness.keys) checkNewRootKey(act, key, "witness");
    return () => {
      act.state.witness = witness;
      act.state.governanceChanged = act.seq;
      for (const [, key] of witness.keys) act.state.rootKeys.set(hex(key), "witness");
    };
  },

  "suite.raise": (act, body: { suite_min: number }) => {
    checkRootUnchanged(act);
    const suiteMin = latest(act.state.suiteMin);
    if (body.suite_min <= suiteMin) {
      throw new RuleViolation("bad_value", `suite ${body.suite_min} read, one above ${suiteMin} expected`);
    }
    return () => {
      act.state.suiteMin.push([act.seq, body.suite_min]);
      act.state.governanceChanged = act.seq;
    };
  },

  "role.grant": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    checkActive(act.state, person);
    if (person.kind !== "human") throw new RuleViolation("not_permitted", "a bot creates no operations");
    if (latest(person.mayCreate)) throw new RuleViolation("already_exists", "the person holds this role");
    return () => {
      person.mayCreate.push([act.seq, true]);
      person.request = undefined;
      person.changed = act.seq;
    };
  },

  "role.withdraw": (act, body: { person: Uint8Array }) => {
    const person = personOf(act.state, body.person);
    checkUnchanged(act, person.changed, "the person");
    if (!latest(person.mayCreate)) throw new RuleViolation("inactive", "the person does not hold this role");
    return () => {
      person.mayCreate.push([act.seq, false]);
      person.changed = act.seq;
    };
  },

  "log.restored": (act, body: RestoringBody) => {
    checkRootUnchanged(act);
    const { from, to } = namedPlaces(body, act.entry.header.seen[0], act.state.id, act.roots);
    return () => {
      act.state.restored.push({ seq: act.seq, from, to, serial: body.serial });
      act.state.governanceChanged = act.seq;
    };
  },
};
