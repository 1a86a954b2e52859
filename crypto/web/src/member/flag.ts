/** Why a member calls an epoch bad: the reasons of channel.flag (PROTOCOL 8.3, ROT-4, ROT-7). */
import type { ValueMap } from "../public/encoding.ts";
import { ProtocolError } from "../public/errors.ts";

/** What of a rotate, in the order in which a member computes it again; then what else can be wrong. */
export const FLAG_REASONS = [
  "commit",
  "close_commit",
  "drop_pk",
  "prev_link",
  "prev_close",
  "escrow",
  "recips",
  "wraps_root",
  "shares_root",
  "grant", // a grant that is not what the epoch's secret gives
  "wrap", // one's own wrap does not open
] as const;

export type FlagReason = (typeof FLAG_REASONS)[number];

/** A rotate or grant that is not what its epoch's secret gives (A18, A22, A44). */
export class RotationMismatch extends ProtocolError {
  readonly reason: FlagReason;

  constructor(reason: FlagReason, options?: ErrorOptions) {
    super("rotation_mismatch", `${reason} is not what the epoch's secret gives`, options);
    this.reason = reason;
  }
}

/** The body of a channel.flag about epoch `n`. */
export function flagBody(n: number, reason: FlagReason): ValueMap {
  return { n, code: reason };
}
