"""The hits bot against the whole server: what it is fed, what the log holds, what it tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cencomm_client.bots import Bot, Folder, Outcome, RawHit, State

from tests.mallory.harness import Stage, Stages, until
from tests.mallory.world import ALERTS, BOT, MEMBERS, OFFICER, OPERATION
from tests.support.loopback import now_ms

RATE = 60  # of its admission, see `founding`


def hit(number: int, **changed: Any) -> dict[str, Any]:
    """A good hit, as a targeting system writes it."""
    return {
        "source": "manifest screening",
        "rule": "TOB-7",
        "rule_version": "3",
        "score": 87,
        "matched": ["first-time consignee"],
        "identifiers": {"reference": f"24FR{number:014}"},
        "snapshot_at": now_ms(),
        "dedupe": f"manifest-{number}",
        **changed,
    }


class Listed(Bot):
    """Gives the hits of a list, and remembers what it heard."""

    def __init__(self, stage: Stage, rows: list[tuple[str | None, Any]], **more: Any) -> None:
        super().__init__(stage.clients[BOT], OPERATION, **more)
        self.rows = rows
        self.told: list[Outcome] = []

    async def hits(self) -> AsyncIterator[RawHit]:
        for key, content in self.rows:
            yield RawHit(key, content)

    async def heard(self, outcome: Outcome) -> None:
        self.told.append(outcome)

    def states(self) -> list[tuple[str, str]]:
        return [(outcome.key, outcome.state.value) for outcome in self.told]


async def run(bot: Bot) -> None:
    """Until all has landed."""
    async with asyncio.timeout(30):
        await bot.run(until_idle=True)


def keys(stage: Stage) -> list[str]:
    """Keys of the hits that the officer reads, in the log's order."""
    contents = [item.content for item in stage.messages(OFFICER) if item.author.code == BOT]
    return [content["dedupe"] for content in contents if content]


