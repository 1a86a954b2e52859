/**
 * Making an epoch, and computing somebody else's again (PROTOCOL 8.3).
 *
 * All that a rotate says follows from E, the log and the directory; so every member finds a rotator
 * that gives some members garbage (A18), or that puts garbage into the escrow (A22).
 *
 * A rotation for thousands of devices takes seconds: the work is done by generators that give how
 * many wraps are made, so that who runs them can tell, stop, and let others run between two steps.
 */
import { concat } from "../public/bytes.ts";
import type { ValueMap } from "../public/encoding.ts";
import { CencommError, ProtocolError } from "../public/errors.ts";
import type { RotateBody as AcceptedBody } from "../public/operation/epochs.ts";
import { sameSecret, sha256 } from "../public/primitives.ts";
import { rootOf } from "../public/tree.ts";
import type { CloseKey, EpochContext, EpochSecret } from "./epoch.ts";
import { sealEscrow, sharesOf, wrapShare } from "./escrow.ts";
import { RotationMismatch, type FlagReason } from "./flag.ts";
import { wrap } from "./wrap.ts";

/** A device that a rotate is wrapped to. */
export interface Recipient {
  readonly device: Uint8Array; // 16 bytes
  readonly boxPk: Uint8Array; // 32 bytes
}

/** A device of the auditor in place x. */
export interface ShareHolder extends Recipient {
  readonly x: number; // from 1
}

/** Who gets an epoch, by the rules (7.6). */
export interface Audience {
  /** In order of device id. */
  readonly recipients: readonly Recipient[];
  /** Absent where the audit set is empty; holders in order of (x, device id). */
  readonly audit?: { readonly k: number; readonly n: number; readonly holders: readonly ShareHolder[] };
}

/** The body of a channel.rotate, by its shape in Appendix A. */
export interface RotateBody extends ValueMap {
  p: number;
  commit: Uint8Array;
  close_commit: Uint8Array;
  wraps_root: Uint8Array;
  recips: Uint8Array;
  count: number;
  drop_pk: Uint8Array;
  prev_close?: Uint8Array;
  prev_link?: Uint8Array;
  escrow?: Uint8Array;
  shares_root?: Uint8Array;
  shares?: number;
}

/** What the author of a rotate signs, sends beside it, and keeps. */
export interface Rotation {
  /** The epoch's number, which the header names. */
  readonly n: number;
  readonly body: RotateBody;
  /** 112 bytes for each recipient, in their order. */
  readonly wraps: Uint8Array;
  /** 112 bytes for each share holder, in their order. */
  readonly shares: Uint8Array;
  readonly secret: EpochSecret;
}

/** Wraps made so far, after each one. */
export type Steps<Result> = Generator<number, Result, void>;

/** Run steps to their end. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * The epoch of `secret` for its audience (ROT-8).
 *
 * `previous` is the newest good epoch that the author can open; `linked` says whether history is
 * "all", so that later epochs lead back to earlier ones.
 */
export function* makingRotation(
  secret: EpochSecret,
  previous: EpochSecret | undefined,
  linked: boolean,
  audience: Audience,
): Steps<Rotation> {
  const { recipients, audit } = audience;
  const wraps = yield* wrapping(secret, recipients);
  const body: RotateBody = {
    p: previous === undefined ? 0 : previous.context.n,
    commit: secret.commit,
    close_commit: secret.closeCommit,
    wraps_root: rootOverWraps(recipients, wraps),
    recips: recipsHash(recipients),
    count: recipients.length,
    drop_pk: secret.dropKeys.public,
  };
  if (previous !== undefined) {
    body.prev_close = secret.closeKey.sealPrevious(previous.closeKey);
    if (linked) body.prev_link = secret.sealLink(previous);
  }
  let shares: Uint8Array[] = [];
  if (audit !== undefined) {
    shares = shareWraps(secret, audience);
    body.escrow = sealEscrow(secret);
    body.shares_root = rootOverWraps(audit.holders, shares);
    body.shares = audit.holders.length;
  }
  return { n: secret.context.n, body, wraps: concat(...wraps), shares: concat(...shares), secret };
}

export function makeRotation(...plan: Parameters<typeof makingRotation>): Rotation {
  return finish(makingRotation(...plan));
}

/** An accepted rotate as the log has it, for who computes it again. */
export interface Claim {
  readonly body: AcceptedBody;
  /** The context that the log gives it. */
  readonly context: EpochContext;
  /** Epoch p as the log has it; absent where p = 0. */
  readonly before?: {
    readonly context: EpochContext;
    readonly commit: Uint8Array;
    readonly closeCommit: Uint8Array;
  };
  /** By the directory at the rotate's watermark and the audit set of then. */
  readonly audience: Audience;
}

