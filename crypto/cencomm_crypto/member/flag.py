"""Why a member says that an epoch is bad: the reasons of channel.flag (PROTOCOL 8.3 ROT-4)."""

from __future__ import annotations

from enum import StrEnum

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import Value


class FlagReason(StrEnum):
    """What of a rotate or grant was not as recomputed; `code` of a channel.flag."""

    COMMIT = "commit"
    CLOSE_COMMIT = "close_commit"
    RECIPIENTS = "recips"
    WRAPS = "wraps_root"
    DROP_KEY = "drop_pk"
    PREVIOUS_LINK = "prev_link"
    PREVIOUS_CLOSE = "prev_close"
    ESCROW = "escrow"
    SHARES = "shares_root"
    GRANT = "grant"
    OWN_WRAP = "wrap"  # the flagging device's own wrap does not open


class RotationMismatch(ProtocolError):
    """A rotate or grant that is not what its epoch secret gives (A18, A22)."""

    def __init__(self, reason: FlagReason) -> None:
        super().__init__(
            ErrorCode.ROTATION_MISMATCH, f"{reason} is not what the epoch secret gives"
        )
        self.reason = reason


def flag_body(n: int, reason: FlagReason) -> dict[str, Value]:
    """Body of a channel.flag about epoch `n`."""
    return {"n": n, "code": reason.value}
