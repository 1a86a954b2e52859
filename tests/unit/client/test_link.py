"""The link ends by saying why, never in silence."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cencomm_client.automation.timing import Timing
from cencomm_client.errors import LogBehind, ReplicaDamaged
from cencomm_client.link import Link
from cencomm_client.live import LiveConnection
from cencomm_client.station import Station
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import LogId

LOG = LogId(b"L" * 16)


class FullDisk:
    """A mirror whose replica takes nothing any more, and a live connection that met it."""

    async def pull(self, source: object, log: LogId) -> None:
        raise ReplicaDamaged("SQLite cannot use it: database or disk is full")

    async def run(self) -> None:
        raise ReplicaDamaged("SQLite cannot use it: database or disk is full")


@pytest.mark.parametrize("task", ["_poll", "_pull_wanted", "_keep_live"])
async def test_a_replica_that_cannot_be_written_is_told(task: str) -> None:
    """Else the client looks alive, shows nothing new and seals over what it last saw (A46)."""
    told: list[tuple[LogId | None, str]] = []

    def tell(log: LogId | None, error: CencommError) -> None:
        told.append((log, str(error.code)))

    station: Any = SimpleNamespace(
        vault=SimpleNamespace(directory_log=LOG),
        mirror=FullDisk(),
        transport=None,
        timing=Timing(poll_s=0.01, retry_s=(0.0, 0.0)),
    )
    link = Link(cast(Station, station), tell)
    link._wanted.add(LOG)
    link._pull_now.set()
    live: tuple[Any, ...] = (cast(LiveConnection, FullDisk()),) if task == "_keep_live" else ()
    async with asyncio.timeout(5):
        await getattr(link, task)(*live)
    assert told == [(None, "replica_damaged")]


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
