/**
 * Codes and errors of the protocol.
 *
 * A code is stable: programs, logs and the catalogue of sentences are keyed by it. The detail is a
 * sentence for the developer: what was read, what was expected.
 */

/** Every code that parsing, verifying, opening and the rules can give (PROTOCOL 1.6). */
export const PROTOCOL_CODES = [
  // bytes
  "malformed",
  "too_large",
  "too_deep",
  "not_canonical",
  "wrong_type",
  "unknown_type",
  "unknown_version",
  // keys and proofs
  "bad_key",
  "bad_signature",
  "bad_proof",
  "bad_note",
  "key_reused",
  "bad_serial",
  "bad_threshold",
  // the log
  "log_damaged",
  "wrong_log",
  "wrong_scope",
  "wrong_head",
  "stale_seen",
  "stale_directory",
  "seen_decreased",
  "duplicate_id",
  "directory_behind",
  "void",
  // time, course, rights
  "out_of_window",
  "wrong_phase",
  "not_closed",
  "closed",
  "held",
  "not_permitted",
  "not_member",
  "inactive",
  // what an entry names
  "unknown_device",
  "unknown_person",
  "unknown_channel",
  "unknown_administration",
  "unknown_reference",
  "unknown_proposal",
  "proposal_spent",
  "proposal_expired",
  "same_administration",
  "already_exists",
  "too_many",
  "bad_value",
  "bad_audit_set",
  // epochs
  "wrong_epoch",
  "stale_epoch",
  "bad_recipients",
  "bad_count",
  "bad_epoch_link",
  "bad_commit",
  "rotation_mismatch",
  // sealed content
  "cannot_open",
  "no_epoch_key",
  "forged_metadata",
] as const;

export type ProtocolCode = (typeof PROTOCOL_CODES)[number];

/** What only this implementation can meet: its library did not start, its worker is gone, a call was cancelled, a fault. */
export const LOCAL_CODES = ["crypto_unavailable", "worker_gone", "cancelled", "internal"] as const;

export type LocalCode = (typeof LOCAL_CODES)[number];

export type Code = ProtocolCode | LocalCode;

/** Base of every error that this library raises on purpose. */
export class CencommError extends Error {
  readonly code: Code;
  readonly detail: string;

  constructor(code: Code, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
  }
}

/** Bytes, keys, proofs or sealed content that are not what the protocol says. */
export class ProtocolError extends CencommError {
  declare readonly code: ProtocolCode;

  constructor(code: ProtocolCode, detail: string, options?: ErrorOptions) {
    super(code, detail, options);
  }
}

/** Raised inside the rules; `apply` turns it into a `Rejection`. */
export class RuleViolation extends ProtocolError {}

/** The entry names a directory size that has not arrived here: wait, then ask again (OPS-1). */
export class DirectoryBehind extends ProtocolError {
  readonly size: number;

  constructor(size: number) {
    super("directory_behind", `the entry names directory size ${size}, which has not arrived here yet`);
    this.size = size;
  }
}

/** What `apply` returns for an entry without effect (OPS-17, DIR-11). */
export interface Rejection {
  readonly code: ProtocolCode;
  readonly detail: string;
}
