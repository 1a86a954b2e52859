"""A server process and its store process that a test may kill -9, and start again.

    async with victims(folder, program) as pair:
        await pair.kill_store()        # the server's own watch brings it back
        await pair.kill_server()       # its store is left behind
        await pair.start_server()      # as a supervisor would, on the same port

Only processes that were started here, or by a server started here, are ever killed, by their id.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from pathlib import Path

from cencomm_client.automation.timing import Timing
from cencomm_client.transport import Transport
from cencomm_crypto.public.ids import LogId
from cencomm_server.app import STORE_FOLDER
from cencomm_server.sightings import FOLDER as RUNNING
from cencomm_server.store.embedded import uri_of_running
from cencomm_server.store.leftover import children_on, stop_leftovers
from cencomm_server.store.mongo import open_store
from pymongo import MongoClient

from tests.support.deployment import Deployment, founded
from tests.support.server_process import NAME, ServerProcess

STOP_S = 15.0


class Victims:
    """One server process with its embedded store."""

    def __init__(self, process: ServerProcess, program: Path) -> None:
        self.process = process
        self._program = program.resolve().name
        self._store_data = (process.data / STORE_FOLDER / "data").resolve()

    async def start_server(self) -> None:
        """Start the server and wait until it takes requests."""
        await asyncio.to_thread(self.process.start)

    async def kill_server(self) -> None:
        """SIGKILL the server; its store runs on without it."""
        await asyncio.to_thread(self.process.kill)

    async def kill_store(self) -> None:
        """SIGKILL the store under the running server."""
        os.kill(self._store_pid(), signal.SIGKILL)

    async def kill(self, killed: str) -> None:
        """Kill "server" or "both" and start the server again, or "store", which it starts again."""
        if killed != "server":
            await self.kill_store()
        if killed != "store":
            await self.kill_server()
            await self.start_server()

    async def stored_notes(self, log: LogId, size: int) -> dict[int, set[bytes]]:
        """Every checkpoint of a log that the store holds, up to `size`; the server may run."""
        outside = self.process.env.get("CENCOMM_STORE")
        uri = outside or uri_of_running(self.process.data / STORE_FOLDER)
        assert uri is not None
        store = await open_store(uri, self.process.env.get("CENCOMM_STORE_DATABASE", "cencomm"))
        try:
            found = {n: await store.checkpoint(log, n) for n in range(1, size + 1)}
        finally:
            await store.close()
        return {n: {note} for n, note in found.items() if note is not None}

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Victims]:
        """A second server process with the same keys on the same store, on a port of its own."""
        other = copy(self.process)
        other.data = self.process.data.with_name("beside")
        other.log = self.process.log.with_name("beside.log")
        other.port = 0
        ignored = shutil.ignore_patterns(STORE_FOLDER, RUNNING)
        await asyncio.to_thread(
            partial(shutil.copytree, self.process.data, other.data, ignore=ignored)
        )
        pair = Victims(other, Path(self._program))
        try:
            await pair.start_server()
            yield pair
        finally:
            await pair.stop()

    async def stop(self) -> None:
        """Stop the server in order, and whatever it left behind."""
        await asyncio.to_thread(self.process.stop)
        await stop_leftovers(self._store_data, self._program, STOP_S)

    def _store_pid(self) -> int:
        (child,) = children_on(self._store_data, self._program)
        return child.pid


@asynccontextmanager
async def victims(folder: Path, program: Path, **settings: object) -> AsyncIterator[Victims]:
    """A new server on its own folder; everything is stopped at the end, whatever was killed."""
    pair = Victims(
        await asyncio.to_thread(partial(ServerProcess, folder, program, **settings)), program
    )
    try:
        await pair.start_server()
        yield pair
    finally:
        await pair.stop()


@asynccontextmanager
async def town_on(
    process: ServerProcess, vaults: Path, url: str = "", timing: Timing | None = None
) -> AsyncIterator[Deployment]:
    """A deployment on a server that a test may harm; its clients are closed before it stops.

    `url`: where its clients reach it, by way of a proxy; default its own address.
    """
    made = {
        "name": NAME,
        "log_key": process.log_key.public.hex(),
        "setup_token": process.setup_token,
    }
    async with Transport(url or process.url) as transport:
        town = await founded(vaults, url or process.url, transport, made, timing or Timing.brisk())
        try:
            yield town
        finally:
            for client in town.clients:
                await client.close()
            town.governance.close()


def drop_database(uri: str, name: str) -> None:
    """Leave a replica set that outlives the tests as it was."""
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)
