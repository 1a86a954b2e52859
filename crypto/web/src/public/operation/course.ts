/** The course of an operation, and legal holds (PROTOCOL 7.10). */
import { ProtocolError, RuleViolation } from "../errors.ts";
import { type Phase, type PhaseEvent, step } from "../phases.ts";
import type { DeviceAct, Rule } from "./act.ts";
import { phaseAt } from "./state.ts";

const RULES = 1;

const EVENTS: { readonly [phase in Phase]?: PhaseEvent } = {
  prep: "prepare",
  live: "go-live",
  post: "wind-down",
  debrief: "debrief",
};

/** PHA-1: where the event leads, else `wrong_phase`. */
function stepped({ state, at }: DeviceAct, event: PhaseEvent | undefined): Phase {
  const phase = phaseAt(state, at);
  const next = event && step(phase, event);
  if (next === undefined) throw new RuleViolation("wrong_phase", `${event ?? "going back"} leads nowhere in ${phase}`);
  return next;
}

export const COURSE_RULES: { readonly [type: string]: Rule } = {
  "phase.set": (act, body: { phase: Phase }) => {
    const { state, at } = act;
    const phase = stepped(act, EVENTS[body.phase]);
    const [first] = state.window;
    if (at < first) throw new RuleViolation("out_of_window", `at ${at}, from ${first} on expected`);
    const [liveFirst, liveLast] = state.live;
    if (phase === "live" && (at < liveFirst || at > liveLast)) {
      throw new RuleViolation("out_of_window", `at ${at}, the live window is ${liveFirst} to ${liveLast}`);
    }
    return () => {
      state.phase = phase;
    };
  },

  "operation.cancel": (act) => {
    const { state, author, at } = act;
    if (author.id !== state.founder) {
      throw new RuleViolation("not_permitted", "a draft is cancelled by the author of its genesis alone");
    }
    const phase = stepped(act, "cancel");
    return () => {
      state.phase = phase;
      state.closedAt = at;
    };
  },

  "operation.suspend": (act) => {
    const { state } = act;
    const phase = stepped(act, "suspend");
    return () => {
      state.interrupted = state.phase;
      state.phase = phase;
    };
  },

  "operation.close": ({ state, at }) => {
    if (state.phase === "closed" || state.phase === "erased") {
      throw new RuleViolation("closed", "an entry closed the operation before");
    }
    return () => {
      state.phase = "closed";
      state.interrupted = undefined;
      state.closedAt = at;
    };
  },

  "rules.raise": ({ state }, body: { rules: number }) => {
    if (body.rules <= state.rules) {
      throw new RuleViolation("bad_value", `rules ${body.rules} read, above ${state.rules} expected`);
    }
    throw new ProtocolError("unknown_version", `rules ${body.rules} read, ${RULES} is known here`);
  },

  hold: ({ state, view, author, leaf, at }) => {
    if (state.members.get(author.id)?.role === "ncp" && !view.isNcp(author)) {
      throw new RuleViolation("not_permitted", "the author is no NCP in the directory any more");
    }
    return () => {
      state.holds.set(leaf, { person: author.id, at });
    };
  },
};
