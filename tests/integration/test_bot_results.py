"""What people make of a hit comes back to the bot that dropped it, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cencomm_client import Admission, Client, Operation
from cencomm_client.bots import Bot, Folder, Result
from cencomm_client.items import Control
from cencomm_client.triage import HIT, Triaged, dismissal, hits_of, merger, warning_from

from tests.integration.test_sdk_spine import running, until
from tests.support.bot_process import hit
from tests.support.deployment import deployed

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOT = "FR-BOT-1"


class Told(Bot):
    """A folder's bot that remembers which results its hook was given."""

    def __init__(self, client: Client, operation: str, folder: Path) -> None:
        super().__init__(client, operation, Folder(folder, settle_s=0, look_s=0.05))
        self.results: list[Result] = []

    async def answered(self, key: str, result: Result) -> None:
        self.results.append(result)


@asynccontextmanager
async def at_work(bot: Bot) -> AsyncIterator[None]:
    task = asyncio.create_task(bot.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True)
class People:
    """Who works in every test here, each in an operation of its own."""

    rilo: Client
    agent: Client
    bot: Client

    async def founded(self, name: str, **fields: Any) -> tuple[Operation, Operation]:
        """The coordinator's operation, and an officer's view of it; the bot is admitted."""
        members = [Admission("FR-001", "ncp"), Admission("FR-014", "officer")]
        operation = await running(self.rilo, members, name=name, **fields)
        admission = Admission(BOT, "bot", channel="alpha", kinds=("HIT",), rate=3600)
        await operation.admit([admission])
        return operation, await self.agent.operation(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[People]:
    """One deployment for the module."""
    async with deployed(tmp_path_factory.mktemp("results")) as town:
        rilo = await town.contact_point("RILO", "RILO-001")
        await town.may_create(rilo)
        ncp = await town.contact_point("FR", "FR-001")
        agent = await town.person(ncp, "FR-014", name="A. Martin")
        yield People(rilo, agent, await town.bot(ncp, BOT))


def results_in(operation: Operation) -> list[Control]:
    return [
        item
        for item in operation.items()
        if isinstance(item, Control) and item.type == "drop.result"
    ]


async def hits_seen(operation: Operation, count: int) -> dict[str, Triaged]:
    def look() -> dict[str, Triaged] | None:
        found = {one.hit.content["dedupe"]: one for one in hits_of(operation.items())}  # type: ignore[index]  # a readable hit has content
        return found if len(found) == count else None

    return await until(look, f"{count} hits")


async def test_each_decision_reaches_the_bot_once_and_not_again_after_a_restart(
    tmp_path: Path, people: People
) -> None:
    source = tmp_path / "hits"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.json").write_text(json.dumps(hit(number)))
    operation, officer = await people.founded("MERIDIAN")
    bot = Told(people.bot, "MERIDIAN", source)
    async with at_work(bot):
        hits = await hits_seen(officer, 3)
        channel = officer.channel("alpha")
        first = hits["manifest-0"]
        promoted, dismissed, merged = (hits[f"manifest-{n}"].hit for n in range(3))
        await channel.post("WRN", warning_from(first), re=promoted)
        await channel.post(HIT, dismissal("Jan Kowalski is known to us"), re=dismissed)
        await channel.post(HIT, merger(promoted.place.leaf), re=merged)
        await until(lambda: bot.health.answered == 3, "three results")
    told = {result.key: (result.outcome, result.reason) for result in bot.results}
    assert told == {
        "manifest-0": ("promoted", ""),
        "manifest-1": ("dismissed", ""),  # free text stays in the operation
        "manifest-2": ("merged", ""),
    }
    assert len(bot.results) == 3
    assert bot.health.unopened == 0
    written = [json.loads(file.read_text()) for file in (source / "results").glob("*.json")]
    assert {row["key"]: row["outcome"] for row in written} == {
        key: outcome for key, (outcome, _) in told.items()
    }
    results = results_in(operation)
    assert len(results) == 3
    assert {item.author.code for item in results} == {"FR-014"}  # who decided posted it
    again = Told(people.bot, "MERIDIAN", source)
    async with at_work(again):
        await until(lambda: getattr(again, "_answers", None), "the bot runs")
        await again._hand_on()
        await asyncio.sleep(0.1)
    assert again.results == []


async def test_a_decision_whose_author_went_away_is_answered_by_somebody_else(
    tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "hits"
    source.mkdir()
    (source / "0.json").write_text(json.dumps(hit(0)))
    operation, officer = await people.founded("TRADEWIND")
    bot = Told(people.bot, "TRADEWIND", source)
    async with at_work(bot):
        one = (await hits_seen(officer, 1))["manifest-0"].hit
        monkeypatch.setattr(officer._poster.sender, "answer", _never)  # its process ended
        await officer.channel("alpha").post(HIT, dismissal("nothing"), re=one)
        await until(lambda: len(bot.results) == 1, "the result")
    assert len(results_in(operation)) == 1
    assert results_in(operation)[0].author.code != "FR-014"


async def test_with_minimal_metadata_nobody_posts_a_result(tmp_path: Path, people: People) -> None:
    source = tmp_path / "hits"
    source.mkdir()
    (source / "0.json").write_text(json.dumps(hit(0)))
    operation, officer = await people.founded("EQUINOX", metadata="minimal")
    async with at_work(Told(people.bot, "EQUINOX", source)):
        one = (await hits_seen(officer, 1))["manifest-0"].hit
        await officer.channel("alpha").post(HIT, dismissal("nothing"), re=one)
        await asyncio.sleep(2.0)  # longer than any wait of the brisk timing
    assert results_in(operation) == []


async def _never(due: object, **_: object) -> None:
    """Nothing goes out."""
