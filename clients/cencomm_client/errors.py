"""Codes and exceptions of the client: files, verification, transport, session, enrolment.

Each class has one stable code; a program branches on the class or on `.code`, a person reads
the sentence that the catalogue holds for the code. What the server answers is mapped from its
code to a class by `refusal` (STYLE, "Errors"). An alarm names the row of ATTACKS.md that it is
an answer to, where one is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cencomm_config.catalog import DEFAULT_LANGUAGE, sentence
from cencomm_crypto.errors import CencommError, ErrorCode


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


class FileError(ClientError):
    """A file of this device that cannot be used as it is; the file is left unchanged."""


class VaultMissing(FileError):
    """No vault at this path."""

    code = ClientCode.VAULT_MISSING


class VaultExists(FileError):
    """`create` never overwrites a vault."""

    code = ClientCode.VAULT_EXISTS


class VaultLocked(FileError):
    """Another process has this vault open."""

    code = ClientCode.VAULT_LOCKED


class VaultDamaged(FileError):
    """Bytes of the vault changed or are missing."""

    code = ClientCode.VAULT_DAMAGED


class VaultFormat(FileError):
    """Not a vault, or one that a newer program wrote."""

    code = ClientCode.VAULT_FORMAT


class VaultPassword(FileError):
    """The password does not open this undamaged vault."""

    code = ClientCode.VAULT_PASSWORD


class VaultBehind(ClientError):
    """A checkpoint that would make the vault go back, or fork: never stored (A4)."""

    code = ClientCode.VAULT_BEHIND
    row = "A4"


class FileUnusable(FileError):
    """The machine does not let a file be read or written: a full disk, no rights."""

    code = ClientCode.FILE_UNUSABLE


class QueueDamaged(FileError):
    """A bot's queue that does not open: changed, of another vault or operation, or newer."""

    code = ClientCode.QUEUE_DAMAGED


class QueueUnwritable(FileError):
    """The disk takes nothing of a bot's queue now; what was taken before is there."""

    code = ClientCode.QUEUE_FULL


class FolderUnusable(FileError):
    """A bot's folder that cannot be read, or does not take what is moved within it."""

    code = ClientCode.FOLDER_UNUSABLE


class AddressUnusable(ClientError):
    """A bot cannot listen there."""

    code = ClientCode.ADDRESS_UNUSABLE


class ReplicaDamaged(FileError):
    """The replica was cut or changed; it can be set aside and fetched again."""

    code = ClientCode.REPLICA_DAMAGED


class ReplicaFormat(FileError):
    """Not a replica, or one that a newer program wrote."""

    code = ClientCode.REPLICA_FORMAT


class ReplicaBehind(FileError):
    """The replica holds less than the vault's checkpoint: an old copy was put back (A4)."""

    code = ClientCode.REPLICA_BEHIND
    row = "A4"


class ReplicaLocked(FileError):
    """Another process has this replica open."""

    code = ClientCode.REPLICA_LOCKED


class RootFileMissing(FileError):
    """No root key file at this path."""

    code = ClientCode.ROOT_FILE_MISSING


class RootFileExists(FileError):
    """A root key file is never overwritten."""

    code = ClientCode.ROOT_FILE_EXISTS


class RootFileLocked(FileError):
    """Another process has this root key file open."""

    code = ClientCode.ROOT_FILE_LOCKED


class RootFileDamaged(FileError):
    """Bytes of the root key file changed or are missing."""

    code = ClientCode.ROOT_FILE_DAMAGED


class RootFileFormat(FileError):
    """Not a root key file, or one that a newer program wrote."""

    code = ClientCode.ROOT_FILE_FORMAT


class RootFilePassphrase(FileError):
    """The passphrase does not open this undamaged root key file."""

    code = ClientCode.ROOT_FILE_PASSPHRASE


class RootRefused(ClientError):
    """A root key file does not sign this: wrong root, wrong directory, or a used serial."""

    code = ClientCode.ROOT_REFUSED


class DraftDamaged(FileError):
    """A draft that travels between custodians is not what one of them signed."""

    code = ClientCode.DRAFT_DAMAGED


class ReportDamaged(FileError):
    """A report of what a log lost is not what a member's device wrote (A50)."""

    code = ClientCode.REPORT_DAMAGED


class RequestDamaged(FileError):
    """An offline enrolment request is malformed or does not prove its keys."""

    code = ClientCode.REQUEST_DAMAGED


