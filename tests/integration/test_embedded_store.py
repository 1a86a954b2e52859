"""The embedded store as a child process: started, watched, killed, left behind, found again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from cencomm_config.errors import BadInstallation, StoreDown
from cencomm_crypto.public.ids import DeviceId, EntryId, LogId
from cencomm_server.store.documents import EntryDoc
from cencomm_server.store.embedded import EmbeddedStore, StoreEvent, StoreEventKind
from cencomm_server.store.leftover import Child, children_on
from cencomm_server.store.mongo import open_store
from cencomm_server.store.port import Store
from pymongo import MongoClient
from pymongo.errors import OperationFailure

LOG = LogId(b"L" * 16)
T = TypeVar("T")
PYTHON = Path(sys.executable).resolve().name
ABANDON = """
import asyncio, os, signal, sys
from pathlib import Path
from typing import TypeVar
from cencomm_server.store.embedded import EmbeddedStore
async def main():
    store = EmbeddedStore(Path(sys.argv[1]), Path(sys.argv[2]), cache_mb=64)
    await store.start()
    print(store.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def entry(seq: int) -> EntryDoc:
    id = EntryId(seq.to_bytes(16, "big"))
    return EntryDoc(
        seq, 0, bytes(16), bytes(32), b"h", b"b", bytes(32), bytes(64), DeviceId(bytes(16)), id
    )


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


class Running:
    """A child on a folder, what it reported, and an open store on it."""

    def __init__(self, child: EmbeddedStore, events: list[StoreEvent], store: Store) -> None:
        self.child, self.events, self.store = child, events, store

    def kinds(self) -> list[StoreEventKind]:
        return [event.kind for event in self.events]

    async def restarted(self, times: int, within_s: float = 20) -> None:
        for _ in range(int(within_s / 0.02)):
            if self.kinds().count(StoreEventKind.RESTARTED) >= times:
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"not restarted within {within_s} s: {self.events}")


@asynccontextmanager
async def running(program: Path, folder: Path) -> AsyncIterator[Running]:
    events: list[StoreEvent] = []
    child = EmbeddedStore(program, folder, cache_mb=64, report=events.append)
    store = await open_store(await child.start())
    try:
        yield Running(child, events, store)
    finally:
        await store.close()
        await child.stop()


async def insisting(call: Callable[[], Awaitable[T]]) -> T:
    """What a service does: a store that is down is asked again."""
    for _ in range(200):
        try:
            return await call()
        except StoreDown:
            await asyncio.sleep(0.05)
    pytest.fail("the store did not come back")


