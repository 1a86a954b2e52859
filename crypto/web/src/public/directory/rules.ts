/**
 * apply of the directory (PROTOCOL 6.2): what an entry does, or why nothing.
 *
 * A rule checks everything first and gives its effect as a function; so what is rejected, or stops
 * half way, has changed nothing (DIR-11).
 */
import { equal, hex } from "../bytes.ts";
import { type Entry, verifySignature } from "../entry.ts";
import { RuleViolation } from "../errors.ts";
import { latest, type Roots } from "../history.ts";
import { isDirectoryType, isGenesis } from "../types.ts";
import type { Item } from "../wire.ts";
import { type Act, administrationOf, type Effect } from "./act.ts";
import { ADMINISTRATION_RULES } from "./administration.ts";
import { ruled } from "./claims.ts";
import { GOVERNANCE_RULES } from "./governance.ts";
import { PEOPLE_RULES } from "./people.ts";
import { checkPoster, checkRootSignatures, checkSerial, type RootSigned } from "./roots.ts";
import { type DirectoryState, present } from "./state.ts";

/** Raises RuleViolation where the entry has no effect; the effect is done when the caller calls it. */
export function judgeDirectory(state: DirectoryState, item: Item & { entry: Entry }, roots: Roots): Effect {
  const { entry, seq } = item;
  const { header } = entry;
  checkKind(state, entry);
  const act: Act = { state, seq, entry, roots };
  const effect = header.type in PEOPLE_RULES ? byDevice(act) : byRoot(act);
  return () => {
    effect();
    noteAuthor(state, entry);
  };
}

/** Step 2. */
function checkKind(state: DirectoryState, entry: Entry): void {
  const { type, dir, log, suite } = entry.header;
  if (!isDirectoryType(type)) throw new RuleViolation("wrong_type", `${type} read, a type of the directory expected`);
  if (dir !== undefined) throw new RuleViolation("malformed", "header.dir is present in the directory's own log");
  if (isGenesis(type)) throw new RuleViolation("already_exists", "a second genesis");
  if (log === undefined || !equal(log, state.id.subarray(0, 16))) {
    throw new RuleViolation("wrong_log", "header.log names another log");
  }
  const suiteMin = latest(state.suiteMin);
  if (suite < suiteMin) throw new RuleViolation("bad_value", `suite ${suite} read, at least ${suiteMin} expected`);
}

/** Steps 3 to 6 of bodies with root signatures. */
function byRoot(act: Act): Effect {
  const { state, entry } = act;
  const { type } = entry.header;
  const body = entry.body as unknown as RootSigned;
  checkPoster(entry);
  checkHead(act);
  if (type in ADMINISTRATION_RULES) {
    const administration = administrationOf(state, (entry.body as { admin: Uint8Array }).admin);
    checkSerial(body, administration.serial);
    checkRootSignatures({ type: "admin-root", keys: [administration.root], k: 1 }, state.id, body);
    const effect = ADMINISTRATION_RULES[type]!(act, body, administration);
    return () => {
      administration.serial = body.serial;
      effect();
    };
  }
  const restoring = type === "log.restored";
  checkSerial(body, restoring ? (state.restored.at(-1)?.serial ?? 0) : state.governanceSerial);
  checkRootSignatures({ type: "governance", ...latest(state.governance) }, state.id, body);
  const effect = GOVERNANCE_RULES[type]!(act, body);
  return () => {
    if (!restoring) state.governanceSerial = body.serial;
    effect();
  };
}

/** Steps 3 to 6 of all others. */
function byDevice(act: Act): Effect {
  const { state, entry } = act;
  const device = state.devices.get(hex(entry.header.device));
  if (device === undefined) {
    throw new RuleViolation("unknown_device", `device ${hex(entry.header.device)} is not in the directory`);
  }
  ruled(() => verifySignature(entry, device.signPk));
  checkHead(act);
  if (!present(state).isActiveDevice(device)) {
    throw new RuleViolation("inactive", `device ${device.id} is revoked, or its person is not active`);
  }
  const author = state.persons.get(device.person)!;
  return PEOPLE_RULES[entry.header.type]!({ ...act, device, author }, entry.body);
}

/** DIR-3, then DIR-5. */
function checkHead({ state, seq, entry, roots }: Act): void {
  const [size, root] = entry.header.seen;
  const own = size <= seq ? roots.root(size) : undefined;
  if (own === undefined || !equal(own, root)) {
    throw new RuleViolation("wrong_head", `seen size ${size} with a root that this log has not, at seq ${seq}`);
  }
  const author = state.authors.get(hex(entry.header.device));
  if (author === undefined) return;
  if (size < author.seen) {
    throw new RuleViolation("seen_decreased", `seen size ${size} read after ${author.seen} of the same device`);
  }
  if (author.ids.has(hex(entry.header.id))) {
    throw new RuleViolation("duplicate_id", `entry id ${hex(entry.header.id)} was used by this device`);
  }
}

function noteAuthor(state: DirectoryState, { header }: Entry): void {
  const device = hex(header.device);
  const author = state.authors.get(device);
  if (author === undefined) {
    state.authors.set(device, { seen: header.seen[0], ids: new Set([hex(header.id)]) });
  } else {
    author.seen = header.seen[0];
    author.ids.add(hex(header.id));
  }
}
