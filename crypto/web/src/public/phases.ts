/** The course of an operation as data (PROTOCOL 12.3); a test holds the tables equal to the specification. */

export const PHASES = ["draft", "prep", "live", "post", "debrief", "suspended", "closed", "erased"] as const;
export type Phase = (typeof PHASES)[number];

export type PhaseEvent = "prepare" | "go-live" | "wind-down" | "debrief" | "suspend" | "resume" | "close" | "cancel" | "erase";

const WAYS: { readonly [phase in Phase]: { readonly [event in PhaseEvent]?: Phase } } = {
  draft: { prepare: "prep", suspend: "suspended", close: "closed", cancel: "closed" },
  prep: { "go-live": "live", suspend: "suspended", close: "closed" },
  live: { "wind-down": "post", suspend: "suspended", close: "closed" },
  post: { debrief: "debrief", suspend: "suspended", close: "closed" },
  debrief: { suspend: "suspended", close: "closed" },
  suspended: { close: "closed" },
  closed: { erase: "erased" },
  erased: {},
};

/** Where the event leads, or undefined; resume leads back to the phase that was interrupted (PHA-1). */
export function step(phase: Phase, event: PhaseEvent, interrupted?: Phase): Phase | undefined {
  if (event === "resume") return phase === "suspended" ? interrupted : undefined;
  return WAYS[phase][event];
}

const RUNNING: readonly Phase[] = ["draft", "prep", "live", "post", "debrief"];
const STARTED: readonly Phase[] = ["prep", "live", "post", "debrief"];
const UNTIL_CLOSED: readonly Phase[] = [...RUNNING, "suspended"];

const PHASES_OF: { readonly [type: string]: readonly Phase[] } = {
  "log.restored": PHASES,
  "members.admit": UNTIL_CLOSED,
  "members.remove": UNTIL_CLOSED,
  "role.set": UNTIL_CLOSED,
  "device.accept": UNTIL_CLOSED,
  "channel.create": UNTIL_CLOSED,
  "channel.members": UNTIL_CLOSED,
  "phase.set": RUNNING,
  "operation.cancel": ["draft"],
  "operation.suspend": RUNNING,
  "operation.close": ["closed"],
  "directory.sync": UNTIL_CLOSED,
  "rules.raise": UNTIL_CLOSED,
  release: [...UNTIL_CLOSED, "closed"],
  "release.receipt": PHASES,
  hold: [...UNTIL_CLOSED, "closed"],
  "audit.request": ["closed"],
  "audit.grant": ["closed"],
  "audit.report": ["closed"],
  "window.propose": UNTIL_CLOSED,
  "audit.propose": UNTIL_CLOSED,
  "close.propose": UNTIL_CLOSED,
  "resume.propose": ["suspended"],
  "erase.propose": ["closed"],
  "unhold.propose": [...UNTIL_CLOSED, "closed"],
  "window.approve": UNTIL_CLOSED,
  "audit.approve": UNTIL_CLOSED,
  "close.approve": UNTIL_CLOSED,
  "resume.approve": ["suspended"],
  "erase.approve": ["closed"],
  "unhold.approve": [...UNTIL_CLOSED, "closed"],
  "channel.rotate": [...STARTED, "suspended"],
  "channel.grant": [...STARTED, "suspended"],
  "channel.flag": STARTED,
  message: STARTED,
  drop: STARTED,
  "drop.result": STARTED,
  "channel.close": [...STARTED, "closed"],
  "channel.reveal": [...STARTED, "closed"],
};

/** The phases that take a type (PHA-2). */
export function phasesOf(type: string): readonly Phase[] {
  return PHASES_OF[type] ?? [];
}

/** The types that a phase takes. */
export function typesIn(phase: Phase): string[] {
  return Object.keys(PHASES_OF).filter((type) => PHASES_OF[type]!.includes(phase));
}

/** Why the phase does not take the type, if it does not (PHA-2). */
export function refusal(type: string, phase: Phase): "closed" | "not_closed" | "wrong_phase" | undefined {
  const phases = phasesOf(type);
  if (phases.includes(phase)) return undefined;
  if (phase === "closed" || phase === "erased") return "closed";
  return phases.length === 1 && phases[0] === "closed" ? "not_closed" : "wrong_phase";
}
