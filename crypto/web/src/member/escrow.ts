/**
 * Escrow: k of n auditors open a closed channel, no fewer and not before (PROTOCOL 8.9).
 *
 * All of it comes from E, so every member computes it again before it sends (A22).
 */

import type { ValueMap } from "../public/encoding.ts";
import { u8 } from "../public/bytes.ts";
import { keyed, sameSecret } from "../public/primitives.ts";
import type { BoxKey } from "../public/keys.ts";
import { EpochSecret, SECRET_SIZE, type CloseKey, type EpochContext } from "./epoch.ts";
import { cannotOpen, openOnce, sealOnce } from "./sealing.ts";
import { combine, split } from "./shamir.ts";
import { openBound, sealBound } from "./wrap.ts";

const FIELD_SIZE = 256;

/** What k true shares gave. */
export interface Opening {
  readonly secret: EpochSecret;
  /** Places whose share was false, rising. */
  readonly liars: readonly number[];
}

/** escrow = once(B(KC, "escrow", S || c), H(c), E); 48 bytes. */
export function sealEscrow(secret: EpochSecret): Uint8Array {
  const key = escrowKey(secret.closeKey, secret.auditSecret);
  return sealOnce(key, secret.context.digest, secret.secret);
}

/**
 * E from the escrow; raises `cannot_open`.
 *
 * Who calls holds the result against the rotate's commit, as `recover` does.
 */
export function openEscrow(
  escrow: Uint8Array,
  closeKey: CloseKey,
  auditSecret: Uint8Array,
): EpochSecret {
  const { context } = closeKey;
  const plain = openOnce(escrowKey(closeKey, auditSecret), context.digest, escrow);
  if (plain.length !== SECRET_SIZE) {
    throw cannotOpen();
  }
  return new EpochSecret(plain, context);
}

/** The n shares of S, 32 bytes each, in order of their places 1 .. n. */
export function sharesOf(secret: EpochSecret, k: number, n: number): Uint8Array[] {
  const coefficients = [];
  for (let j = 1; j < k; j += 1) {
    coefficients.push(secret.derive("share", u8(j)));
  }
  return split(secret.auditSecret, coefficients, n);
}

/** A share sealed to one device of its auditor; 112 bytes. */
export function wrapShare(
  secret: EpochSecret,
  share: Uint8Array,
  device: Uint8Array,
  boxPk: Uint8Array,
): Uint8Array {
  const seed = secret.derive("audit-wrap", device, boxPk, share);
  return sealBound(seed, share, secret.context, boxPk);
}

/** The share in a share wrap or in an audit.grant; raises `cannot_open`. */
export function openShare(w: Uint8Array, key: BoxKey, context: EpochContext): Uint8Array {
  return openBound(w, key, context);
}

/**
 * The body of an audit.grant: a share sealed again, to the opening device (ESC-4).
 *
 * `request` is the leaf hash of the audit.request, `seed` 32 random bytes for this grant alone.
 */
export function auditGrantBody(
  request: Uint8Array,
  x: number,
  share: Uint8Array,
  context: EpochContext,
  openerBoxPk: Uint8Array,
  seed: Uint8Array,
): ValueMap {
  const { chan, n } = context;
  return { request, x, chan, n, share: sealBound(seed, share, context, openerBoxPk) };
}

/**
 * Open a closed epoch from the shares at hand, place -> share, some of which may be false (ESC-3).
 *
 * Tries k-subsets in order of place until one gives the E that the rotate commits to, then computes
 * all shares again and names the places that lied. Raises `cannot_open` if no subset
 * opens.
 */
export function recover(
  escrow: Uint8Array,
  closeKey: CloseKey,
  shares: ReadonlyMap<number, Uint8Array>,
  k: number,
  n: number,
  commit: Uint8Array,
): Opening {
  const places = [...shares.keys()].sort((a, b) => a - b);
  const usable = places.filter((x) => shares.get(x)!.length === SECRET_SIZE && x < FIELD_SIZE);
  for (const subset of subsets(usable, k)) {
    const secret = opened(escrow, closeKey, new Map(subset.map((x) => [x, shares.get(x)!])), commit);
    if (secret !== undefined) {
      const truth = sharesOf(secret, k, n);
      const liars = places.filter((x) => {
        const share = truth[x - 1];
        return share === undefined || !sameSecret(shares.get(x)!, share);
      });
      return { secret, liars };
    }
  }
  throw cannotOpen();
}

function opened(
  escrow: Uint8Array,
  closeKey: CloseKey,
  shares: ReadonlyMap<number, Uint8Array>,
  commit: Uint8Array,
): EpochSecret | undefined {
  try {
    const secret = openEscrow(escrow, closeKey, combine(shares));
    secret.check(commit);
    return secret;
  } catch {
    return undefined;
  }
}

/** The subsets of `size` of the places, in order. */
function* subsets(places: readonly number[], size: number): Generator<number[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (const [i, first] of places.entries()) {
    for (const rest of subsets(places.slice(i + 1), size - 1)) {
      yield [first, ...rest];
    }
  }
}

function escrowKey(closeKey: CloseKey, auditSecret: Uint8Array): Uint8Array {
  return keyed(closeKey.key, "escrow", auditSecret, closeKey.context.encoded);
}
