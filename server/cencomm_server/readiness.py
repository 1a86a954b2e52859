"""Whether the server can take an entry now, part by part; for /readyz, `doctor` and the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from cencomm_config.errors import ServiceCode, ShuttingDown
from cencomm_crypto.errors import CencommError

_log = structlog.get_logger()

OK = "ok"
WATCH_EVERY_S = 2.0
_CHECK_WITHIN_S = 3.0
_FRESH_S = 1.0

Check = Callable[[], Awaitable[None]]
"""Raises a CencommError when the part cannot do its work."""


class Readiness:
    """Named checks, run together; `stop` makes the answer no for ever."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """In the order in which they are shown."""
        self._checks = dict(checks)
        self._stopping = False
        self._lock = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._fresh_until = 0.0

    def stop(self) -> None:
        """From now on nothing new is wanted: a balancer takes the server out."""
        self._stopping = True

    async def report(self) -> dict[str, str]:
        """`ok`, or the code, by part; at most a second old, for anybody may ask."""
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                codes = await asyncio.gather(*map(_code_of, self._checks.values()))
                self._found = dict(zip(self._checks, codes, strict=True))
                self._fresh_until = time.monotonic() + _FRESH_S
        return {**self._found, "server": ShuttingDown.code} if self._stopping else self._found

    async def watch(self) -> None:
        """Look again and again, and log each part that changes; runs until it is cancelled.

        So that the log names a fault that nobody asked about, and remedies begin (`store.tending`).
        """
        known: dict[str, str] = {}
        while True:
            found = await self.report()
            for part, code in found.items():
                before = known.get(part, OK)
                if code != before and code == OK:
                    _log.info("ready_again", part=part, was=before)
                elif code != before:
                    _log.error("not_ready", part=part, code=code)
            known = dict(found)
            await asyncio.sleep(WATCH_EVERY_S)


async def _code_of(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_WITHIN_S):
            await check()
    except TimeoutError:
        return ServiceCode.TOO_BUSY
    except CencommError as error:
        return error.code
    except Exception as error:
        _log.error("check_failed", exc_info=error)
        return ServiceCode.INTERNAL
    return OK