async def test_a_hit_is_read_by_people_and_told_to_its_source(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot = Listed(stage, [(None, hit(1)), ("manifest-2", hit(2))])
        await run(bot)
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-1", "manifest-2"]
        assert bot.states() == [("manifest-1", "posted"), ("manifest-2", "posted")]
        leaves = [item.place.leaf for item in stage.messages(OFFICER) if item.author.code == BOT]
        assert [outcome.leaf for outcome in bot.told] == leaves
        assert stage.clients[BOT].vault.outbox() == ()
        stage.quiet()


async def test_malformed_duplicate_and_absurd_hits_are_told_once_and_none_is_lost(
    stages: Stages,
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        deep: dict[str, Any] = {}
        for _ in range(20_000):
            deep = {"a": deep}
        bad: list[Any] = [
            b"\xff\xfe",
            b"{",
            b"[" * 100_000,
            b'{"dedupe": "x", "dedupe": "y"}',
            b'{"dedupe": "x", "score": NaN}',
            b'{"dedupe": "x", "score": 1e400}',
            b'{"dedupe": "x", "score": ' + b"9" * 5000 + b"}",
            b'"hit"',
            {},
            {"dedupe": 7},
            deep,
            hit(90, score=10**30),
            hit(91, score=-1),
            hit(92, score=True),
            hit(93, snapshot_at=99_999_999_999_999),
            hit(94, rule=None),
            hit(95, rule_version=3),
            hit(96, matched=["x"] * 10_000),
            hit(97, matched=["x" * 10_000]),
            hit(98, identifiers={"container": "MSKU1234567"}),
            hit(99, identifiers={"shoe": "44"}),
            hit(100, source="\ud800"),
            hit(101, remarks="\x1b[2J"),
            hit(102, colour="red"),
            hit(103, dedupe="\x00"),
            hit(104, dedupe="k" * 10_000),
            b" " * 300_000 + b"{}",
        ]
        rows: list[tuple[str | None, Any]] = []
        for number, content in enumerate(bad):
            rows += [(None, hit(number)), (None, content), (None, hit(number))]
        bot = Listed(stage, rows)
        await run(bot)
        await stage.look(*MEMBERS)
        good = [f"manifest-{number}" for number in range(len(bad))]
        assert keys(stage) == good
        by = {state: [o for o in bot.told if o.state is state] for state in State}
        assert len(by[State.INVALID]) == len(bad)
        assert all(outcome.fields for outcome in by[State.INVALID])
        assert [outcome.key for outcome in by[State.POSTED] if not outcome.known] == good
        assert sorted(outcome.key for outcome in bot.told if outcome.known) == sorted(good)
        stage.quiet()


async def test_a_key_that_was_posted_is_known_after_a_restart(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await run(Listed(stage, [(None, hit(1))]))
        await stage.leave(BOT)
        await stage.look(BOT)
        bot = Listed(stage, [(None, hit(1)), (None, hit(2))])
        await run(bot)
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-1", "manifest-2"]
        first, second = sorted(bot.told, key=lambda outcome: outcome.key)
        assert (first.state, first.known, second.known) == (State.POSTED, True, False)
        assert first.leaf == stage.messages(OFFICER)[-2].place.leaf


async def test_what_is_more_than_the_rate_waits_on_the_disk(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot = Listed(stage, [(None, hit(number)) for number in range(RATE + 9)])
        working = asyncio.create_task(bot.run(until_idle=True))
        await until(lambda: len(bot.told) >= RATE)
        await asyncio.sleep(0.3)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert (bot.health.posted, bot.health.waiting) == (RATE, 9)
        assert (bot.health.left_this_hour, bot.health.blocked) == (0, "")
        assert bot.health.next_slot_at > now_ms() + 3_000_000
        await stage.leave(BOT)
        await stage.look(BOT)  # another process: the hour goes on
        again = Listed(stage, [])
        working = asyncio.create_task(again.run(until_idle=True))
        await asyncio.sleep(0.5)
        assert (again.health.posted, again.health.waiting) == (RATE, 9)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await stage.look(*MEMBERS)
        assert keys(stage) == [f"manifest-{number}" for number in range(RATE)]


async def test_a_folder_is_emptied_into_the_log(stages: Stages, tmp_path: Path) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        inbox = tmp_path / "inbox"
        inbox.mkdir()
        for number in range(3):
            (inbox / f"{number}.json").write_text(json.dumps(hit(number)))
        (inbox / "twice.json").write_text(json.dumps(hit(1)))
        (inbox / "bad.json").write_text("{")
        source = Folder(inbox, once=True, settle_s=0.05, look_s=0.02)
        await run(Bot(stage.clients[BOT], OPERATION, source))
        await stage.look(*MEMBERS)
        assert sorted(keys(stage)) == ["manifest-0", "manifest-1", "manifest-2"]
        assert list(inbox.glob("*.json")) == []
        done = {path.name for path in (inbox / "done").iterdir()}
        assert {"0.json", "1.json", "2.json", "twice.json", "0.json.outcome.json"} <= done
        told = json.loads((inbox / "refused" / "bad.json.outcome.json").read_text())
        assert (told["code"], told["fields"][0]["path"]) == ("form_invalid", "hit")
        assert (inbox / "refused" / "bad.json").read_text() == "{"


async def test_at_rest_the_queue_shows_nothing_of_a_hit(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot = Listed(stage, [(None, hit(number)) for number in range(RATE + 5)])
        working = asyncio.create_task(bot.run())
        await until(lambda: len(bot.told) >= RATE)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        (queue,) = stage.folder.glob("*.queue")
        kept = b"".join(path.read_bytes() for path in stage.folder.glob(f"{queue.name}*"))
        assert len(kept) > 10_000
        for word in (b"manifest-", b"TOB-7", b"consignee", b"24FR0", ALERTS.encode() + b"\n"):
            assert word not in kept
