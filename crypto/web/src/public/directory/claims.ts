/** Keys and codes that nobody may take twice (PROTOCOL DIR-6, DIR-8, DIR-13). */
import { hex } from "../bytes.ts";
import { ProtocolError, RuleViolation } from "../errors.ts";
import { checkBoxKey, checkSigningKey, enrolMessage, verify } from "../keys.ts";
import { type DirectoryState, isSuspended, type RootKeyUse } from "./state.ts";

const CODE = /^[A-Z0-9]+(?:-[A-Z0-9]+)*$/;

/** Turns what is wrong with a key or signature into a rejection. */
export function ruled<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ProtocolError) throw new RuleViolation(error.code, error.detail, { cause: error });
    throw error;
  }
}

/** Codes are like if this is equal: O reads as 0, I as 1 (A53). */
export function foldedCode(code: string): string {
  return code.replaceAll("O", "0").replaceAll("I", "1");
}

/** `bad_value` unless it is a code of an administration. */
export function checkCode(code: string): void {
  if (!CODE.test(code)) {
    throw new RuleViolation("bad_value", `code ${code}: groups of A-Z and 0-9 joined by single hyphens expected`);
  }
}

/** `already_exists` if an active administration has a like code. */
export function checkCodeIsFree(state: DirectoryState, code: string): void {
  const folded = foldedCode(code);
  for (const other of state.administrations.values()) {
    if (!isSuspended(other) && foldedCode(other.code) === folded) {
      throw new RuleViolation("already_exists", `code ${code}: the active administration ${other.code} has a like one`);
    }
  }
}

/** DIR-6 for a person of the administration with code `administration`. */
export function checkPersonCode(state: DirectoryState, code: string, administration: string): void {
  checkCode(code);
  if (!code.startsWith(`${administration}-`)) {
    throw new RuleViolation("bad_value", `code ${code}: one that begins with ${administration}- expected`);
  }
  if (state.personCodes.has(foldedCode(code))) {
    throw new RuleViolation("already_exists", `code ${code}: a person has or had a like one`);
  }
}

/** DIR-13: in none of these uses before; a witness may return with its own key. */
export function checkRootKey(
  key: Uint8Array,
  use: RootKeyUse,
  rootKeys: ReadonlyMap<string, RootKeyUse>,
  deviceKeys: ReadonlySet<string>,
): void {
  ruled(() => checkSigningKey(key));
  const name = hex(key);
  const before = rootKeys.get(name);
  if (deviceKeys.has(name) || (before !== undefined && !(before === "witness" && use === "witness"))) {
    throw new RuleViolation("key_reused", `key ${name} is or was a key of ${before ?? "a device"}`);
  }
}

/** KEY-2, then KEY-5. */
export function checkNewBoxKey(state: DirectoryState, boxPk: Uint8Array): void {
  ruled(() => checkBoxKey(boxPk));
  if (state.boxKeys.has(hex(boxPk))) {
    throw new RuleViolation("key_reused", `box key ${hex(boxPk)} was named before`);
  }
}

/** DIR-8, in its order. */
export function checkNewDevice(
  state: DirectoryState,
  person: Uint8Array,
  body: { sign_pk: Uint8Array; box_pk: Uint8Array; proof: Uint8Array },
): void {
  const name = hex(body.sign_pk);
  if (state.rootKeys.has(name) || state.deviceKeys.has(name)) {
    throw new RuleViolation("key_reused", `signing key ${name} is or was in use`);
  }
  ruled(() => checkSigningKey(body.sign_pk));
  checkNewBoxKey(state, body.box_pk);
  ruled(() => verify(body.sign_pk, "enrol", body.proof, enrolMessage(state.id, person, body.box_pk)));
}