async def test_it_keeps_its_data_and_its_password_over_a_stop(
    embedded_program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    async with running(embedded_program, folder) as first:
        await first.store.append_entries(LOG, [entry(0)])
        password = first.child.uri.partition("@")[0]
    assert first.child.pid is None
    assert list(children_on(folder / "data", embedded_program.name)) == []
    async with running(embedded_program, folder) as second:
        assert second.child.uri.partition("@")[0] == password
        assert await second.store.read_entries(LOG, 0, 9) == [entry(0)]
        assert second.kinds() == [StoreEventKind.STARTED]


async def test_nobody_else_reads_its_files_or_logs_in(
    embedded_program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    async with running(embedded_program, folder) as now:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("password", "secantusd.toml"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        password = (folder / "password").read_text()
        assert len(password) >= 32
        assert all(password not in event.detail for event in now.events)
        assert now.child.pid is not None
        assert password.encode() not in command_line(now.child.pid)
        address = now.child.uri.partition("@")[2]
        for uri in (
            f"mongodb://{address.partition('&authMech')[0]}",
            f"mongodb://cencomm:x@{address}",
        ):
            with MongoClient[dict[str, object]](uri) as client, pytest.raises(OperationFailure):
                client["cencomm"]["entries"].find_one()


async def test_a_killed_child_is_restarted_on_its_port_and_lost_nothing(
    embedded_program: Path, tmp_path: Path, rounds: int
) -> None:
    async with running(embedded_program, tmp_path / "store") as now:
        uri, acknowledged = now.child.uri, 0
        for done in range(1, rounds + 1):
            before = now.child.pid
            assert before is not None
            target = acknowledged + 300
            while acknowledged < target:
                batch = [entry(acknowledged + n) for n in range(10)]
                acknowledged += await now.store.append_entries(LOG, batch)
            flying = asyncio.create_task(now.store.append_entries(LOG, [entry(acknowledged)]))
            await asyncio.sleep(0)
            os.kill(before, signal.SIGKILL)
            await asyncio.gather(flying, return_exceptions=True)
            await now.restarted(done)
            kept = await insisting(lambda: now.store.read_entries(LOG, 0, 1 << 40))
            assert len(kept) in (acknowledged, acknowledged + 1)
            assert [doc.seq for doc in kept] == list(range(len(kept)))
            acknowledged = len(kept)
        assert now.child.uri == uri
        assert now.kinds().count(StoreEventKind.DIED) == rounds


async def test_a_store_that_is_gone_is_said_to_be_down(
    embedded_program: Path, tmp_path: Path
) -> None:
    async with running(embedded_program, tmp_path / "store") as now:
        await now.child.stop()
        with pytest.raises(StoreDown) as caught:
            await now.store.ping()
        assert "127.0.0.1" not in str(caught.value)


async def test_a_restart_on_request_brings_up_another_process(
    embedded_program: Path, tmp_path: Path
) -> None:
    async with running(embedded_program, tmp_path / "store") as now:
        before = now.child.pid
        await now.child.restart()
        await now.restarted(1)
        await insisting(now.store.ping)
        assert now.child.pid not in (None, before)


async def test_the_child_of_a_killed_server_is_stopped_and_its_data_taken_over(
    embedded_program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    command = [sys.executable, "-c", ABANDON, str(embedded_program), str(folder)]
    server = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=False)
    left = int(server.stdout)
    assert server.returncode == -signal.SIGKILL
    assert [child.pid for child in children_on(folder / "data", embedded_program.name)] == [left]
    async with running(embedded_program, folder) as now:
        assert now.events[0] == StoreEvent(StoreEventKind.LEFTOVER_STOPPED, f"pid {left}")
        assert now.child.pid != left
        await now.store.ping()
    assert list(children_on(folder / "data", embedded_program.name)) == []


async def test_two_servers_never_share_a_folder(embedded_program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    async with running(embedded_program, folder) as now:
        with pytest.raises(BadInstallation, match="another server is running"):
            await EmbeddedStore(embedded_program, folder).start()
        await now.store.ping()


async def test_a_first_start_that_was_cut_off_begins_anew(
    embedded_program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "WiredTiger").write_text("half")
    async with running(embedded_program, folder) as now:
        await now.store.ping()
    assert not (folder / "data.new").exists()


async def test_a_missing_program_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInstallation, match=r"make setup.*CENCOMM_EMBEDDED_PROGRAM"):
        await EmbeddedStore(tmp_path / "nothing", tmp_path / "store").start()
    assert not (tmp_path / "store").exists()


async def test_a_program_that_ends_at_once_is_a_store_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match=r"ended at once, see .*store\.log"):
        await EmbeddedStore(Path("/bin/false"), tmp_path / "store").start()


async def test_only_our_program_on_our_folder_is_a_leftover(tmp_path: Path) -> None:
    data = tmp_path / "data"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(60)", "--storage-path", str(data)
    )
    try:
        assert list(children_on(data, "secantusd-rs")) == []
        assert [child.pid for child in children_on(data, PYTHON)] == [other.pid]
        assert list(children_on(tmp_path / "data.new", PYTHON)) == []
    finally:
        other.kill()
        await other.wait()


def test_a_later_process_of_the_same_id_is_another_child() -> None:
    with Path("/proc/self/stat").open() as stat_file:
        started = int(stat_file.read().rpartition(")")[2].split()[19])
    assert Child(os.getpid(), started).alive
    assert not Child(os.getpid(), started - 1).alive
