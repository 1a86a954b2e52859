"""What the server answers in place of a yes: its code, mapped to a class (STYLE, "Errors")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cencomm_config.catalog import DEFAULT_LANGUAGE, sentence
from cencomm_crypto.errors import ErrorCode

from cencomm_client.errors.codes import ClientCode, ClientError


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
