"""How far, and what of it whole, one reader sees of one log (DESIGN 2 Scope).

A member reads everything; whole what was for it when it was written, or is for it now. Who was
removed keeps what it had: it reads up to the entry that removed it, and nothing after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cencomm_config.errors import UnknownLog
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import ZERO_SCOPE
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.operation.views import visible

from cencomm_server.engine.directory import DirectoryRuntime
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime

Whole = Callable[[int, bytes], bool]


@dataclass(frozen=True, slots=True)
class Access:
    """`size`: the log ends here for this reader; `whole(seq, scope)`: entry, or 56 bytes.

    `goes_on`: what comes later is for this reader too.
    """

    size: int
    whole: Whole
    goes_on: bool = True


def access(runtime: LogRuntime, reader: Reader, now: int) -> Access:
    """What the reader sees of a log with a genesis; `now` in ms.

    Raises UnknownLog for who sees nothing of it, INACTIVE for a device that is revoked or whose
    person or administration is suspended.
    """
    directory = runtime.directory if isinstance(runtime, OperationRuntime) else runtime
    if isinstance(directory, DirectoryRuntime) and not directory.state.active(reader.device):
        raise ProtocolError(ErrorCode.INACTIVE, "the device, its person or administration is not")
    if not isinstance(runtime, OperationRuntime):
        return Access(runtime.size, lambda _seq, _scope: True)
    found = operation_access(runtime, reader, now)
    if found is None:
        raise UnknownLog(f"no log {runtime.log_id.hex()} here")
    return found


def operation_access(runtime: OperationRuntime, reader: Reader, now: int) -> Access | None:
    """The same of an operation; None for who sees nothing of it."""
    state = runtime.state
    if state is None:
        return None
    if visible(state, reader.person, ZERO_SCOPE, at=now, directory=runtime.directory.state):
        return Access(runtime.size, _Sight(runtime, reader, state, now))
    if reader.person in state.former:
        left = runtime.left_at(reader.person)
        if left is not None:
            return Access(left + 1, _Sight(runtime, reader, state, now), goes_on=False)
    return None


class _Sight:
    """`Whole` of an operation, each scope judged once per era."""

    def __init__(
        self, runtime: OperationRuntime, reader: Reader, state: OperationState, now: int
    ) -> None:
        self._runtime, self._reader, self._state, self._now = runtime, reader, state, now
        self._known: dict[tuple[int, bytes], bool] = {}

    def __call__(self, seq: int, scope: bytes) -> bool:
        if scope == ZERO_SCOPE:
            return True
        if self._judged(self._state, scope, self._now):
            return True
        era = self._runtime.state_of_era(seq)
        return era is not None and self._judged(era, scope, era.at)

    def _judged(self, state: OperationState, scope: bytes, at: int) -> bool:
        key = state.size, scope
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = visible(state, self._reader.person, scope, at=at)
        return known
