"""What every run starts from: five people's devices in a live operation, founded once each way.

Three administrations' worth of work by real clients; a run gets copies of the files and of the
store, so that no run pays for it again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cencomm_client import Admission, OperationPlan
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.wire import Submission
from cencomm_server.engine.reader import Reader
from cencomm_server.store.memory import MemoryStore

from tests.property.device import Device
from tests.property.network import Host, Network, Weather
from tests.support.directory import START_AT, DirectoryBuilder
from tests.support.vaults import vault_of

DEVICES = ("chief", "deputy", "officer", "phone", "analyst")
WORK, PAIR = "work", "pair"
HOUR_MS = 3_600_000
WINDOW_MS = 48 * HOUR_MS
GRACE_MS = HOUR_MS
CLOCK_AT = START_AT + HOUR_MS  # of loop time 0

History = Literal["all", "none"]


@dataclass
class Founded:
    """The prepared world; `copy_store` gives a store of its own to each run."""

    folder: Path
    name: str
    log_key: SigningKey
    directory: LogId
    log: LogId
    codes: dict[str, str]  # device -> functional code of its person
    store: MemoryStore
    at: float  # loop time at which it stands

    def copy_store(self, now_ms: Callable[[], int]) -> MemoryStore:
        """The documents are never changed, so that their containers are enough."""
        fresh = MemoryStore(now_ms)
        fresh._registered = dict(self.store._registered)
        logs = {log: _copied(kept) for log, kept in self.store._logs.items()}
        fresh._logs = defaultdict(fresh._logs.default_factory, logs)
        return fresh


def _copied(kept: Any) -> Any:
    names = ("entries", "order", "by_id", "notes", "wraps", "grants")
    return replace(kept, **{name: getattr(kept, name).copy() for name in names})


async def found(folder: Path, history: History, random: Any) -> Founded:
    """Directory by its roots and NCPs, the operation by its clients."""
    loop = asyncio.get_running_loop()
    builders: list[int] = []  # the time of the builder's entry that is posted just now

    def now_ms() -> int:
        return builders[-1] if builders else CLOCK_AT + round(loop.time() * 1000)

    directory, codes = _people(folder)
    store = MemoryStore(now_ms)
    builders.append(directory.entries[0].at)
    host = Host(directory.genesis_body["name"], directory.log_key, store, now_ms)
    network = Network(Weather(random))
    network.host = host
    await host.logs.start()
    for item in directory.entries:
        assert item.entry is not None
        builders.append(item.at)  # so that both compute the same tree
        submission = Submission.of(item.entry)
        if item.entry.header.log is None or "poster" in (item.entry.body or {}):
            await host.appends.append_to_directory(submission)
        else:
            author = directory.state.devices[item.entry.header.device]
            by = Reader(author.id, author.person)
            await host.appends.append(directory.log.id16, submission, by)
    builders.clear()
    devices = {
        name: Device(name, folder / name, network, now_ms, seed)
        for seed, name in enumerate(DEVICES)
    }
    for device in devices.values():
        await device.start()
    log = await devices["chief"].run(_operation(devices["chief"], now_ms(), history, codes))
    await asyncio.sleep(120)
    for device in devices.values():
        await device.stop()
    await host.kill()
    key = directory.log_key
    return Founded(
        folder, directory.genesis_body["name"], key, directory.log.id16, log, codes, store,
        loop.time(),
    )  # fmt: skip


def _people(folder: Path) -> tuple[DirectoryBuilder, dict[str, str]]:
    directory = DirectoryBuilder()
    rilo, france = (directory.administration(code) for code in ("RILO", "FR"))
    directory.grant_operations(rilo.ncp)
    officer = directory.person(france, devices=0)
    analyst = directory.person(rilo, devices=0)
    persons = {
        "chief": rilo.ncp,
        "deputy": france.ncp,
        "officer": officer,
        "phone": officer,
        "analyst": analyst,
    }
    for name, person in persons.items():
        vault = vault_of(folder / name, directory, person)
        vault.close()
    for administration in (rilo, france):  # only devices with a client are left
        first, own = administration.ncp.devices
        directory.revoke(first, by=own)
    return directory, {name: person.code for name, person in persons.items()}


async def _operation(chief: Device, now: int, history: History, codes: dict[str, str]) -> LogId:
    client = chief.client
    assert client is not None
    operation = await client.create_operation(
        OperationPlan(
            name="MERIDIAN",
            not_before=now - 1000,
            not_after=now + WINDOW_MS,
            grace_ms=GRACE_MS,
            legal="test",
            history=history,
        )
    )
    await operation.create_channel(WORK)
    await operation.admit(
        [
            Admission(codes["deputy"], "coordinator"),
            Admission(codes["officer"], "officer"),
            Admission(codes["analyst"], "officer"),
        ]
    )
    await operation.create_channel(PAIR, members=[codes["officer"], codes["deputy"]])
    await operation.set_phase("prep")
    await operation.set_phase("live")
    return operation.id
