"""The link ends by saying why, never in silence."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cencomm_client.automation.timing import Timing
from cencomm_client.errors import ReplicaDamaged
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
