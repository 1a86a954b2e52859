"""Codes and exceptions of the protocol.

A code is stable: programs, logs and the catalogue of sentences are keyed by it.
The detail is a sentence for the developer: what was read, what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """Every code that parsing, verifying, opening and the rules can give (PROTOCOL 1.6)."""

    # bytes
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_CANONICAL = "not_canonical"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    # keys and proofs
    BAD_KEY = "bad_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_PROOF = "bad_proof"
    BAD_NOTE = "bad_note"
    KEY_REUSED = "key_reused"
    BAD_SERIAL = "bad_serial"
    BAD_THRESHOLD = "bad_threshold"
    # the log
    LOG_DAMAGED = "log_damaged"
    WRONG_LOG = "wrong_log"
    WRONG_SCOPE = "wrong_scope"
    WRONG_HEAD = "wrong_head"
    STALE_SEEN = "stale_seen"
    STALE_DIRECTORY = "stale_directory"
    SEEN_DECREASED = "seen_decreased"
    DUPLICATE_ID = "duplicate_id"
    DIRECTORY_BEHIND = "directory_behind"
    VOID = "void"
    # rights, phases, life-cycle
    OUT_OF_WINDOW = "out_of_window"
    WRONG_PHASE = "wrong_phase"
    NOT_PERMITTED = "not_permitted"
    NOT_MEMBER = "not_member"
    INACTIVE = "inactive"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_ADMINISTRATION = "unknown_administration"
    UNKNOWN_PROPOSAL = "unknown_proposal"
    PROPOSAL_SPENT = "proposal_spent"
    PROPOSAL_EXPIRED = "proposal_expired"
    SAME_ADMINISTRATION = "same_administration"
    ALREADY_EXISTS = "already_exists"
    UNKNOWN_REFERENCE = "unknown_reference"
    BAD_AUDIT_SET = "bad_audit_set"
    HELD = "held"
    NOT_CLOSED = "not_closed"
    CLOSED = "closed"
    TOO_MANY = "too_many"
    BAD_VALUE = "bad_value"
    # epochs
    WRONG_EPOCH = "wrong_epoch"
    STALE_EPOCH = "stale_epoch"
    BAD_RECIPIENTS = "bad_recipients"
    BAD_COUNT = "bad_count"
    BAD_EPOCH_LINK = "bad_epoch_link"
    BAD_COMMIT = "bad_commit"
    ROTATION_MISMATCH = "rotation_mismatch"
    # opening
    CANNOT_OPEN = "cannot_open"
    NO_EPOCH_KEY = "no_epoch_key"
    FORGED_METADATA = "forged_metadata"


class CencommError(Exception):
    """Base of every error this project raises on purpose.

    `code` is the stable wire code; `detail` says what was wrong and what was expected.
    """

    code: str = "internal"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class ProtocolError(CencommError):
    """Bytes, keys, proofs or sealed content that are not what the protocol says."""

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code


class RuleViolation(ProtocolError):
    """Raised inside the rules; `apply` turns it into `Rejected`."""


class DirectoryBehind(CencommError):
    """An entry names a directory size that the caller has not yet: wait, never reject (RULES)."""

    code = ErrorCode.DIRECTORY_BEHIND

    def __init__(self, size: int) -> None:
        super().__init__(f"the entry names directory size {size}, which has not arrived here yet")
        self.size = size


@dataclass(frozen=True, slots=True)
class Rejected:
    """What `apply` returns for an entry without effect (DESIGN 2)."""

    code: ErrorCode
    detail: str
