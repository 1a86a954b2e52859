"""The link says what keeps it from going on, never in silence, and goes on when it can."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cencomm_client.automation.timing import Timing
from cencomm_client.errors import FileUnusable, LogBehind
from cencomm_client.link import Link
from cencomm_client.live import LiveConnection
from cencomm_client.station import Station
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import LogId

LOG = LogId(b"L" * 16)


class FullDisk:
    """A mirror whose replica takes nothing for three tries, and a live connection that met it."""

    def __init__(self) -> None:
        self.tries = 0
        self.written = asyncio.Event()

    async def pull(self, source: object, log: LogId) -> None:
        await self.run()

    async def run(self) -> None:
        self.tries += 1
        if self.tries <= 3:
            raise FileUnusable("the replica cannot be written: database or disk is full")
        self.written.set()
        await asyncio.Event().wait()  # up, until it is cancelled


@pytest.mark.parametrize("task", ["_poll", "_pull_wanted", "_keep_live"])
async def test_a_replica_that_cannot_be_written_is_told_once_and_tried_again(task: str) -> None:
    """Else the client looks alive, shows nothing new and seals over what it last saw (A46); and a
    bot or a desk that met a full disk would be deaf until somebody starts it anew."""
    told: list[tuple[LogId | None, str]] = []

    def tell(log: LogId | None, error: CencommError) -> None:
        told.append((log, str(error.code)))

    disk = FullDisk()
    station: Any = SimpleNamespace(
        vault=SimpleNamespace(directory_log=LOG),
        mirror=disk,
        transport=None,
        timing=Timing(poll_s=0.01, retry_s=(0.0, 0.01)),
    )
    link = Link(cast(Station, station), tell)
    link._wanted.add(LOG)
    link._pull_now.set()
    live: tuple[Any, ...] = (cast(LiveConnection, disk),) if task == "_keep_live" else ()
    working = asyncio.create_task(getattr(link, task)(*live))
    try:
        async with asyncio.timeout(5):
            await disk.written.wait()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert told == [(None, "file_unusable")]


async def test_a_log_that_the_server_lost_a_part_of_keeps_no_other_and_is_told_once() -> None:
    """A50: the rest is read on; once the log is whole, what goes with it is mended."""
    told: list[tuple[LogId | None, str]] = []
    pulled: list[LogId] = []
    mended: list[LogId] = []
    other = LogId(b"M" * 16)
    behind = {LOG}

    class Restored:
        operations = (other,)

        async def pull(self, source: object, log: LogId) -> None:
            pulled.append(log)
            if log in behind:
                raise LogBehind("log_behind", "3 entries are here, 5 were signed")

    class Listing:
        async def logs(self) -> tuple[object, ...]:
            return (SimpleNamespace(log=other),)

    async def mend(log: LogId) -> None:
        mended.append(log)

    station: Any = SimpleNamespace(
        vault=SimpleNamespace(directory_log=LOG), mirror=Restored(), transport=Listing()
    )
    link = Link(
        cast(Station, station), lambda log, error: told.append((log, str(error.code))), mend
    )
    await link.catch_up()
    await link.catch_up()
    assert pulled == [LOG, other, LOG, other]
    assert told == [(LOG, "log_behind")]
    assert mended == [other, other]
    behind.clear()
    await link.catch_up()
    assert mended[-2:] == [LOG, other]
    behind.add(LOG)
    await link.catch_up()
    assert told == [(LOG, "log_behind")] * 2
