"""Faults between a server and its store: slow, deaf, reset, and answering what was never asked.

The server runs as on a replica set, on a store that is not its child, by way of a proxy.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cencomm_client.errors import RefusedByRule

from tests.support.crew import Crew, Poster, muster
from tests.support.deployment import Deployment
from tests.support.faults import (
    diagnosed,
    garble,
    logged,
    named,
    noted,
    outside_store,
    port_of,
    recovered,
    through,
    well,
)
from tests.support.hindsight import broken_promises
from tests.support.proxy import Proxy, proxy
from tests.support.server_process import ServerProcess
from tests.support.victims import Victims, town_on, victims

pytestmark = [pytest.mark.timed, pytest.mark.asyncio(loop_scope="module")]
POSTERS = 2
A_WRITE_S = 0.004


@dataclass
class Scene:
    """A server that works, its clients, and the wire to its store."""

    pair: Victims
    town: Deployment
    crew: Crew
    wire: Proxy

    @property
    def process(self) -> ServerProcess:
        return self.pair.process

    async def nothing_is_lost(self) -> None:
        broken = await broken_promises(self.town, self.crew)
        assert not broken, broken


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One for all: each test leaves it well."""
    tmp_path = tmp_path_factory.mktemp("wire")
    async with (
        outside_store(embedded_program, tmp_path / "store") as child,
        proxy(port_of(child.uri)) as wire,
        victims(tmp_path, embedded_program, store=through(child.uri, wire.port)) as pair,
        town_on(pair.process, tmp_path) as town,
    ):
        yield Scene(pair, town, await muster(town, POSTERS), wire)


async def test_a_slow_store_slows_and_loses_nothing(scene: Scene) -> None:
    async with scene.crew.busy():
        await recovered(scene.crew)
        scene.wire.delay_s = 0.2
        await recovered(scene.crew)
        scene.wire.delay_s = 4.0
        await named(scene.process, "store", "too_busy", "store_down")
        scene.wire.delay_s = 0.0
        await recovered(scene.crew)
    await well(scene.process)
    await scene.nothing_is_lost()
    await noted(scene.process, event="not_ready", part="store")
    await noted(scene.process, event="ready_again", part="store")


async def test_after_a_half_open_connection_to_the_store_all_goes_on(scene: Scene) -> None:
    async with scene.crew.busy():
        await recovered(scene.crew)
        scene.wire.freeze()
        await named(scene.process, "store", "too_busy", "store_down")
        assert (await diagnosed(scene.process)).keys() >= {"store"}
        scene.wire.thaw()
        await recovered(scene.crew)
    await well(scene.process)
    await scene.nothing_is_lost()


async def test_resets_of_the_connection_to_the_store_lose_nothing(scene: Scene) -> None:
    async with scene.crew.busy():
        for _ in range(5):
            await recovered(scene.crew)
            scene.wire.reset()
        scene.wire.refusing = True
        scene.wire.reset()
        await named(scene.process, "store", "store_down", "too_busy")
        scene.wire.refusing = False
        await recovered(scene.crew)
    await well(scene.process)
    await scene.nothing_is_lost()
    await noted(scene.process, event="store_down")


async def test_a_store_that_answers_noise_is_down_until_it_makes_sense_again(scene: Scene) -> None:
    async with scene.crew.busy():
        await recovered(scene.crew)
        scene.wire.replies = garble
        await named(scene.process, "store", "store_down", "too_busy")
        assert (await diagnosed(scene.process)).keys() >= {"store"}
        scene.wire.replies = None
        scene.wire.reset()
        await recovered(scene.crew)
    await well(scene.process)
    await scene.nothing_is_lost()
    assert not logged(scene.process, event="check_failed")
    assert not logged(scene.process, event="batch_failed")


async def test_a_store_that_tells_another_past_stops_the_log_and_is_named(scene: Scene) -> None:
    """A36: what contradicts a signed head is never built upon; an honest store is believed anew."""
    poster = scene.crew.posters[0]
    await poster.post()
    scene.wire.replies = other_signatures
    with pytest.raises(RefusedByRule) as refused:
        await post_over_a_broken_wire(poster, scene.wire)
    assert refused.value.code == "log_damaged"
    unsure = poster.tried[-1]  # refused, and perhaps written before
    await named(scene.process, "logs", "log_damaged")
    wrong = await diagnosed(scene.process)
    assert wrong[f"server {scene.process.pid}"] == "log_damaged"
    assert {name.split()[0] for name in wrong} == {"server", "directory"}
    await noted(scene.process, event="log_damaged")
    await noted(scene.process, event="not_ready", part="logs", code="log_damaged")
    scene.wire.replies = None
    await scene.pair.kill_server()
    await scene.pair.start_server()
    async with scene.crew.busy():
        await recovered(scene.crew)
    await well(scene.process)
    broken = await broken_promises(scene.town, scene.crew)
    assert all(repr(unsure) in line for line in broken), broken


async def post_over_a_broken_wire(poster: Poster, wire: Proxy) -> None:
    """Until the server has read again: it does so after a failed write, before the next."""
    for number in range(200):
        posting = asyncio.create_task(poster.post())
        await asyncio.sleep(A_WRITE_S * (number % 10))  # somewhere in the middle of its write
        wire.reset()
        await posting


def other_signatures(data: bytes) -> bytes:
    """What a store answers, with every entry's signature blotted out; BSON: a name, 64 bytes."""
    return re.sub(rb"(\x05sig\0\x40\0\0\0\0)[\s\S]{64}", lambda m: m[1] + bytes(64), data)
