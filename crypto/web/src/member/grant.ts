/** Grants: the only way to a late wrap, and how a new device heals (PROTOCOL 8.4, A44). */
import type { ValueMap } from "../public/encoding.ts";
import type { BoxKey } from "../public/keys.ts";
import { sameSecret, sha256 } from "../public/primitives.ts";
import type { EpochContext, EpochSecret } from "./epoch.ts";
import { RotationMismatch } from "./flag.ts";
import { cannotOpen } from "./sealing.ts";
import { openWrap, wrap } from "./wrap.ts";

/** The body of a channel.grant, by its shape in Appendix A. */
export interface GrantBody extends ValueMap {
  n: number | bigint;
  device: Uint8Array;
  box_pk: Uint8Array;
  wrap: Uint8Array;
}

export interface Grant {
  readonly body: GrantBody;
  /** w, which travels beside the entry. */
  readonly wrap: Uint8Array;
}

/** Epoch `secret` for a device and its present box key; whether it may have it is a public rule (GRA-1). */
export function makeGrant(secret: EpochSecret, device: Uint8Array, boxPk: Uint8Array): Grant {
  const w = wrap(secret, device, boxPk);
  return { body: { n: secret.context.n, device, box_pk: boxPk, wrap: sha256(w) }, wrap: w };
}

/** Compute somebody's grant again (GRA-2); raises RotationMismatch, reason `grant`. */
export function checkGrant(body: GrantBody, secret: EpochSecret): void {
  let expected: Uint8Array;
  try {
    expected = sha256(wrap(secret, body.device, body.box_pk));
  } catch (error) {
    throw new RotationMismatch("grant", { cause: error });
  }
  if (body.n !== secret.context.n || !sameSecret(expected, body.wrap)) {
    throw new RotationMismatch("grant");
  }
}

/**
 * E of `context` from the wrap of a grant to one's own device (GRA-3); raises `cannot_open`.
 *
 * `body` is the last accepted grant for (n, device): the log says which wrap counts, not the server.
 */
export function openGrant(
  body: GrantBody,
  w: Uint8Array,
  key: BoxKey,
  context: EpochContext,
  commit: Uint8Array,
): EpochSecret {
  if (body.n !== context.n || !sameSecret(sha256(w), body.wrap)) throw cannotOpen();
  return openWrap(w, key, context, commit);
}
