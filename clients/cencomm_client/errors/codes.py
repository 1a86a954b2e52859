"""The codes that only a client gives, and the class that all its errors come from."""

from __future__ import annotations

from enum import StrEnum

from cencomm_crypto.errors import CencommError


class ClientCode(StrEnum):
    """Codes that only a client gives; protocol and service codes stand in their own enums."""

    # files of this device
    VAULT_MISSING = "vault_missing"
    VAULT_EXISTS = "vault_exists"
    VAULT_LOCKED = "vault_locked"
    VAULT_DAMAGED = "vault_damaged"
    VAULT_FORMAT = "vault_format"
    VAULT_PASSWORD = "vault_password"  # noqa: S105 - a code, no secret
    VAULT_BEHIND = "vault_behind"
    REPLICA_DAMAGED = "replica_damaged"
    FILE_UNUSABLE = "file_unusable"
    REPLICA_FORMAT = "replica_format"
    REPLICA_BEHIND = "replica_behind"
    REPLICA_LOCKED = "replica_locked"
    ROOT_FILE_MISSING = "root_file_missing"
    ROOT_FILE_EXISTS = "root_file_exists"
    ROOT_FILE_LOCKED = "root_file_locked"
    ROOT_FILE_DAMAGED = "root_file_damaged"
    ROOT_FILE_FORMAT = "root_file_format"
    ROOT_FILE_PASSPHRASE = "root_file_passphrase"  # noqa: S105 - a code, no secret
    ROOT_REFUSED = "root_refused"
    DRAFT_DAMAGED = "draft_damaged"
    REPORT_DAMAGED = "report_damaged"
    REQUEST_DAMAGED = "request_damaged"
    # a bot's queue and doors
    QUEUE_DAMAGED = "queue_damaged"
    QUEUE_FULL = "queue_full"
    ADDRESS_UNUSABLE = "address_unusable"
    FOLDER_UNUSABLE = "folder_unusable"
    REQUEST_MALFORMED = "request_malformed"
    REQUEST_REUSED = "request_reused"
    REQUEST_SLOW = "request_slow"
    REQUEST_TOO_LARGE = "request_too_large"
    SIGNATURE_WRONG = "signature_wrong"
    TIME_OUTSIDE = "time_outside"
    HIT_DECIDED = "hit_decided"
    # what the server showed, judged
    LOG_GAP = "log_gap"
    LOG_REWRITTEN = "log_rewritten"
    LOG_ROLLED_BACK = "log_rolled_back"
    LOG_BEHIND = "log_behind"
    LOG_FORKED = "log_forked"
    LOG_DAMAGED = "log_damaged"
    WRONG_LOG = "wrong_log"
    CHECKPOINT_FORGED = "checkpoint_forged"
    CHECKPOINT_MISMATCH = "checkpoint_mismatch"
    ENTRY_REJECTED = "entry_rejected"
    ENTRY_WITHHELD = "entry_withheld"
    BODY_WITHHELD = "body_withheld"
    BODY_ERASED = "body_erased"
    ENTRIES_LOST = "entries_lost"
    LOG_RESTORED = "log_restored"
    DIRECTORY_WITHHELD = "directory_withheld"
    CLOCK_AHEAD = "clock_ahead"
    NEWER_PROTOCOL = "newer_protocol"
    RECEIPT_FORGED = "receipt_forged"
    STOPPED = "stopped"
    # what this client refuses to author
    NOT_DIRECTED = "not_directed"
    TASKS_OPEN = "tasks_open"
    NO_NEW_WARNINGS = "no_new_warnings"
    EXERCISE_MIXED = "exercise_mixed"
    WINDOW_TOO_LONG = "window_too_long"
    SUCCESSOR_NEEDED = "successor_needed"
    # transport
    UNREACHABLE = "unreachable"
    INSECURE_URL = "insecure_url"
    ANSWER_TOO_LARGE = "answer_too_large"
    ANSWER_MALFORMED = "answer_malformed"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    # session and enrolment
    NO_SESSION = "no_session"
    WRONG_DIRECTORY = "wrong_directory"
    ENROLMENT_PROOF = "enrolment_proof"
    ENROLMENT_WAITING = "enrolment_waiting"
    NOT_ENROLLED = "not_enrolled"
    # what this client does not do with content
    HANDLING_FORBIDS = "handling_forbids"
    NOT_THE_AUTHOR = "not_the_author"
    NOT_CHANGEABLE = "not_changeable"


class ClientError(CencommError):
    """Base of every error that the client itself raises."""