class LogAlarm(ClientError):
    """The server (or who holds its database) did what an honest one never does: stop, keep, say.

    `row` is the row of ATTACKS.md; `log` the 16-byte id; `seq` the place, -1 if it has none;
    `evidence` the bytes that show it (items as sent, notes), kept in the replica.
    """

    def __init__(
        self,
        code: ClientCode,
        detail: str,
        *,
        row: str,
        log: bytes = b"",
        seq: int = -1,
        evidence: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.row = row
        self.log = log
        self.seq = seq
        self.evidence = evidence


class NewerProtocol(ClientError):
    """A version, suite or type that this program does not know: read-only, never skipped (A28)."""

    code = ClientCode.NEWER_PROTOCOL
    row = "A28"


class Stopped(ClientError):
    """This log raised an alarm before; nothing is read from or authored in it any more."""

    code = ClientCode.STOPPED


class NotDirected(ClientError):
    """What only some may read is sealed in a directed channel, and nowhere else (A54)."""

    code = ClientCode.NOT_DIRECTED


class TasksOpen(ClientError):
    """No phase is changed while mandatory tasks are open; the detail lists them."""

    code = ClientCode.TASKS_OPEN


class NoNewWarnings(ClientError):
    """After LIVE come late reports, no new warnings."""

    code = ClientCode.NO_NEW_WARNINGS


class ExerciseMixed(ClientError):
    """An exercise and a real operation never refer to each other; an exercise releases nothing."""

    code = ClientCode.EXERCISE_MIXED


class WindowTooLong(ClientError):
    """No window reaches more than a year ahead: what runs on is reviewed and extended."""

    code = ClientCode.WINDOW_TOO_LONG


class SuccessorNeeded(ClientError):
    """Without another coordinator nothing could be decided by two administrations any more."""

    code = ClientCode.SUCCESSOR_NEEDED


class TransportError(ClientError):
    """No usable answer came: try again, the outcome is unknown."""


class Unreachable(TransportError):
    """No connection, or it broke or timed out before the answer was complete."""

    code = ClientCode.UNREACHABLE


class AnswerTooLarge(TransportError):
    """The server sent more than this route may (A35)."""

    code = ClientCode.ANSWER_TOO_LARGE


class AnswerMalformed(TransportError):
    """The server's answer is not of the shape of this route."""

    code = ClientCode.ANSWER_MALFORMED


class Redirected(TransportError):
    """The server pointed elsewhere; a redirect is never followed."""

    code = ClientCode.REDIRECTED


class InsecureUrl(ClientError):
    """Plain http is taken for this machine itself only."""

    code = ClientCode.INSECURE_URL


class NoSession(ClientError):
    """Log in first."""

    code = ClientCode.NO_SESSION


class WrongDirectory(ClientError):
    """The server shows another directory than the one pinned in the vault (A2, A48)."""

    code = ClientCode.WRONG_DIRECTORY
    row = "A48"


class EnrolmentProof(ClientError):
    """The keys that came for an invitation are not proven by its secret (A40)."""

    code = ClientCode.ENROLMENT_PROOF
    row = "A40"


class EnrolmentWaiting(ClientError):
    """Nobody has vouched for this device yet."""

    code = ClientCode.ENROLMENT_WAITING


class NotEnrolled(ClientError):
    """The directory does not show this device with its own keys (A2)."""

    code = ClientCode.NOT_ENROLLED
    row = "A2"


class HandlingForbids(ClientError):
    """A handling code forbids this way out and no REL lifts it; `entry` is a leaf hash."""

    code = ClientCode.HANDLING_FORBIDS

    def __init__(self, entry: bytes, detail: str) -> None:
        super().__init__(detail)
        self.entry = entry


class NotTheAuthor(ClientError):
    """Only the administration that wrote an entry corrects or withdraws it."""

    code = ClientCode.NOT_THE_AUTHOR


class NotChangeable(ClientError):
    """A correction or withdrawal of what none can be about."""

    code = ClientCode.NOT_CHANGEABLE


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the catalogue and what goes into it."""

    code: str
    values: Mapping[str, str]

    def text(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The sentence, in a language; its values are foreign: for a screen through `shown`."""
        return sentence(self.code, language).format(**self.values)


class Refused(ClientError):
    """The server refused, with a code of its own or of the rules.

    `code` is the server's; `status` the HTTP status (0 on the live connection);
    `retry_after_s` what it asked to wait, 0 if nothing. `told` is what a person needs to go on, as
    sentences of the catalogue; the end of `detail` says the same in English.
    """

    told: tuple[Sentence, ...] = ()

    def __init__(
        self, code: str, detail: str = "", *, status: int = 0, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


class LoginFailed(Refused):
    """Unknown account, wrong password, wrong code or wrong device: the server never says which."""


class NotAuthenticated(Refused):
    """The session is unknown, ended or revoked: log in again."""


class TryLater(Refused):
    """The server cannot or will not now; the same bytes may be sent again later."""


class LogBehind(TryLater):
    """The server lost entries of this log that it had signed; they are being handed back (A50)."""


class ConflictingEntry(Refused):
    """Another decision came first: catch up and sign anew (DESIGN 3, compare-and-set)."""


class EpochSuperseded(Refused):
    """The channel has, or needs, a newer epoch: seal anew under it."""


class InvitationUnknown(Refused):
    """Used, expired or never made."""


class NotFound(Refused):
    """No such log, entry or route, for this reader."""


class RefusedByRule(Refused):
    """A rule of `apply` says no."""


REFUSAL_CLASSES: Mapping[str, type[Refused]] = {
    "login_failed": LoginFailed,
    "not_authenticated": NotAuthenticated,
    "session_expired": NotAuthenticated,
    "rate_limited": TryLater,
    "too_busy": TryLater,
    "store_down": TryLater,
    "store_full": TryLater,
    "clock_jumped": TryLater,
    "log_behind": LogBehind,
    "shutting_down": TryLater,
    "no_directory": TryLater,
    "internal": TryLater,
    "invitation_unknown": InvitationUnknown,
    "invitation_spent": InvitationUnknown,
    "not_found": NotFound,
    "unknown_log": NotFound,
    ErrorCode.STALE_SEEN: ConflictingEntry,
    ErrorCode.STALE_DIRECTORY: ConflictingEntry,
    ErrorCode.WRONG_EPOCH: EpochSuperseded,
    ErrorCode.STALE_EPOCH: EpochSuperseded,
    **{
        code: RefusedByRule
        for code in ErrorCode
        if code
        not in {
            ErrorCode.STALE_SEEN,
            ErrorCode.STALE_DIRECTORY,
            ErrorCode.WRONG_EPOCH,
            ErrorCode.STALE_EPOCH,
        }
    },
}
"""Server code -> exception class; a code that is not here is plain `Refused`."""


_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def refusal(code: str, detail: str = "", *, status: int = 0, retry_after_s: float = 0.0) -> Refused:
    """The exception for a server's refusal; raise what this returns.

    A code is a word of ours or of a newer server's: what is none is not carried on (A51).
    """
    if not _CODE.fullmatch(code):
        code = ClientCode.REFUSED
    kind = REFUSAL_CLASSES.get(code, Refused)
    return kind(code, detail, status=status, retry_after_s=retry_after_s)


ROW_OF_REJECTION: Mapping[str, str] = {
    ErrorCode.BAD_SIGNATURE: "A8",
    ErrorCode.UNKNOWN_DEVICE: "A2",
    ErrorCode.INACTIVE: "A3",
    ErrorCode.NOT_MEMBER: "A1",
    ErrorCode.NOT_PERMITTED: "A1",
    ErrorCode.BAD_RECIPIENTS: "A1",
    ErrorCode.BAD_COUNT: "A1",
    ErrorCode.STALE_EPOCH: "A3",
    ErrorCode.WRONG_EPOCH: "A7",
    ErrorCode.BAD_EPOCH_LINK: "A7",
    ErrorCode.WRONG_HEAD: "A4",
    ErrorCode.SEEN_DECREASED: "A4",
    ErrorCode.DUPLICATE_ID: "A5",
    ErrorCode.WRONG_LOG: "A7",
    ErrorCode.WRONG_SCOPE: "A39",
    ErrorCode.BAD_KEY: "A12",
    ErrorCode.KEY_REUSED: "A41",
    ErrorCode.BAD_PROOF: "A41",
    ErrorCode.BAD_SERIAL: "A5",
    ErrorCode.BAD_THRESHOLD: "A2",
    ErrorCode.BAD_AUDIT_SET: "A21",
    ErrorCode.STALE_SEEN: "A42",
    ErrorCode.STALE_DIRECTORY: "A42",
    ErrorCode.OUT_OF_WINDOW: "A30",
    ErrorCode.CLOSED: "A30",
    ErrorCode.WRONG_PHASE: "A30",
    ErrorCode.UNKNOWN_PROPOSAL: "A55",
    ErrorCode.PROPOSAL_SPENT: "A55",
    ErrorCode.PROPOSAL_EXPIRED: "A55",
    ErrorCode.SAME_ADMINISTRATION: "A55",
    ErrorCode.UNKNOWN_VERSION: "A28",
    ErrorCode.UNKNOWN_TYPE: "A28",
    ErrorCode.NOT_CANONICAL: "A14",
    ErrorCode.MALFORMED: "A14",
    ErrorCode.WRONG_TYPE: "A14",
    ErrorCode.TOO_DEEP: "A35",
    ErrorCode.TOO_LARGE: "A35",
    ErrorCode.TOO_MANY: "A35",
    ErrorCode.VOID: "A50",
}
"""Rule code of an entry that the log should not hold -> row of ATTACKS.md; else A4."""
