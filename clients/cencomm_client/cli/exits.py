"""Exit codes of `cencomm`: few, stable, and derived from what went wrong (docs/cli.md)."""

from __future__ import annotations

from enum import IntEnum

from cencomm_config.forms import FormInvalid, FormSetInvalid
from cencomm_crypto.errors import CencommError, ErrorCode

from cencomm_client.code_lists import ListInvalid
from cencomm_client.errors import (
    EnrolmentWaiting,
    FileError,
    LogAlarm,
    LoginFailed,
    NewerProtocol,
    NoSession,
    NotAuthenticated,
    NotEnrolled,
    NotFound,
    Stopped,
    TransportError,
    TryLater,
)


class Exit(IntEnum):
    """What the caller of the program learns from its exit code."""

    OK = 0
    DEFECT = 1  # a defect of this program
    USAGE = 2  # wrong arguments, also from typer itself
    INPUT = 3  # something typed or read from a file is not valid
    REFUSED = 4  # the server or a rule refused
    LOGIN = 5  # no session, wrong password or code, not vouched for yet
    UNREACHABLE = 6  # no answer, or the server cannot now: try again
    ALARM = 7  # verification failed: the server did what an honest one never does
    FILE = 8  # vault, replica, key or other file: missing, locked, damaged, wrong password
    NOT_FOUND = 9  # no operation, channel or person of this name
    INTERRUPTED = 130


class InputInvalid(CencommError):
    """Something that a person typed, or a file that they named, is not what is expected."""

    code = "input_invalid"


class NotKnown(CencommError):
    """No operation, channel, person or entry of this name on this device."""

    code = "not_known"


_BY_CLASS: tuple[tuple[tuple[type[CencommError], ...], Exit], ...] = (
    ((LogAlarm, NewerProtocol, Stopped), Exit.ALARM),
    ((NotKnown, NotFound), Exit.NOT_FOUND),
    ((LoginFailed, NotAuthenticated, NoSession, EnrolmentWaiting, NotEnrolled), Exit.LOGIN),
    ((TransportError, TryLater), Exit.UNREACHABLE),
    ((FileError,), Exit.FILE),
    ((InputInvalid, FormInvalid, FormSetInvalid, ListInvalid), Exit.INPUT),
)
_BY_CODE: dict[str, Exit] = {
    "file_unusable": Exit.FILE,
    ErrorCode.UNKNOWN_CHANNEL: Exit.NOT_FOUND,
    ErrorCode.UNKNOWN_PERSON: Exit.NOT_FOUND,
    ErrorCode.UNKNOWN_DEVICE: Exit.NOT_FOUND,
    ErrorCode.UNKNOWN_ADMINISTRATION: Exit.NOT_FOUND,
    ErrorCode.UNKNOWN_PROPOSAL: Exit.NOT_FOUND,
}


def exit_for(error: CencommError) -> Exit:
    """The exit code of an error; one that nobody sorted in is a refusal, never a success."""
    for classes, code in _BY_CLASS:
        if isinstance(error, classes):
            return code
    if getattr(error, "row", None) is not None:
        return Exit.ALARM  # it names a row of ATTACKS.md
    return _BY_CODE.get(error.code, Exit.REFUSED)
