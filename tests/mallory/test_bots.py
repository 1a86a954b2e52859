"""The hits bot against the whole server: what it is fed, what the log holds, what it tells."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cencomm_client import Admission
from cencomm_client.bots import Address, Bot, Folder, Health, Outcome, RawHit, State
from cencomm_client.bots.health import health_application
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.serving import serving
from cencomm_client.client import Client
from cencomm_client.errors import RefusedByRule, Unreachable
from cencomm_client.outbox import Outbox
from cencomm_client.vault_contents import StoredReceipt
from cencomm_crypto.errors import ErrorCode, ProtocolError

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import ALERTS, ANALYST, BOT, CHIEF, MEMBERS, OFFICER, OPERATION
from tests.support.loopback import now_ms
from tests.support.waiting import until

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


async def test_a_hit_for_a_few_alone_is_not_dropped_where_more_read(stages: Stages) -> None:
    """A54: a bot chooses no readers, so what its source marks TLP RED goes another way."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot = Listed(stage, [(None, hit(1, tlp="RED")), (None, hit(2, tlp="AMBER"))])
        await run(bot)
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-2"]
        assert [(o.state, o.code) for o in bot.told if o.key != "manifest-2"] == [
            (State.INVALID, "not_directed")
        ]
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


async def test_a_rotation_under_way_loses_no_hit_and_repeats_none(stages: Stages) -> None:
    """A member is removed while drops are in flight: sealed anew under the same `mid`."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        chief = await stage.client(CHIEF)
        await chief.go_live()
        rows: list[tuple[str | None, Any]] = [(None, hit(number)) for number in range(RATE)]
        bot = Listed(stage, rows[:20])
        working = asyncio.create_task(bot.run(until_idle=True))
        await until(lambda: len(bot.told) > 0)
        await (await stage.operation(CHIEF)).remove([OFFICER])
        await working
        await run(Listed(stage, rows[:40]))
        await stage.look(CHIEF, ANALYST)
        state = stage.shown(CHIEF).state
        assert state.channels[stage.chan(ALERTS)].epoch >= 2
        for code in (CHIEF, ANALYST):
            read = {item.mid: item for item in stage.messages(code) if item.author.code == BOT}
            found = [item.content["dedupe"] for item in read.values() if item.content]
            assert sorted(found) == sorted(f"manifest-{number}" for number in range(40))
        stage.quiet(CHIEF, ANALYST, BOT)


async def test_answers_that_got_lost_make_no_second_drop(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server took them and the bot never heard so, then died."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        offer = Outbox.offer

        async def unheard(self: Outbox, *given: Any) -> StoredReceipt:
            await offer(self, *given)
            raise Unreachable("the answer got lost")

        monkeypatch.setattr(Outbox, "offer", unheard)
        bot = Listed(stage, [(None, hit(number)) for number in range(5)])
        working = asyncio.create_task(bot.run())
        await until(lambda: hasattr(bot, "health") and bot.health.blocked == "unreachable")
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await stage.leave(BOT)
        monkeypatch.setattr(Outbox, "offer", offer)
        await stage.look(BOT)
        again = Listed(stage, [(None, hit(number)) for number in range(6)])
        await run(again)
        await stage.look(*MEMBERS)
        drops = [item for item in stage.messages(OFFICER) if item.author.code == BOT]
        assert len(drops) == len({item.mid for item in drops}) == 6
        assert keys(stage) == [f"manifest-{number}" for number in range(6)]
        assert again.health.posted == 6


async def test_what_never_arrived_goes_out_with_the_same_bytes(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        offer, offered = Outbox.offer, []

        async def away(self: Outbox, log: Any, entry: Any, submission: Any) -> StoredReceipt:
            offered.append(submission.encode())
            raise Unreachable("no server")

        monkeypatch.setattr(Outbox, "offer", away)
        bot = Listed(stage, [(None, hit(1))])
        working = asyncio.create_task(bot.run())
        await until(lambda: len(offered) > 2)
        assert not bot.health.well
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        sent = []

        async def kept(self: Outbox, log: Any, entry: Any, submission: Any) -> StoredReceipt:
            sent.append(submission.encode())
            return await offer(self, log, entry, submission)

        monkeypatch.setattr(Outbox, "offer", kept)
        await run(Listed(stage, []))
        assert set(offered) == set(sent)
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-1"]


async def test_a_refusal_of_one_hit_is_told_and_the_others_go_on(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        offer, calls = Outbox.offer, []

        async def picky(self: Outbox, *given: Any) -> StoredReceipt:
            calls.append(given)
            if len(calls) == 2:
                raise RefusedByRule(ErrorCode.TOO_LARGE, "no")
            return await offer(self, *given)

        monkeypatch.setattr(Outbox, "offer", picky)
        bot = Listed(stage, [(None, hit(number)) for number in range(4)])
        await run(bot)
        refused = [outcome for outcome in bot.told if outcome.state is State.REFUSED]
        assert [(outcome.code, outcome.detail) for outcome in refused] == [("too_large", "no")]
        assert (bot.health.posted, bot.health.refused, bot.health.waiting) == (3, 1, 0)


async def test_outside_its_time_hits_wait_and_health_says_why(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await (await stage.operation(CHIEF)).suspend()
        await stage.look(BOT)
        bot = Listed(stage, [(None, hit(1))], health=Address("127.0.0.1", 0))
        working = asyncio.create_task(bot.run())
        await until(lambda: hasattr(bot, "health") and bot.health.blocked != "")
        assert (bot.health.blocked, bot.health.waiting) == ("wrong_phase", 1)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_bot_drops_only_the_kinds_of_its_admission(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot = Listed(stage, [])
        bot.kind = "WRN"
        with pytest.raises(ProtocolError, match="admitted for HIT"):
            await run(bot)


async def test_a_running_bot_follows_its_admission(stages: Stages) -> None:
    """Admitted anew elsewhere, at another rate: what waited goes there, with no restart."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        more: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        class Waiting(Listed):
            async def hits(self) -> AsyncIterator[RawHit]:
                while True:
                    yield RawHit(None, await more.get())

        bot = Waiting(stage, [])
        working = asyncio.create_task(bot.run())
        more.put_nowait(hit(1))
        await until(lambda: hasattr(bot, "health") and bot.health.posted == 1)
        operation = await stage.operation(CHIEF)
        await operation.remove([BOT])
        await until(lambda: not bot._joined.state.members.get(bot._joined.person))
        more.put_nowait(hit(2))
        await until(lambda: bot.health.blocked == "not_member")
        await operation.create_channel("elsewhere")
        there = Admission(BOT, "bot", channel="elsewhere", kinds=("HIT",), rate=RATE - 1)
        await operation.admit([there])
        await operation.tend()
        await until(lambda: bot.health.posted == 2)
        assert (bot.health.channel, bot.health.rate) == ("elsewhere", RATE - 1)
        assert (bot.health.blocked, bot.health.refused) == ("", 0)
        await operation.remove([BOT])
        await operation.admit([replace(there, kinds=("MSG",))])
        more.put_nowait(hit(3))
        await until(lambda: bot.health.blocked == "not_permitted")
        assert (bot.health.waiting, bot.health.refused) == (1, 0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await stage.look(*MEMBERS)
        drops = [item for item in stage.messages(OFFICER) if item.author.code == BOT]
        assert [item.channel_name for item in drops] == [ALERTS, "elsewhere"]


async def test_health_is_served_and_written(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await run(Listed(stage, [(None, hit(1)), (None, {})]))
        (file,) = stage.folder.glob("*.status")
        told = json.loads(file.read_text())
        assert (told["posted"], told["waiting"], told["invalid"], told["well"]) == (1, 0, 1, True)
        assert told["last_success_at"] > 0
        assert told["left_this_hour"] == RATE - 1
        health = Health(OPERATION, ALERTS, "folder", RATE, 0)
        async with (
            serving(health_application(health), Address("127.0.0.1", 0)) as port,
            aiohttp.ClientSession() as http,
        ):
            url = f"http://127.0.0.1:{port}/healthz"
            assert (await http.get(url)).status == 200
            health.blocked = "unreachable"
            answer = await http.get(url)
            assert (answer.status, (await answer.json())["blocked"]) == (503, "unreachable")


async def test_without_a_server_hits_are_taken_and_go_out_when_it_is_back(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        client, login = stage.clients[BOT], Client.login
        await client.logout()
        tries: list[int] = []

        async def away(self: Client, *given: Any, **named: Any) -> None:
            tries.append(1)
            raise Unreachable("no server")

        monkeypatch.setattr(Client, "login", away)
        bot = Listed(stage, [(None, hit(number)) for number in range(3)])
        working = asyncio.create_task(bot.run(until_idle=True))
        await until(lambda: len(tries) > 2)
        await until(lambda: bot.health.waiting == 3)
        assert bot.health.blocked != ""
        monkeypatch.setattr(Client, "login", login)
        async with asyncio.timeout(30):
            await working
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-0", "manifest-1", "manifest-2"]


@pytest.mark.parametrize("step", ["put", "sign", "end"])
async def test_a_full_disk_keeps_hits_waiting_and_none_is_lost(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        write, tries = getattr(Queue, step), []

        def full(self: Queue, *given: Any, **named: Any) -> Any:
            tries.append(1)
            if len(tries) > 3:
                return write(self, *given, **named)

            def failing() -> None:
                self._db.execute("CREATE TABLE large (data BLOB)")
                self._db.execute("INSERT INTO large VALUES (zeroblob(1000000))")

            self._db.execute("PRAGMA max_page_count = 1")
            try:
                return self._durably(failing)
            finally:
                self._db.execute("PRAGMA max_page_count = 1000000")

        monkeypatch.setattr(Queue, step, full)
        bot = Listed(stage, [(None, hit(1)), (None, hit(2))])
        working = asyncio.create_task(bot.run(until_idle=True))
        await until(lambda: hasattr(bot, "health") and bot.health.blocked == "queue_full")
        async with asyncio.timeout(30):
            await working
        await stage.look(*MEMBERS)
        assert sorted(keys(stage)) == ["manifest-1", "manifest-2"]
        assert (bot.health.blocked, bot.health.posted) == ("", 2)
        assert bot.health.left_this_hour == RATE - 2  # what was not signed is not counted


async def test_a_status_file_that_cannot_be_written_ends_no_bot(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Health, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        monkeypatch.setattr(Health, "write", full)
        await run(Listed(stage, [(None, hit(1))]))
        await stage.look(*MEMBERS)
        assert keys(stage) == ["manifest-1"]


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["put", "sign", "end"])
async def test_a_crash_beside_any_commit_of_the_queue_loses_no_hit_and_repeats_none(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        rows: list[tuple[str | None, Any]] = [(None, hit(number)) for number in range(9)]
        write = getattr(Queue, step)

        def killed(self: Queue, *given: Any, **named: Any) -> None:
            if when == "after":
                write(self, *given, **named)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Queue, step, killed)
            with pytest.raises(Killed):
                await run(Listed(stage, rows))
        await stage.leave(BOT)
        await stage.look(BOT)
        again = Listed(stage, rows)
        await run(again)
        await stage.look(*MEMBERS)
        drops = [item for item in stage.messages(OFFICER) if item.author.code == BOT]
        assert sorted(keys(stage)) == [f"manifest-{number}" for number in range(9)]
        assert len({item.mid for item in drops}) == 9
        assert (again.health.posted, again.health.waiting, again.health.refused) == (9, 0, 0)
