"""Brings an embedded store back that is alive and fails everything, and says why it does.

A child that died is started again by its own watch (`embedded`). One that met a full disk lives on
and fails all, reads too (DESIGN 8); one that was stopped or hangs answers nothing. Both are found
by the check that /readyz makes anyway, and ended, so that the watch starts them anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from cencomm_config.errors import StoreDown, StoreFull

from cencomm_server.store.embedded import LEAST_ROOM_BYTES

_log = structlog.get_logger()

REFUSED_S = 2.0  # a child that refuses for so long is ended
SILENT_S = 15.0  # one that answers nothing for so long: a busy disk may take a while
AGAIN_S = 5.0  # between two endings


class Child(Protocol):
    """What is needed of `embedded.EmbeddedStore`."""

    @property
    def pid(self) -> int | None:
        """None while it does not run."""

    @property
    def room_bytes(self) -> int:
        """What is left on its disk."""

    async def restart(self, *, gently: bool = True) -> None:
        """End it; it is started again."""


class Tended:
    """The check of a store whose process is ours; also its remedy."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        child: Child,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ping` as `port.Store.ping`; `monotonic_s` for tests."""
        self._ping, self._child, self._now_s = ping, child, monotonic_s
        self._failing_since: float | None = None
        self._ended_at = float("-inf")
        self._pid: int | None = None
        self._ending: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raises StoreDown, StoreFull with the room that is left; ends a child past hope.

        May be cancelled while it waits: then the child has been silent for that long.
        """
        if self._child.pid != self._pid:  # another child: it gets its own chance
            self._pid, self._failing_since = self._child.pid, None
        try:
            await self._ping()
        except StoreDown as error:
            full = self._child.room_bytes < LEAST_ROOM_BYTES
            self._failed(REFUSED_S, gently=True, hopeless=full)
            if full:
                raise self._full() from error
            raise
        except asyncio.CancelledError:
            self._failed(SILENT_S, gently=False)
            raise
        self._failing_since = None
        if self._child.room_bytes < LEAST_ROOM_BYTES:  # said before it happens
            raise self._full()

    def _full(self) -> StoreFull:
        return StoreFull(f"{self._child.room_bytes >> 20} MB are left on the store's disk")

    def _failed(self, patience_s: float, *, gently: bool, hopeless: bool = False) -> None:
        now = self._now_s()
        if self._failing_since is None:
            self._failing_since = now
        if hopeless or self._child.pid is None or now - self._failing_since < patience_s:
            return  # on a full disk it would only fail again
        if now - self._ended_at >= AGAIN_S:
            self._ended_at, self._failing_since = now, None
            _log.warning("embedded_store", happened="ended", detail="alive and fails everything")
            # Beside the check, which is given up after a few seconds.
            self._ending = asyncio.create_task(self._child.restart(gently=gently))
