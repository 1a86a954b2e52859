"""Faults between clients and their server: reset, half-open and refused connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cencomm_client.backoff import LONGEST_PAUSE_S

from tests.support.crew import Crew, muster
from tests.support.deployment import Deployment
from tests.support.faults import recovered, well
from tests.support.hindsight import broken_promises
from tests.support.proxy import Proxy, proxy
from tests.support.victims import Victims, town_on, victims
from tests.support.waiting import until

pytestmark = [pytest.mark.timed, pytest.mark.asyncio(loop_scope="module")]
HALF_OPEN_S = 4.0
PASSED_S = 0.5  # for answers that were past the proxy already
LIVE_S = 1.5 * LONGEST_PAUSE_S + 10.0  # the longest pause between two tries, and the try


@dataclass
class Scene:
    """Clients that reach their server by way of a proxy alone."""

    pair: Victims
    town: Deployment
    crew: Crew
    wire: Proxy

    async def nothing_is_lost(self) -> None:
        await well(self.pair.process)
        broken = await broken_promises(self.town, self.crew)
        assert not broken, broken


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One for all: each test leaves it well."""
    folder = tmp_path_factory.mktemp("wire")
    async with proxy(0) as wire:
        url = f"http://127.0.0.1:{wire.port}"
        async with victims(folder, embedded_program, origin=url) as pair:
            wire.target = pair.process.port
            async with town_on(pair.process, folder, url) as town:
                yield Scene(pair, town, await muster(town, 3), wire)


async def test_resets_in_the_middle_of_posts_lose_and_double_nothing(
    scene: Scene, rounds: int
) -> None:
    async with scene.crew.busy():
        for _ in range(2 * rounds):
            await recovered(scene.crew)
            scene.wire.reset()
        await recovered(scene.crew)
        await until(lambda: scene.crew.live, "live connections after the last reset", LIVE_S)
    await scene.nothing_is_lost()


async def test_half_open_connections_are_outlived(scene: Scene) -> None:
    async with scene.crew.busy():
        await recovered(scene.crew)
        scene.wire.freeze()
        await asyncio.sleep(PASSED_S)
        with pytest.raises(AssertionError):
            await recovered(scene.crew, HALF_OPEN_S)
        scene.wire.reset()  # what a router does that forgot them
        scene.wire.thaw()
        await recovered(scene.crew)
        await until(lambda: scene.crew.live, "live connections again", LIVE_S)
    await scene.nothing_is_lost()


async def test_a_server_out_of_reach_is_found_again(scene: Scene) -> None:
    async with scene.crew.busy():
        await recovered(scene.crew)
        scene.wire.refusing = True
        scene.wire.reset()
        with pytest.raises(AssertionError):
            await recovered(scene.crew, HALF_OPEN_S)
        scene.wire.refusing = False
        await recovered(scene.crew)
    await scene.nothing_is_lost()
