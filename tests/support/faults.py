"""What every test of a fault asks: is it named, by /readyz, doctor and the log; is it over in time.

async with outside_store(program, folder) as child:         # a store that is not the server's
    async with proxy(child.port) as wire:
        settings = {"store": through(child.uri, wire.port)}  # for a ServerProcess
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cencomm_server.store.embedded import EmbeddedStore

from tests.support.crew import Crew
from tests.support.server_process import ServerProcess, command
from tests.support.waiting import until

RECOVERED_S = 10.0  # from the end of a fault to the next receipt of everybody (issue 3)
NAMED_S = 20.0  # from its beginning to a red /readyz: two time-outs and a busy machine
LOOK_S = 0.2


async def checks(process: ServerProcess) -> dict[str, str]:
    """What /readyz says, part by part; the part `answer` is its HTTP status."""
    reply = await asyncio.to_thread(process.ask, "GET", "/readyz")
    found: dict[str, str] = reply.json["checks"]
    return {**found, "answer": str(reply.status)}


async def named(process: ServerProcess, part: str, *codes: str) -> str:
    """Wait until /readyz names the fault with one of these codes; which."""
    found: dict[str, str] = {}
    for _ in range(int(NAMED_S / LOOK_S)):
        found = await checks(process)
        if found[part] in codes:
            assert found["answer"] == "503"
            return found[part]
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"/readyz says {found}, and {codes} was expected of {part}")


async def well(process: ServerProcess) -> None:
    """Wait until /readyz has nothing to say."""
    found: dict[str, str] = {}
    for _ in range(int(RECOVERED_S / LOOK_S)):
        found = await checks(process)
        if found["answer"] == "200":
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"/readyz still says {found}")


async def diagnosed(process: ServerProcess) -> dict[str, str]:
    """What doctor finds wrong: name -> code."""
    words = ("doctor", "--data", str(process.data), "--json")
    report = await asyncio.to_thread(lambda: command(*words, env=process.env))
    found = json.loads(report.stdout)
    wrong = {line["name"]: line["code"] for line in found["checks"] if line["status"] == "failed"}
    assert (report.returncode == 5) == bool(wrong), report.stdout
    return wrong


def logged(process: ServerProcess, **fields: object) -> list[dict[str, Any]]:
    """The lines of the server's log that say this."""
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    return [line for line in lines if fields.items() <= line.items()]


async def noted(process: ServerProcess, **fields: object) -> None:
    """Wait until the server's log says this."""
    for _ in range(int(RECOVERED_S / LOOK_S)):
        if logged(process, **fields):
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"the log has no line with {fields}")


async def recovered(crew: Crew, within_s: float = RECOVERED_S) -> float:
    """Wait until every client of a busy crew has one more receipt; the seconds it took."""
    before = crew.acknowledged
    return await until(lambda: all(crew.since(before)), "a receipt for each client", within_s)


@asynccontextmanager
async def outside_store(program: Path, folder: Path) -> AsyncIterator[EmbeddedStore]:
    """A store process of the test's own, which a server uses as it uses a replica set."""
    child = EmbeddedStore(program, folder, cache_mb=64)
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


def port_of(uri: str) -> int:
    """The port in a store's address."""
    found = re.search(r":(\d+)/", uri)
    assert found is not None
    return int(found[1])


def through(uri: str, port: int) -> str:
    """A store's address by way of a proxy: the driver must not ask where the members are."""
    direct = uri.replace("replicaSet=secantus&", "directConnection=true&")
    assert direct != uri
    return direct.replace(f":{port_of(uri)}/", f":{port}/")


def garble(data: bytes) -> bytes:
    """As many bytes, and nothing of what they said."""
    return os.urandom(len(data))
