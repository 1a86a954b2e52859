/** Witness policies (PROTOCOL DIR-16). */
import { hex } from "../bytes.ts";
import { RuleViolation } from "../errors.ts";
import { checkSigningKey } from "../keys.ts";
import { ruled } from "./claims.ts";
import type { WitnessPolicy } from "./state.ts";

const KEY_NAME = /^[!-*,-~]+$/;

/** U+0021 to U+007E, none of them "+". */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name);
}

/** In the order of the rule. */
export function checkWitnessPolicy({ keys, k, fresh, mode }: WitnessPolicy): void {
  if (keys.length === 0) {
    if (k !== 0 || fresh !== 0 || mode !== "warn") {
      throw new RuleViolation("bad_value", `no witness keys, but k ${k}, fresh ${fresh}, mode ${mode}`);
    }
    return;
  }
  if (k < 1 || k > keys.length) throw new RuleViolation("bad_threshold", `k is ${k}, 1 to ${keys.length} expected`);
  if (fresh === 0) throw new RuleViolation("bad_value", "fresh is 0, more expected where there are witnesses");
  const names = keys.map(([name]) => name);
  if (!names.every(isKeyName)) {
    throw new RuleViolation("bad_value", `witness names ${names.join(" ")}: printable ASCII without "+" expected`);
  }
  if (new Set(names).size < names.length) throw new RuleViolation("bad_value", "a witness name stands twice");
  if (new Set(keys.map(([, key]) => hex(key))).size < keys.length) {
    throw new RuleViolation("key_reused", "a witness key stands twice");
  }
  for (const [, key] of keys) ruled(() => checkSigningKey(key));
}
