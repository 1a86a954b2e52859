"""Hits on their way to the disk: those that wait together share one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cencomm_client.bots.checking import Hit
from cencomm_client.bots.dropping import Disk
from cencomm_client.bots.queued import Kept


class Intake:
    """Puts hits of one source into the queue, in the order in which they came."""

    def __init__(self, disk: Disk, source: str, now: Callable[[], int]) -> None:
        self._disk, self._source, self._now = disk, source, now
        self._waiting: list[tuple[Hit, asyncio.Future[Kept]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(self, hit: Hit) -> Kept:
        """Returns once the hit is durable; raises what the disk raises."""
        kept: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._waiting.append((hit, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await kept

    async def _write(self) -> None:
        """Never linger: what came while the last write ran is the next one."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            hits, now = [hit for hit, _ in batch], self._now()
            try:
                found = await self._disk(lambda queue: queue.put(self._source, hits, now))  # noqa: B023 - awaited before the next
            except Exception as error:
                for _, kept in batch:
                    if not kept.done():
                        kept.set_exception(error)
                continue
            for (_, kept), one in zip(batch, found, strict=True):
                if not kept.done():
                    kept.set_result(one)
