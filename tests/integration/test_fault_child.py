"""Faults of an embedded store and of its server: a full disk, processes that are stopped."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cencomm_server.app import STORE_FOLDER
from cencomm_server.store.embedded import uri_of_running
from cencomm_server.store.leftover import children_on
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support.crew import muster
from tests.support.faults import checks, diagnosed, logged, named, noted, recovered, well
from tests.support.hindsight import broken_promises
from tests.support.server_process import ServerProcess
from tests.support.victims import town_on, victims

pytestmark = pytest.mark.timed
POSTERS = 2
DISK_BYTES = 160 << 20
BALLAST_BYTES = 60 << 20
STOPPED_S = 30.0


def store_pid(process: ServerProcess) -> int:
    """The store's process id."""
    (child,) = children_on((process.data / STORE_FOLDER / "data").resolve(), "secantusd-rs")
    return child.pid


# -- a full disk ------------------------------------------------------------------------------


@dataclass
class Disk:
    """Where the server's data lie, the program to run there, and how room is taken and made."""

    folder: Path
    program: Path
    fill: Callable[[ServerProcess], None]
    make_room: Callable[[ServerProcess], None]
    code: str  # what the fault is called


@contextmanager
def small_file_system(program: Path) -> Iterator[Disk | None]:
    """A file system of its own that is full; None where none may be mounted."""
    with tempfile.TemporaryDirectory(prefix="cencomm-full-") as folder:
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "cencomm-test", folder]
        if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
            yield None
            return
        (Path(folder) / "data").mkdir(mode=0o700)
        ballast = Path(folder) / "ballast"
        ballast.write_bytes(bytes(BALLAST_BYTES))
        try:
            yield Disk(
                Path(folder),
                program,
                fill=lambda process: take_all_room(Path(folder) / "more", process),
                make_room=lambda process: ballast.unlink(),
                code="store_full",
            )
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def take_all_room(file: Path, process: ServerProcess) -> None:
    """Write until there is no room, and then into what the store had reserved for itself."""
    with file.open("wb", buffering=0) as sink, suppress(OSError):
        while sink.write(bytes(1 << 20)) == 1 << 20:
            pass
    uri = uri_of_running(process.data / STORE_FOLDER)
    assert uri is not None
    with MongoClient[dict[str, object]](uri) as client, suppress(PyMongoError):
        for _ in range(DISK_BYTES >> 20):
            client["scratch"]["scratch"].insert_one({"bytes": os.urandom(1 << 20)})


@contextmanager
def small_files(program: Path) -> Iterator[Disk]:
    """Needs no right to mount: the store may not write beyond a limit, as on a full disk.

    A wrapper ignores SIGXFSZ for it, so that it gets an error from its writes and lives on.
    """
    with tempfile.TemporaryDirectory(prefix="cencomm-full-") as folder:
        wrapper = Path(folder) / "bin" / program.name
        wrapper.parent.mkdir()
        (Path(folder) / "data").mkdir(mode=0o700)
        wrapper.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec '{program}' \"$@\"\n")
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)

        def limit(process: ServerProcess, size: int) -> None:
            _, most = resource.prlimit(store_pid(process), resource.RLIMIT_FSIZE)
            resource.prlimit(store_pid(process), resource.RLIMIT_FSIZE, (size, most))

        yield Disk(
            Path(folder),
            wrapper,
            fill=lambda process: limit(process, 4096),
            make_room=lambda process: limit(process, resource.RLIM_INFINITY),
            code="store_down",
        )


@pytest.mark.parametrize("kind", [small_file_system, small_files])
async def test_a_full_disk_is_named_and_once_there_is_room_all_goes_on(
    kind: Callable[[Path], object], embedded_program: Path, tmp_path: Path
) -> None:
    with small_file_system(embedded_program) as mounted, small_files(embedded_program) as limited:
        disk = limited if kind is small_files or mounted is None else mounted
        (tmp_path / "data").symlink_to(disk.folder / "data")  # the log lies where there is room
        async with (
            victims(tmp_path, disk.program) as pair,
            town_on(pair.process, tmp_path) as town,
        ):
            crew = await muster(town, POSTERS)
            async with crew.busy():
                await recovered(crew)
                await asyncio.to_thread(disk.fill, pair.process)
                await named(pair.process, "store", disk.code)
                if disk.code == "store_full":
                    assert "store_full" in (await diagnosed(pair.process)).values()
                    disk.make_room(pair.process)
                # else the child that was ended for refusing everything leaves its limit behind
                await recovered(crew)
            await well(pair.process)
            broken = await broken_promises(town, crew)
            assert not broken, broken
            await noted(pair.process, event="not_ready", part="store", code=disk.code)
            if disk.code == "store_down":  # no sight of the disk explains it
                await noted(pair.process, event="embedded_store", happened="ended")


# -- stopped processes ------------------------------------------------------------------------


async def test_a_stopped_store_and_a_stopped_server_are_named_and_over_in_time(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory, rounds: int
) -> None:
    """SIGSTOP of both kinds at once: for 30 s in CI, else until it is named, and 8 s at least."""
    stopped_s = STOPPED_S if rounds >= 10 else STOPPED_S / 4
    await asyncio.gather(
        a_store_is_stopped(embedded_program, tmp_path_factory.mktemp("store"), stopped_s),
        a_server_is_stopped(embedded_program, tmp_path_factory.mktemp("server"), stopped_s),
    )


async def a_store_is_stopped(program: Path, folder: Path, stopped_s: float) -> None:
    async with victims(folder, program) as pair, town_on(pair.process, folder) as town:
        crew = await muster(town, POSTERS)
        async with crew.busy():
            await recovered(crew)
            pid = store_pid(pair.process)
            async with stopped(pid, stopped_s):
                await named(pair.process, "store", "too_busy", "store_down")
            await recovered(crew)
        await well(pair.process)
        broken = await broken_promises(town, crew)
        assert not broken, broken
        await noted(pair.process, event="not_ready", part="store")
        await noted(pair.process, event="ready_again", part="store")


async def a_server_is_stopped(program: Path, folder: Path, stopped_s: float) -> None:
    async with victims(folder, program) as pair, town_on(pair.process, folder) as town:
        crew = await muster(town, POSTERS)
        async with crew.busy():
            await recovered(crew)
            pid = pair.process.pid
            async with stopped(pid, stopped_s):
                assert (await diagnosed(pair.process))[f"server {pid}"] == "too_busy"
            await recovered(crew)
        await well(pair.process)
        broken = await broken_promises(town, crew)
        assert not broken, broken


@asynccontextmanager
async def stopped(pid: int, least_s: float) -> AsyncIterator[None]:
    """SIGSTOP for so long at least; a process that was ended meanwhile does not mind."""
    least = asyncio.create_task(asyncio.sleep(least_s))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
        await least
    finally:
        least.cancel()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def test_a_leftover_store_is_stopped_and_said_so(
    embedded_program: Path, tmp_path: Path
) -> None:
    async with victims(tmp_path, embedded_program) as pair:
        left = store_pid(pair.process)
        await pair.kill_server()
        assert store_pid(pair.process) == left
        await pair.start_server()
        assert store_pid(pair.process) != left
        assert (await checks(pair.process))["store"] == "ok"
        assert logged(pair.process, happened="leftover_stopped", detail=f"pid {left}")
        assert await diagnosed(pair.process) == {}
