"""Two server processes on one store, clients on both: one log, and what one takes both push."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from cencomm_client import Admission
from cencomm_client.automation.timing import Timing
from cencomm_client.transport import Transport
from cencomm_crypto.errors import ErrorCode, ProtocolError

from tests.conftest import MONGODB_URI
from tests.support.crew import CHANNEL, Crew, Poster, muster
from tests.support.deployment import Deployment
from tests.support.faults import LOOK_S, outside_store, recovered, well
from tests.support.hindsight import broken_promises, contradicted, read
from tests.support.victims import Victims, drop_database, town_on, victims
from tests.support.waiting import until

pytestmark = [pytest.mark.timed, pytest.mark.asyncio(loop_scope="module")]
PLACES = ["embedded", *(["mongodb"] if MONGODB_URI else [])]
EACH = 60  # entries of each client in a race
NEVER_S = 3600.0  # clients learn by push alone
PUSHED_S = 10.0
PATIENCE_S = 60.0


@dataclass
class Scene:
    """Two servers on one store; half of the crew is on each."""

    servers: tuple[Victims, Victims]
    town: Deployment
    crew: Crew

    @property
    def sides(self) -> tuple[list[Poster], list[Poster]]:
        """The posters of the first server, and those of the second."""
        return self.crew.posters[:2], self.crew.posters[2:]

    async def nothing_is_lost(self) -> None:
        broken = await broken_promises(self.town, self.crew)
        assert not broken, broken
        found = await read(self.crew.posters[0].client, self.crew.log)
        other = await read(self.crew.posters[-1].client, self.crew.log)
        assert found.note == other.note
        notes = await self.servers[0].stored_notes(self.crew.log, len(found.items))
        assert list(contradicted(notes, found, self.town, self.crew.log)) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLACES)
async def scene(
    request: pytest.FixtureRequest,
    embedded_program: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Scene]:
    """One for all: each test leaves it well."""
    folder = tmp_path_factory.mktemp("two")
    database = f"t{secrets.token_hex(8)}"
    async with AsyncExitStack() as stack:
        uri = MONGODB_URI
        if request.param == "embedded":
            child = await stack.enter_async_context(
                outside_store(embedded_program, folder / "store")
            )
            uri = child.uri
        else:
            stack.callback(drop_database, MONGODB_URI, database)
        settings = {"store": uri, "store_database": database}
        first = await stack.enter_async_context(victims(folder, embedded_program, **settings))
        second = await stack.enter_async_context(first.beside())
        timing = replace(Timing.brisk(), poll_s=NEVER_S)
        town = await stack.enter_async_context(town_on(first.process, folder, timing=timing))
        crew = await muster(town, 2)
        chief = crew.posters[0]
        transport = await stack.enter_async_context(Transport(second.process.url))
        town.url, town.transport = second.process.url, transport
        contact = await town.contact_point("BE", "BE-001")
        agent = await town.person(contact, "BE-010")
        await chief.operation.admit([Admission("BE-001", "ncp"), Admission("BE-010", "officer")])
        for client in (contact, agent):
            crew.posters.append(Poster(client, await client.operation("ENDURANCE")))
        for poster in crew.posters:
            await post_once_it_can(poster)
        yield Scene((first, second), town, crew)


async def post_once_it_can(poster: Poster) -> None:
    """A newcomer waits for the key of the current epoch, which another client gives it."""
    for _ in range(int(PATIENCE_S / LOOK_S)):
        try:
            await poster.post()
        except ProtocolError as refusal:
            if refusal.code != ErrorCode.NO_EPOCH_KEY:
                raise
            poster.tried.pop()
            await asyncio.sleep(LOOK_S)
        else:
            return
    raise AssertionError(f"{poster.client.code} got no key of the epoch")


async def test_what_clients_of_two_processes_post_at_once_is_one_log(
    scene: Scene, rounds: int
) -> None:
    crew = scene.crew

    async def post(poster: Poster) -> None:
        for _ in range(EACH):
            await poster.post()

    for _ in range(-(-rounds // 5)):
        before = crew.acknowledged
        await asyncio.gather(*(post(poster) for poster in crew.posters))
        assert crew.since(before) == [EACH] * len(crew.posters)
    seqs = sorted(receipt.seq for poster in crew.posters for receipt in poster.receipts)
    assert len(seqs) == len(set(seqs))
    await scene.nothing_is_lost()


async def test_what_one_process_takes_the_other_pushes(scene: Scene) -> None:
    """Without Redis, and nobody asks: the clients' own polls are switched off."""
    for near, far in (scene.sides, scene.sides[::-1]):
        await near[0].post()
        size = near[0].receipts[-1].seq + 1

        def has_seen(far: list[Poster] = far, size: int = size) -> bool:
            heads = [poster.client.vault.head(scene.crew.log) for poster in far]
            return all(head is not None and head.size >= size for head in heads)

        await until(has_seen, "the entry at the other process", PUSHED_S)


async def test_a_revocation_by_one_process_ends_the_sockets_of_the_other(scene: Scene) -> None:
    contact = scene.crew.posters[1].client
    town = scene.town
    agent = await town.person(contact, "FR-077")
    await until(lambda: agent.live, "its live connection", PATIENCE_S)
    await contact.directory.suspend("FR-077")
    await until(lambda: not agent.live, "the end of its live connection", PUSHED_S)


async def test_while_one_process_is_killed_the_other_goes_on(scene: Scene) -> None:
    near, far = scene.sides
    async with scene.crew.busy():
        await recovered(scene.crew)
        await scene.servers[1].kill_server()
        survivors = Crew(near)
        for _ in range(3):
            await recovered(survivors)
        await scene.servers[1].start_server()
        await recovered(Crew(far))
        await until(lambda: scene.crew.live, "live connections of all", PATIENCE_S)
    for server in scene.servers:
        await well(server.process)
    await scene.nothing_is_lost()


async def test_an_operation_founded_at_one_process_is_open_at_the_other(scene: Scene) -> None:
    agent = scene.crew.posters[3]
    assert CHANNEL in {channel.name for channel in agent.operation.channels()}
