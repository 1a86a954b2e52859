/** An operation's first entry (PROTOCOL OPS-15). */
import { equal, hex } from "../bytes.ts";
import { ruled } from "../directory/claims.ts";
import { checkEmptyHead } from "../directory/genesis.ts";
import type { DirectoryView, WitnessPolicy } from "../directory/state.ts";
import { checkWitnessPolicy } from "../directory/witness.ts";
import { channelId, logId, verifySignature } from "../entry.ts";
import type { Entry } from "../entry.ts";
import { ProtocolError, RuleViolation } from "../errors.ts";
import type { Item } from "../wire.ts";
import { checkInside } from "./act.ts";
import { type AuditBody, readAuditSet } from "./audit-set.ts";
import { advance } from "./ledger.ts";
import { newLedger, type OperationState, type Window } from "./state.ts";

interface Genesis {
  readonly directory: Uint8Array;
  readonly window: Window;
  readonly grace: number;
  readonly live: Window;
  readonly phases: number;
  readonly history: "all" | "none";
  readonly retention: { readonly erase_at: number };
  readonly audit: AuditBody;
  readonly witness: WitnessPolicy;
  readonly rules: number;
  readonly suite_min: number;
}

const MAIN_CHANNEL = "main";

/** The state after a genesis; `view` is the directory that it pins. */
export function foundOperation(item: Item & { entry: Entry }, view: DirectoryView): OperationState {
  const { entry, at } = item;
  const body = entry.body as unknown as Genesis;
  checkEmptyHead(entry);
  if (body.rules !== 1 || body.phases !== 1 || body.suite_min !== 1) {
    throw new ProtocolError(
      "unknown_version",
      `rules ${body.rules}, phases ${body.phases}, suite ${body.suite_min}; 1 each is known here`,
    );
  }
  if (!equal(body.directory, view.id)) throw new RuleViolation("wrong_log", "the genesis names another directory");
  const device = view.device(hex(entry.header.device));
  if (device === undefined) {
    throw new RuleViolation("unknown_device", `device ${hex(entry.header.device)} is not in the directory`);
  }
  ruled(() => verifySignature(entry, device.signPk));
  if (!view.isActiveDevice(device)) throw new RuleViolation("inactive", `device ${device.id} is not active`);
  const author = view.person(device.person)!;
  if (!view.mayCreate(author)) {
    throw new RuleViolation("not_permitted", `person ${author.id} may not create operations`);
  }
  if (body.suite_min < view.suiteMin) {
    throw new RuleViolation("bad_value", `suite ${body.suite_min} read, at least ${view.suiteMin} expected`);
  }
  checkInside(body.window, [0, Number.MAX_SAFE_INTEGER], "the window");
  checkInside(body.live, body.window, "the live window");
  const eraseAt = body.retention.erase_at;
  if (eraseAt !== 0 && eraseAt <= body.window[1] + body.grace) {
    throw new RuleViolation("bad_value", `erase_at ${eraseAt}: 0, or after the window and its grace, expected`);
  }
  const audit = readAuditSet(body.audit, view, (person) => person === author.id);
  checkWitnessPolicy(body.witness);
  const main = hex(channelId(entry));
  const state: OperationState = {
    id: logId(entry),
    size: 1,
    at,
    rules: body.rules,
    suiteMin: body.suite_min,
    history: body.history,
    founder: author.id,
    foundingAdministration: author.administration,
    eraseAt,
    grace: body.grace,
    window: body.window,
    live: body.live,
    phase: "draft",
    interrupted: undefined,
    closedAt: undefined,
    members: new Map([
      [
        author.id,
        {
          person: author.id,
          administration: author.administration,
          role: "coordinator",
          seq: 0,
          admittedAt: view.size,
          chan: undefined,
          kinds: [],
          rate: undefined,
        },
      ],
    ]),
    former: new Set(),
    administrations: new Set([author.administration]),
    accepted: new Set(),
    main,
    channels: new Map([
      [
        main,
        {
          id: main,
          name: MAIN_CHANNEL,
          creator: author.id,
          created: 0,
          window: body.window,
          parent: undefined,
          main: true,
          members: undefined,
          rule: undefined,
          epochs: new Map(),
          lost: false,
          flagged: new Set(),
          closedAt: undefined,
          reveals: new Map(),
          drops: new Map(),
          answered: new Set(),
          ledger: newLedger(),
          staleness: undefined,
        },
      ],
    ]),
    audits: [audit],
    proposals: new Map(),
    holds: new Map(),
    requests: new Map(),
    releases: new Map(),
    restored: [],
    control: newLedger(),
    releasing: newLedger(),
    owners: new Map(),
  };
  advance(state.control, item, true);
  return state;
}
