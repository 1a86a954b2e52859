"""The log key changes through governance while two server processes and their clients run."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client.root import ceremony
from cencomm_client.transport import Transport
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import open_checkpoint, origin
from cencomm_crypto.public.wire import Submission
from cencomm_server import installation as installations

from tests.mallory.harness import Served, Stage, copy_of, refusal, serving, staged
from tests.mallory.world import ALERTS, ANALYST, CHIEF, OFFICER, World
from tests.support.loopback import NAME


@asynccontextmanager
async def two_processes(world: World, folder: Path) -> AsyncIterator[tuple[Stage, Served]]:
    """A stage on a copy of the data folder, and a second server on the same folder and store."""
    shutil.copytree(world.folder, folder / "world")
    mine = replace(world, folder=folder / "world")
    store = copy_of(world.store)
    (folder / "stage").mkdir()
    async with (
        staged(mine, folder / "stage", store=store) as stage,
        serving(mine.data, store, stage.clock, {}) as second,
    ):
        yield stage, second


async def signer_of(stage: Stage, url: str, code: str) -> bytes:
    """Which held key signed the newest note of MERIDIAN that a process shows."""
    mine = stage.station(code).transport
    async with Transport(url) as transport:
        transport.token = mine.token
        note = await transport.checkpoint(stage.log)
    held = installations.load(stage.world.data)
    for key in (*(key.public for key in held.log_keys), *held.past_log_keys):
        try:
            open_checkpoint(note, origin(NAME, stage.log), key)
        except ProtocolError:
            continue
        return key
    raise AssertionError("nobody's key")


async def test_old_notes_verify_clients_follow_and_both_processes_sign_with_the_new_key(
    world: World, tmp_path: Path
) -> None:
    async with two_processes(world, tmp_path) as (stage, second):
        await stage.look(CHIEF, OFFICER, ANALYST)
        data = stage.world.data
        old = installations.load(data).log_key
        before = stage.size(OFFICER)
        assert await signer_of(stage, stage.server.url, OFFICER) == old.public

        # a key that no server holds would stop every log: refused
        strange = ceremony.set_log_key(SigningKey.from_seed(bytes(32)).public)
        assert await refusal(stage.govern(strange)) == "wrong_deployment"
        (stage.folder / "governance").unlink()  # the refused draft's serial with it

        new = installations.make_next_log_key(installations.load(data))
        await stage.govern(ceremony.set_log_key(new.public))

        # this process, at once
        operation = await stage.operation(OFFICER)
        await operation.channel(ALERTS).post("MSG", {"text": "under the new key"})
        assert await signer_of(stage, stage.server.url, OFFICER) == new.public
        # the other one, as soon as it writes: it read the change and found the key by itself
        said = stage.message(ANALYST, ALERTS, "through the other process")
        async with Transport(second.url) as transport:
            transport.token = stage.station(ANALYST).transport.token
            await transport.append(stage.log, Submission.of(said))
        assert await signer_of(stage, second.url, ANALYST) == new.public

        # the first one reads what the other wrote as soon as it writes itself
        await operation.refresh()
        await operation.channel(ALERTS).post("MSG", {"text": "here again"})

        # members follow, and what was signed before still stands
        await stage.look(CHIEF, OFFICER, ANALYST)
        assert "under the new key" in stage.texts(CHIEF)
        assert stage.size(OFFICER) > before
        stage.quiet()
        # a device that has read nothing reads the whole log, old notes and new
        await stage.leave(CHIEF, forgets=True)
        await stage.look(CHIEF)
        assert {"under the new key", "through the other process"} <= set(stage.texts(CHIEF))
        stage.quiet()


@pytest.mark.parametrize("adopted", [False, True])
async def test_a_server_starts_again_around_the_change(
    world: World, tmp_path: Path, adopted: bool
) -> None:
    shutil.copytree(world.folder, tmp_path / "world")
    mine = replace(world, folder=tmp_path / "world")
    store = copy_of(world.store)
    (tmp_path / "one").mkdir()
    async with staged(mine, tmp_path / "one", store=store) as stage:
        await stage.look(OFFICER)
        new = installations.make_next_log_key(installations.load(mine.data))
        await stage.govern(ceremony.set_log_key(new.public))
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "before"})
    if adopted:
        held = installations.adopt_log_key(installations.load(mine.data), new.public)
        assert held.log_keys == (new,)
    (tmp_path / "two").mkdir()
    async with staged(mine, tmp_path / "two", store=store) as stage:
        await stage.look(CHIEF, ANALYST)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "after"})
        await stage.look(ANALYST)
        assert {"before", "after"} <= set(stage.texts(ANALYST))
        assert await signer_of(stage, stage.server.url, CHIEF) == new.public
        stage.quiet()
