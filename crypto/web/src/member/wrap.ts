/**
 * Wraps: an epoch secret sealed to one device (PROTOCOL 8.2).
 *
 * Nothing in a wrap is random, so every member computes all of them again and sees a rotator that
 * handed out garbage (A18).
 */

import type { BoxKey } from "../public/keys.ts";
import { concat } from "../public/bytes.ts";
import { sameSecret } from "../public/primitives.ts";
import { EpochSecret, SECRET_SIZE, type EpochContext } from "./epoch.ts";
import { SEALED_BOX_OVERHEAD, cannotOpen, openBox, orCannotOpen, sealBox } from "./sealing.ts";

const PLAIN_SIZE = SECRET_SIZE + 32; // value || H(c)
export const WRAP_SIZE = PLAIN_SIZE + SEALED_BOX_OVERHEAD; // 112

/** w = SEAL(B(E, "wrap", c || device || pk), E || H(c), pk); 112 bytes. */
export function wrap(secret: EpochSecret, device: Uint8Array, boxPk: Uint8Array): Uint8Array {
  const seed = secret.derive("wrap", device, boxPk);
  return sealBound(seed, secret.secret, secret.context, boxPk);
}

/** E of `context` from a device's wrap (WRAP-1); raises `cannot_open`. */
export function openWrap(
  w: Uint8Array,
  key: BoxKey,
  context: EpochContext,
  commit: Uint8Array,
): EpochSecret {
  const secret = new EpochSecret(openBound(w, key, context), context);
  orCannotOpen(() => secret.check(commit));
  return secret;
}

/** A sealed box of value[32] || H(c), its ephemeral key from `seed`: the shape of every wrap. */
export function sealBound(
  seed: Uint8Array,
  value: Uint8Array,
  context: EpochContext,
  boxPk: Uint8Array,
): Uint8Array {
  return sealBox(seed, concat(value, context.digest), boxPk);
}

/** The value[32] in `sealBound`; raises `cannot_open`. */
export function openBound(w: Uint8Array, key: BoxKey, context: EpochContext): Uint8Array {
  const plain = openBox(w, key, PLAIN_SIZE);
  if (!sameSecret(plain.subarray(SECRET_SIZE), context.digest)) {
    throw cannotOpen();
  }
  return plain.slice(0, SECRET_SIZE);
}
