/** Decisions of two administrations: X.propose, then X.approve (PROTOCOL 7.4). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { step } from "../phases.ts";
import { type AuditBody, readAuditSet } from "./audit-set.ts";
import { channelOf, checkInside, checkRightOf, type DeviceAct, type Effect, type Rule } from "./act.ts";
import { type Channel, phaseAt, type Window } from "./state.ts";

const PROPOSAL_TTL_MS = 72 * 3600 * 1000;

/** Checks on the present state, and what an approval does. */
const EFFECTS: { readonly [of: string]: (act: DeviceAct, body: any) => Effect } = {
  window: extended,

  audit: ({ state, view }, { audit }: { audit: AuditBody }) => {
    const set = readAuditSet(audit, view, (person) => state.members.has(person));
    return () => {
      state.audits.push(set);
    };
  },

  close: ({ state, at }) => {
    if (step(phaseAt(state, at), "close") === undefined) throw new RuleViolation("wrong_phase", "nothing to close");
    return () => {
      state.phase = "closed";
      state.interrupted = undefined;
      state.closedAt = at;
    };
  },

  resume: ({ state, at }) => {
    const phase = step(phaseAt(state, at), "resume", state.interrupted);
    if (phase === undefined) throw new RuleViolation("wrong_phase", "the operation is not suspended");
    return () => {
      state.phase = phase;
      state.interrupted = undefined;
      for (const proposal of state.proposals.values()) if (proposal.of === "resume") proposal.spent = true;
    };
  },

  erase: ({ state, at }) => {
    if (step(phaseAt(state, at), "erase") === undefined) throw new RuleViolation("not_closed", "it is not over");
    const open = [...state.requests.values()].some(({ report }) => report === undefined);
    if (state.holds.size > 0 || open) {
      throw new RuleViolation("held", "a legal hold stands, or an audit request is without report");
    }
    return () => {
      state.phase = "erased";
      state.interrupted = undefined;
    };
  },

  unhold: ({ state }, { hold }: { hold: Uint8Array }) => {
    const name = hex(hold);
    if (!state.holds.has(name)) throw new RuleViolation("unknown_reference", `no hold ${name} stands`);
    return () => {
      state.holds.delete(name);
    };
  },
};

interface WindowBody {
  readonly not_after?: number;
  readonly live?: Window;
  readonly channels?: readonly (readonly [chan: Uint8Array, window: Window])[];
}

/** OPS-10. */
function extended({ state, at }: DeviceAct, { not_after, live, channels }: WindowBody): Effect {
  if (not_after === undefined && live === undefined && channels === undefined) {
    throw new RuleViolation("bad_value", "not_after, live or channels expected");
  }
  const [notBefore, notAfter] = state.window;
  if (at > notAfter) throw new RuleViolation("out_of_window", `at ${at}, after ${notAfter} nothing is extended`);
  if (not_after !== undefined && not_after <= notAfter) {
    throw new RuleViolation("bad_value", `not_after ${not_after}, one after ${notAfter} expected`);
  }
  const window: Window = [notBefore, not_after ?? notAfter];
  if (live !== undefined) checkMoved(live, state.live, window, at, "the live window");
  const moved: [Channel, Window][] = [];
  for (const [id, next] of channels ?? []) {
    const channel = channelOf(state, id);
    if (channel.main || channel.parent !== undefined) {
      throw new RuleViolation("bad_value", "the main channel and directed channels have no window of their own");
    }
    if (at > channel.window[1]) throw new RuleViolation("out_of_window", `channel ${channel.name} has ended`);
    checkMoved(next, channel.window, window, at, `the window of ${channel.name}`);
    moved.push([channel, next]);
  }
  return () => {
    state.window = window;
    if (live !== undefined) state.live = live;
    for (const [channel, next] of moved) channel.window = next;
  };
}

/** Inside the operation's; not ending earlier; starting as it did once that has come. */
function checkMoved(next: Window, present: Window, outer: Window, at: number, what: string): void {
  checkInside(next, outer, what);
  if (next[1] < present[1]) throw new RuleViolation("bad_value", `${what} ends before ${present[1]}, its present end`);
  if (at >= present[0] && next[0] !== present[0]) {
    throw new RuleViolation("bad_value", `${what} has started at ${present[0]}, which does not move`);
  }
}

function propose(of: string): Rule {
  return (act, body) => {
    const { state, leaf, at, author, device } = act;
    EFFECTS[of]!(act, body);
    return () => {
      state.proposals.set(leaf, {
        of,
        person: author.id,
        device: device.id,
        administration: author.administration,
        at,
        body,
        spent: false,
      });
    };
  };
}

/** OPS-9, in its order. */
function approve(of: string): Rule {
  return (act, body: { proposal: Uint8Array }) => {
    const { state, view, at, author } = act;
    const name = hex(body.proposal);
    const proposal = state.proposals.get(name);
    if (proposal === undefined || proposal.of !== of) {
      throw new RuleViolation("unknown_proposal", `no accepted ${of}.propose ${name}`);
    }
    if (proposal.spent) throw new RuleViolation("proposal_spent", `${of}.propose ${name} was approved before`);
    if (at - proposal.at > PROPOSAL_TTL_MS) {
      throw new RuleViolation("proposal_expired", `${of}.propose ${name} is older than 72 hours`);
    }
    if (author.administration === proposal.administration) {
      throw new RuleViolation("same_administration", "the approver is of the proposer's administration");
    }
    checkRightOf(act, view.device(proposal.device)!, `${of}.propose`);
    const effect = EFFECTS[of]!(act, proposal.body);
    return () => {
      proposal.spent = true;
      effect();
    };
  };
}

export const DECISION_RULES: { readonly [type: string]: Rule } = Object.fromEntries(
  Object.keys(EFFECTS).flatMap((of) => [
    [`${of}.propose`, propose(of)],
    [`${of}.approve`, approve(of)],
  ]),
);
