"""Follows what other server processes write into the same store (DESIGN 2, 7).

Correctness rests on the compare-and-set and needs none of this; it is a wake-up, so that readers of
one process see at once what was posted to another, and revocations end sockets everywhere.
"""

from __future__ import annotations

import asyncio

import structlog
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import LogId

from cencomm_server.engine.logs import Logs

_log = structlog.get_logger()

AGAIN_S = 1.0  # without a stream of changes: how often every log is looked at


class Follower:
    """Wakes each log of this process whose store has moved on; `run` has no end."""

    def __init__(self, logs: Logs, *, again_s: float = AGAIN_S) -> None:
        """`again_s`: from the loss of the stream to the next try, which looks at every log."""
        self._logs = logs
        self._again_s = again_s

    async def run(self) -> None:
        """Follow the store's stream of checkpoints; where there is none, look now and then."""
        following = True
        while True:
            try:
                stored = await self._logs.store.watch_checkpoints()
                await self._look_at_all()  # what came before the stream was open
                if not following:
                    _log.info("following_again")
                following = True
                async for log, size in stored:
                    await self._wake(log, size)
            except CencommError as error:
                if following:
                    _log.warning("not_following", code=error.code)
                following = False
                await self._look_at_all()
            await asyncio.sleep(self._again_s)

    async def _look_at_all(self) -> None:
        for runtime in self._logs.by_id():
            if runtime.committed is None:
                continue  # read whole at first use
            try:
                size = runtime.size
                if await self._logs.store.read_entries(runtime.log_id, size, size + 1):
                    await self._logs.wake(runtime.log_id, size + 1)
            except CencommError as error:
                _log.debug("log_not_looked_at", log=runtime.log_id, code=error.code)

    async def _wake(self, log: LogId, size: int) -> None:
        try:
            await self._logs.wake(log, size)
        except CencommError as error:
            _log.warning("log_not_woken", log=log, code=error.code)
