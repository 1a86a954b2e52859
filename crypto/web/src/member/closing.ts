/**
 * The end of a channel: its close keys are shown, and with them and k shares auditors open it
 * (PROTOCOL 8.8).
 */
import { CloseKey, type EpochContext } from "./epoch.ts";

/** A revealed key that proved itself (CLO-1); raises `bad_commit`. */
export function verifyReveal(kc: Uint8Array, context: EpochContext, closeCommit: Uint8Array): CloseKey {
  const key = new CloseKey(kc, context);
  key.check(closeCommit);
  return key;
}