/**
 * Compute all of an accepted rotate again (ROT-4), before anything is sent in its epoch.
 *
 * `previous` is E(p), where it is held. Raises RotationMismatch with the first field that differs:
 * then flag it, and rotate from the newest good epoch.
 */
export function* checkingRotation(claim: Claim, secret: EpochSecret, previous?: EpochSecret): Steps<void> {
  const { body, audience, before } = claim;
  expect("commit", () => sameContext(secret.context, claim.context) && sameSecret(secret.commit, body.commit));
  expect("close_commit", () => sameSecret(secret.closeCommit, body.close_commit));
  expect("drop_pk", () => sameSecret(secret.dropKeys.public, body.drop_pk));
  let known = previous;
  expect("prev_link", () => {
    if (body.prev_link === undefined || before === undefined) return true;
    known = secret.openLink(body.prev_link, before.context, before.commit);
    return previous === undefined || sameSecret(known.commit, previous.commit);
  });
  expect("prev_close", () => {
    if (body.prev_close === undefined || before === undefined) return true;
    const key: CloseKey = secret.closeKey.openPrevious(body.prev_close, before.context, before.closeCommit);
    return known === undefined || sameSecret(key.key, known.closeKey.key);
  });
  expect("escrow", () => body.escrow === undefined || sameSecret(sealEscrow(secret), body.escrow));
  expect("recips", () => sameSecret(recipsHash(audience.recipients), body.recips));
  const wraps = yield* mismatching("wraps_root", wrapping(secret, audience.recipients));
  expect("wraps_root", () => sameSecret(rootOverWraps(audience.recipients, wraps), body.wraps_root));
  expect("shares_root", () => {
    if (body.shares_root === undefined || audience.audit === undefined) return body.shares_root === undefined;
    return sameSecret(rootOverWraps(audience.audit.holders, shareWraps(secret, audience)), body.shares_root);
  });
}

export function checkRotation(...claimed: Parameters<typeof checkingRotation>): void {
  finish(checkingRotation(...claimed));
}

/** H(device id || box_pk of each), in the given order (7.6). */
export function recipsHash(recipients: readonly Recipient[]): Uint8Array {
  return sha256(...recipients.flatMap(({ device, boxPk }) => [device, boxPk]));
}

/** MTH of device id || box_pk || H(w), in the given order; of shares likewise. */
export function rootOverWraps(holders: readonly Recipient[], wraps: readonly Uint8Array[]): Uint8Array {
  if (holders.length !== wraps.length) {
    throw new ProtocolError("bad_count", `${wraps.length} wraps read, ${holders.length} expected`);
  }
  return rootOf(holders.map(({ device, boxPk }, place) => concat(device, boxPk, sha256(wraps[place]!))));
}

function* wrapping(secret: EpochSecret, recipients: readonly Recipient[]): Steps<Uint8Array[]> {
  const wraps = [];
  for (const { device, boxPk } of recipients) {
    wraps.push(wrap(secret, device, boxPk));
    yield wraps.length;
  }
  return wraps;
}

function shareWraps(secret: EpochSecret, { audit }: Audience): Uint8Array[] {
  if (audit === undefined) return [];
  const shares = sharesOf(secret, audit.k, audit.n);
  return audit.holders.map(({ x, device, boxPk }) => wrapShare(secret, shares[x - 1]!, device, boxPk));
}

function sameContext(one: EpochContext, other: EpochContext): boolean {
  return sameSecret(one.encoded, other.encoded);
}

/** Raise the mismatch unless `holds`; an exception on the way is one too. */
function expect(reason: FlagReason, holds: () => boolean): void {
  let good: boolean;
  try {
    good = holds();
  } catch (error) {
    throw mismatch(reason, error);
  }
  if (!good) throw new RotationMismatch(reason);
}

function* mismatching<Result>(reason: FlagReason, steps: Steps<Result>): Steps<Result> {
  try {
    return yield* steps;
  } catch (error) {
    throw mismatch(reason, error);
  }
}

/** What is wrong with this machine, and not with the rotate, stays what it is. */
function mismatch(reason: FlagReason, error: unknown): unknown {
  const local = !(error instanceof ProtocolError) && error instanceof CencommError;
  return local ? error : new RotationMismatch(reason, { cause: error });
}
