/** The directory's first entry (PROTOCOL DIR-1). */
import { equal, hex } from "../bytes.ts";
import { type Entry, logId } from "../entry.ts";
import { ProtocolError, RuleViolation } from "../errors.ts";
import { sha256, ZERO_32 } from "../primitives.ts";
import { checkRootKey } from "./claims.ts";
import { checkPoster, checkRootSignatures, type RootSigned } from "./roots.ts";
import type { DirectoryState, GovernanceRoot, RootKeyUse, WitnessPolicy } from "./state.ts";
import { checkWitnessPolicy, isKeyName } from "./witness.ts";

const RULES = 1;
const SUITE = 1;

interface Genesis extends RootSigned {
  readonly name: string;
  readonly log_key: Uint8Array;
  readonly governance: GovernanceRoot;
  readonly witness: WitnessPolicy;
  readonly suite_min: number;
  readonly rules: number;
}

/** The state after a genesis at server time `at` (ms). */
export function foundDirectory(entry: Entry, at: number): DirectoryState {
  const body = entry.body as unknown as Genesis;
  checkEmptyHead(entry);
  if (body.rules !== RULES || body.suite_min !== SUITE) {
    throw new ProtocolError("unknown_version", `rules ${body.rules}, suite ${body.suite_min}; 1 and 1 are known here`);
  }
  checkPoster(entry);
  if (body.serial !== 0) throw new RuleViolation("bad_serial", `serial ${body.serial} read, 0 expected in a genesis`);
  if (!isKeyName(body.name)) {
    throw new RuleViolation("bad_value", `name ${JSON.stringify(body.name)}: printable ASCII without "+" expected`);
  }
  checkGovernanceRoot(body.governance);
  checkRootSignatures({ type: "governance", ...body.governance }, ZERO_32, body);
  checkWitnessPolicy(body.witness);
  const rootKeys = new Map<string, RootKeyUse>();
  const take = (key: Uint8Array, use: RootKeyUse): void => {
    checkRootKey(key, use, rootKeys, new Set());
    rootKeys.set(hex(key), use);
  };
  for (const key of body.governance.keys) take(key, "governance");
  take(body.log_key, "log");
  for (const [, key] of body.witness.keys) take(key, "witness");
  return {
    id: logId(entry),
    name: body.name,
    rules: body.rules,
    size: 1,
    at,
    logKey: body.log_key,
    suiteMin: [[0, body.suite_min]],
    governance: [[0, body.governance]],
    governanceSerial: 0,
    governanceChanged: 0,
    witness: body.witness,
    administrations: new Map(),
    persons: new Map(),
    devices: new Map(),
    personCodes: new Set(),
    rootKeys,
    deviceKeys: new Set(),
    boxKeys: new Set(),
    authors: new Map([[hex(entry.header.device), { seen: 0, ids: new Set([hex(entry.header.id)]) }]]),
    restored: [],
  };
}

/** A genesis has seen the empty log. */
export function checkEmptyHead(entry: Entry): void {
  const [size, root] = entry.header.seen;
  if (size !== 0 || !equal(root, sha256(new Uint8Array(0)))) {
    throw new RuleViolation("wrong_head", `seen size ${size} read; a genesis has seen [0, H("")]`);
  }
}

/** 1 <= k <= number of keys, no key twice. */
export function checkGovernanceRoot({ keys, k }: GovernanceRoot): void {
  if (k < 1 || k > keys.length) throw new RuleViolation("bad_threshold", `k is ${k}, 1 to ${keys.length} expected`);
  if (new Set(keys.map(hex)).size < keys.length) {
    throw new RuleViolation("key_reused", "a governance key stands twice");
  }
}
