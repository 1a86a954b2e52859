"""kill -9 of the server, of its store, and of both under load: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import tempfile
from pathlib import Path

import pytest
from cencomm_client.backoff import LONGEST_PAUSE_S

from tests.conftest import MONGODB_URI, memory
from tests.support.crew import Crew, muster
from tests.support.deployment import Deployment
from tests.support.hindsight import broken_promises, contradicted, read
from tests.support.server_process import command
from tests.support.victims import Victims, drop_database, town_on, victims
from tests.support.waiting import until

pytestmark = pytest.mark.timed

POSTERS = 4
ACKNOWLEDGED = 300  # entries before each kill
ANY_MOMENT_S = 0.05  # several commits
BACK_S = 10.0  # from the kill to the next receipt
LIVE_S = 1.5 * LONGEST_PAUSE_S + 10.0  # the longest pause between two tries, and the try
PATIENCE_S = 120.0  # with what only a busy machine makes slow
KILLED = ("server", "store", "both")
CASES = [("embedded", killed) for killed in KILLED]
if MONGODB_URI:  # a replica set is not ours to kill
    CASES.append(("mongodb", "server"))


async def kill_under_load(pair: Victims, crew: Crew, killed: str) -> None:
    """Kill once ACKNOWLEDGED more entries have receipts, while others are on their way."""
    first = crew.acknowledged
    async with crew.busy():
        await until(
            lambda: sum(crew.since(first)) >= ACKNOWLEDGED, "receipts before the kill", PATIENCE_S
        )
        await asyncio.sleep(random.uniform(0, ANY_MOMENT_S))  # noqa: S311 - where a commit stands
        await until(lambda: crew.waiting > 0, "a post in flight", PATIENCE_S)
        before = crew.acknowledged
        killing = asyncio.create_task(pair.kill(killed))
        await until(lambda: any(crew.since(before)), "a receipt after the kill", BACK_S)
        await killing
        await until(lambda: crew.live, "live connections after the kill", LIVE_S)
        await until(lambda: all(crew.since(before)), "a receipt for each client", PATIENCE_S)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("place", "killed"), CASES)
async def test_nothing_acknowledged_is_lost_when_server_or_store_is_killed(
    embedded_program: Path, rounds: int, place: str, killed: str
) -> None:
    database = f"t{secrets.token_hex(8)}"
    settings = {"store": MONGODB_URI, "store_database": database} if place == "mongodb" else {}
    # Not pytest's tmp_path: that keeps the last three runs, 100 MB each. The clients are not
    # killed: their files lie in memory, so that they do not wait for the store's disk.
    with (
        tempfile.TemporaryDirectory(prefix="cencomm-kill-") as disk,
        tempfile.TemporaryDirectory(prefix="cencomm-kill-", dir=memory()) as vaults,
    ):
        async with (
            victims(Path(disk), embedded_program, **settings) as pair,
            town_on(pair.process, Path(vaults)) as town,
        ):
            crew = await muster(town, POSTERS)
            for number in range(-(-rounds // len(KILLED)) if rounds >= 10 else 1):
                await kill_under_load(pair, crew, killed)
                broken = await broken_promises(town, crew)
                assert not broken, f"round {number}, {killed} killed: {broken}"
            await nothing_is_wrong_at_the_end(pair, town, crew)
    if place == "mongodb":
        drop_database(MONGODB_URI, database)


async def nothing_is_wrong_at_the_end(pair: Victims, town: Deployment, crew: Crew) -> None:
    """The store holds one checkpoint a size; doctor and every client verify the whole log."""
    found = await read(crew.posters[0].client, crew.log)
    notes = await pair.stored_notes(crew.log, len(found.items))
    assert len(notes) > ACKNOWLEDGED / POSTERS
    assert list(contradicted(notes, found, town, crew.log)) == []
    report = await asyncio.to_thread(
        command, "doctor", "--data", str(pair.process.data), "--json", env=pair.process.env
    )
    assert report.returncode == 0, json.loads(report.stdout)
    for poster in crew.posters:
        verdict = await poster.operation.verify()
        assert verdict.ok, verdict.findings
        assert verdict.root == found.tree.root()
