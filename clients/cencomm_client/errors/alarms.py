"""What a server showed that an honest one never does, and what then stands still.

Each names the row of ATTACKS.md that it is an answer to, where one is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.errors import ErrorCode

from cencomm_client.errors.codes import ClientCode, ClientError


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


class VaultBehind(ClientError):
    """A checkpoint that would make the vault go back, or fork: never stored (A4)."""

    code = ClientCode.VAULT_BEHIND
    row = "A4"


class WrongDirectory(ClientError):
    """The server shows another directory than the one pinned in the vault (A2, A48)."""

    code = ClientCode.WRONG_DIRECTORY
    row = "A48"


class EnrolmentProof(ClientError):
    """The keys that came for an invitation are not proven by its secret (A40)."""

    code = ClientCode.ENROLMENT_PROOF
    row = "A40"


class NotEnrolled(ClientError):
    """The directory does not show this device with its own keys (A2)."""

    code = ClientCode.NOT_ENROLLED
    row = "A2"


class NewerProtocol(ClientError):
    """A version, suite or type that this program does not know: read-only, never skipped (A28)."""

    code = ClientCode.NEWER_PROTOCOL
    row = "A28"


class Stopped(ClientError):
    """This log raised an alarm before; nothing is read from or authored in it any more."""

    code = ClientCode.STOPPED


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
