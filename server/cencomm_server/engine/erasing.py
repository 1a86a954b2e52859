"""Erases what an operation may lose once its rules say so: bodies of messages and drops, wraps.

Headers, control bodies, hashes and proofs stay, so the log verifies and replays for ever (DESIGN 3
Erasure). Nothing goes under a legal hold, by date not under an open audit request either. Every
step can be done again: a crash half-way, and several processes on one store, end in the same.
"""

from __future__ import annotations

import asyncio

import structlog
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import parse_header
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.views import erasable

from cencomm_server.engine.logs import Logs
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.store.documents import EntryDoc

_log = structlog.get_logger()

LOOK_S = 60.0  # between two looks at all operations
CHUNK = 256  # entries that one step reads and erases while the log waits


class Eraser:
    """Looks at each operation now and then; `run` has no end."""

    def __init__(self, logs: Logs, *, after_s: float, look_s: float = LOOK_S) -> None:
        """`after_s`: from the moment at which a process finds that bodies may go to the first that
        does. Who reads the log meanwhile, or by a clock that goes a little after, is not left
        with a body missing that nothing it has read explains (A49).
        """
        self._logs, self._look_s = logs, look_s
        self._after_ms = int(after_s * 1000)
        self._since: dict[LogId, int] = {}
        self._bare: set[LogId] = set()  # the last sweep found nothing in them
        self._done: set[LogId] = set()

    async def run(self) -> None:
        """Sweep now and then; a defect is told, and does not end it."""
        while True:
            try:
                await self.sweep()
            except Exception:
                _log.exception("erase_failed")
            await asyncio.sleep(self._look_s)

    async def sweep(self) -> int:
        """Erase what is due in all operations; how many bodies and wraps went.

        What fails is tried again at the next sweep. A log is done after two that found nothing:
        what a reader brought into memory while the first bodies went is gone with the second.
        """
        total = 0
        for runtime in self._logs.operations:
            try:
                if self._due(runtime):
                    total += await self._erase(runtime)
            except CencommError as error:
                _log.warning("not_erased", log=runtime.log_id, code=error.code)
        return total

    def _due(self, runtime: OperationRuntime) -> bool:
        log, now = runtime.log_id, self._logs.clock.now_ms()
        if log in self._done or not _may_go(runtime, now):
            self._since.pop(log, None)
            return False
        return now - self._since.setdefault(log, now) >= self._after_ms

    async def _erase(self, runtime: OperationRuntime) -> int:
        bodies, start = 0, 0
        while start < runtime.size:
            async with runtime.lock:
                if not await self._still(runtime):
                    return bodies
                stop = min(start + CHUNK, runtime.size)
                docs = await self._logs.store.read_entries(runtime.log_id, start, stop)
                due = [doc.seq for doc in docs if _sealed(doc)]
                if due:
                    bodies += await self._logs.store.erase_bodies(runtime.log_id, due)
            start = stop
        async with runtime.lock:
            if not await self._still(runtime):
                return bodies
            wraps = await self._logs.store.erase_wraps(runtime.log_id)
            runtime.tail.clear()  # it holds bodies too; also what a reader put there meanwhile
        if bodies or wraps:
            _log.info("bodies_erased", log=runtime.log_id, count=bodies, wraps=wraps)
        else:
            (self._done if runtime.log_id in self._bare else self._bare).add(runtime.log_id)
        return bodies + wraps

    async def _still(self, runtime: OperationRuntime) -> bool:
        """Read on before each step: another process may have taken a hold since. Hold the lock.

        Raises ClockJumped: a clock that is wrong brings no date.
        """
        runtime.mark_stale()
        await runtime.ready()
        return _may_go(runtime, self._logs.clock.now_ms())


def _may_go(runtime: OperationRuntime, now: int) -> bool:
    """Whether bodies may go; not of a log that has stopped, or of which entries lack (A50)."""
    state = runtime.state
    if state is None or runtime.damaged is not None or runtime.behind is not None:
        return False
    return erasable(state, now)


def _sealed(doc: EntryDoc) -> bool:
    """Whether it still has a body that may go."""
    return doc.body is not None and parse_header(doc.header).type in OPAQUE_TYPES
