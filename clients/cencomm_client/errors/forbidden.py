"""What this client refuses to author, sign or pass on, though the rules of a log let it in."""

from __future__ import annotations

from cencomm_client.errors.codes import ClientCode, ClientError


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


class RootRefused(ClientError):
    """A root key file does not sign this: wrong root, wrong directory, or a used serial."""

    code = ClientCode.ROOT_REFUSED
