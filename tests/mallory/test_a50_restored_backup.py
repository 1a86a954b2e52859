"""A50: a restore from a backup forks the log. Clients hold what was signed, and refuse the rest."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import Stage, copy_of, refusal, staged
from tests.mallory.world import ALERTS, ANALYST, CHIEF, OFFICER, PLAN, WARNING, World

MADE = "control the lorry"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The devices' files, which outlive the server."""
    made = tmp_path / "devices"
    made.mkdir()
    return made


def serve(world: World, folder: Path, store: MemoryStore) -> AbstractAsyncContextManager[Stage]:
    """A server over this store, for the same devices as before."""
    return staged(world, folder, store=store)


async def first_life(world: World, folder: Path) -> tuple[MemoryStore, MemoryStore]:
    """A backup is made, then the chief speaks and the officer reads it: (backup, the last)."""
    store = copy_of(world.store)
    async with serve(world, folder, store) as stage:
        await stage.look(CHIEF, OFFICER, ANALYST)
        backup = copy_of(store)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": MADE})
        await stage.look(CHIEF, OFFICER)
        stage.quiet()
    return backup, copy_of(store)


async def test_the_whole_store_comes_back(world: World, folder: Path) -> None:
    """Nothing is missing: everybody goes on where they were."""
    _, last = await first_life(world, folder)
    async with serve(world, folder, last) as stage:
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "on my way"})
        await stage.look(CHIEF, OFFICER, ANALYST)
        assert stage.texts(ANALYST) == [WARNING, MADE, "on my way"]
        stage.quiet()


async def test_a_server_that_lost_what_clients_hold(world: World, folder: Path) -> None:
    """Whoever read on refuses it and seals nothing; the receipts that it gave are still held."""
    backup, _ = await first_life(world, folder)
    async with serve(world, folder, backup) as stage:
        for code in (CHIEF, OFFICER):
            await stage.look(code)
            assert stage.rows(code) == {"A4"}
            assert stage.texts(code)[-1] == MADE
            posting = (
                stage.shown(code).channel(ALERTS).post("MSG", {"text": "and now?"}, patience_s=0.5)
            )
            assert await refusal(posting) == "stopped"
        assert stage.head().size == stage.size(OFFICER) - 1


async def test_a_server_that_signs_anew_below_it(world: World, folder: Path) -> None:
    """A member who had not read on speaks into the gap: two heads of one size, both signed by
    the log key. Whoever holds the other one has the proof, and shows nothing of the new one."""
    backup, _ = await first_life(world, folder)
    async with serve(world, folder, backup) as stage:
        await (await stage.operation(ANALYST)).channel(ALERTS).post("MSG", {"text": "who else?"})
        await stage.look(ANALYST)
        assert stage.texts(ANALYST) == [WARNING, "who else?"]
        stage.quiet(ANALYST)  # nobody told it
        for code in (CHIEF, OFFICER):
            await stage.look(code)
            assert stage.rows(code) == {"A4"}
            assert "who else?" not in stage.texts(code)
            assert stage.texts(code)[-1] == MADE
            notes = {kept.data for kept in stage.station(code).mirror.alarms(stage.log)}
            assert len(notes) >= 2
        assert PLAN in stage.texts(OFFICER)
