"""Hits at terminals: what was refused goes out again, and people decide about each, once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from cencomm_client.channel import Channel
from cencomm_client.cli.exits import Exit
from cencomm_client.errors import RefusedByRule
from cencomm_client.outbox import Outbox
from cencomm_client.posting import Posted
from cencomm_client.triage import HIT, Ground, dismissal
from cencomm_crypto.errors import ErrorCode

from tests.lifecycle.desk import Desk
from tests.mallory.harness import Stage, Stages
from tests.mallory.test_bots import hit
from tests.mallory.world import ALERTS, ANALYST, BOT, MEMBERS, OFFICER, OPERATION


async def test_a_refused_hit_is_put_back_and_all_are_decided_by_commands(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        bot, officer, analyst = (Desk(stage, code) for code in (BOT, OFFICER, ANALYST))
        inbox = stage.folder / "inbox"
        inbox.mkdir()
        for number in range(3):
            (inbox / f"{number}.json").write_text(json.dumps(hit(number)))
        feed = ("bot", "hits", OPERATION, "--folder", str(inbox), "--once")
        await bot("bot", "refused", OPERATION, code=Exit.NOT_FOUND)  # none has run yet
        await bot("bot", "hits", OPERATION, "--folder", "", "--once", code=Exit.INPUT)

        async def full(*_: Any) -> None:
            raise RefusedByRule(ErrorCode.TOO_LARGE, "no")

        with monkeypatch.context() as refusing:
            refusing.setattr(Outbox, "offer", full)
            *_, ended = await bot.lines(*feed)
            assert (ended["posted"], ended["refused"]) == (0, 3)
        told = (await bot("bot", "refused", OPERATION))["refused"]
        assert [row["key"] for row in told] == [f"manifest-{number}" for number in range(3)]
        assert {(row["source"], row["code"]) for row in told} == {("folder", "too_large")}
        await bot("bot", "again", OPERATION, "nobody's", code=Exit.NOT_FOUND)
        put = await bot("bot", "again", OPERATION, "manifest-1")
        assert put == {"put_back": ["manifest-1"], "waiting": 1}
        assert (await bot("bot", "again", OPERATION))["waiting"] == 3
        *_, ended = await bot.lines(*feed)
        assert (ended["posted"], ended["refused"], ended["waiting"]) == (3, 0, 0)
        assert "No hit was refused" in await bot.text("bot", "refused", OPERATION)

        first, second, third = (await officer("triage", "list", OPERATION))["hits"]
        warned = await officer("triage", "promote", OPERATION, str(first["seq"]))
        drop = ("triage", "dismiss", OPERATION, second["leaf"])
        for wrong in ((), ("--code", "known"), ("--code", "not_controlled")):
            assert (await analyst(*drop, *wrong, code=Exit.INPUT))["error"]
        await analyst(*drop, "--code", "wrong_data", "--reason", "known consignee")
        own = ("triage", "merge", OPERATION, str(third["seq"]))
        await officer(*own, str(third["seq"]), code=Exit.INPUT)
        await officer(*own, str(warned["seq"]))
        promote = ("triage", "promote", OPERATION, str(second["seq"]))
        refused = await officer(*promote, code=Exit.REFUSED)
        assert refused["error"]["code"] == "hit_decided"
        again = await analyst("triage", "promote", OPERATION, str(first["seq"]))
        assert again["outcome"]["seq"] == warned["seq"]  # nothing was written
        rows = (await analyst("triage", "list", OPERATION, "--all"))["hits"]
        assert [row["outcome"]["decision"] for row in rows] == ["promote", "dismiss", "merge"]
        assert rows[2]["outcome"]["into"] == warned["leaf"]
        said = rows[1]["outcome"]
        assert (said["reason_code"], said["reason"]) == ("wrong_data", "known consignee")
        assert "dismiss, wrong data" in await analyst.text("triage", "list", OPERATION, "--all")
        assert "No hit is open" in await analyst.text("triage", "list", OPERATION)
        assert ALERTS in {row["channel"] for row in rows}


async def laid(stage: Stage, count: int) -> list[int]:
    """So many hits in the log; their entry numbers."""
    await stage.look(*MEMBERS, BOT)
    channel = (await stage.operation(BOT)).channel(ALERTS)
    return [(await channel.drop("HIT", hit(number))).seq for number in range(count)]


async def test_a_hit_is_merged_only_into_what_somebody_still_looks_at(stages: Stages) -> None:
    """Two that are merged into each other, or one merged into no matter what, nobody looks at."""
    async with stages() as stage:
        first, second, third = map(str, await laid(stage, 3))
        officer = Desk(stage, OFFICER)
        merge = ("triage", "merge", OPERATION)
        await officer(*merge, first, "1", code=Exit.INPUT)  # a decision, no message
        await officer(*merge, first, second)
        await officer(*merge, second, third)
        told = await officer(*merge, third, first, code=Exit.INPUT)
        assert f"entry {first} was itself merged into entry {third}" in told["error"]["detail"]
        warned = await officer("triage", "promote", OPERATION, third)
        (why := stage.folder / "why").write_text("mistaken")
        withdraw = ("withdraw", OPERATION, str(warned["seq"]), "--why-file", str(why))
        await officer(*withdraw)
        *_, last = await laid(stage, 1)
        told = await officer(*merge, str(last), str(warned["seq"]), code=Exit.INPUT)
        assert "withdrawn" in told["error"]["detail"]


async def test_who_decides_second_in_the_same_moment_hears_it(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        (seq,) = await laid(stage, 1)
        await stage.look(*MEMBERS)
        loop, post = asyncio.get_running_loop(), Channel.post
        decided: list[bool] = []

        async def other() -> None:
            channel = (await stage.operation(ANALYST)).channel(ALERTS)
            (one,) = [item for item in stage.messages(ANALYST) if item.place.seq == seq]
            await post(channel, HIT, dismissal(ground=Ground.NO_FINDING), re=one)

        async def late(self: Channel, *given: Any, **named: Any) -> Posted:
            if not decided:
                decided.append(True)
                first = asyncio.run_coroutine_threadsafe(other(), loop)
                await asyncio.wrap_future(first)
            return await post(self, *given, **named)

        monkeypatch.setattr(Channel, "post", late)
        told = await Desk(stage, OFFICER)._run(
            ("triage", "promote", OPERATION, str(seq), "--json"), "", Exit.REFUSED
        )
        assert json.loads(told.stdout)["seq"] > seq  # it is in the log all the same
        assert json.loads(told.stderr)["error"]["code"] == "hit_decided"


async def test_a_hit_under_h2_is_not_copied_out_by_triage(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        secret = {"matched": ["J. Kowalski"], "handling": ["H2"]}
        await (await stage.operation(BOT)).channel(ALERTS).drop("HIT", {**hit(1), **secret})
        await stage.look(*MEMBERS)
        officer = Desk(stage, OFFICER)
        (row,) = (await officer("triage", "list", OPERATION))["hits"]
        assert row["content"] is None
        assert "manifest-1" not in await officer.text("triage", "list", OPERATION)  # a pipe
        decide = ("triage", "promote", OPERATION, str(row["seq"]))
        await officer(*decide)
        assert (await officer(*decide))["content"] is None


async def test_a_warning_is_made_of_what_a_hit_says_now_with_all_that_goes_with_it(
    stages: Stages,
) -> None:
    """Its administration set a number right and put H2 on; the second hit it took back."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        alerts = (await stage.operation(BOT)).channel(ALERTS)
        graded = {"grading": {"scale": "4x4", "source": "B", "information": "2"}}
        marks = {**graded, "caveats": ["not before the raid"]}
        await alerts.drop("HIT", {**hit(1), "identifiers": {"container": "CSQU3054383"}, **marks})
        await alerts.drop("HIT", hit(2))
        await stage.look(*MEMBERS)
        officer, analyst = Desk(stage, OFFICER), Desk(stage, ANALYST)
        first, second = (await officer("triage", "list", OPERATION))["hits"]
        right = {"identifiers": {"container": "MSCU6639870"}}
        changes = json.dumps({**right, "handling": ["H2"]})
        why = stage.folder / "why"
        why.write_text("typing error")
        because = ("--why-file", str(why))
        number = str(first["seq"])
        await analyst("correct", OPERATION, number, "--file", "-", *because, stdin=changes)
        await analyst("withdraw", OPERATION, str(second["seq"]), *because)
        (row,) = (await officer("triage", "list", OPERATION))["hits"]
        assert (row["seq"], row["content"]) == (first["seq"], None)  # H2: no program copies it
        made = await officer("triage", "promote", OPERATION, number)
        await stage.look(ANALYST)
        warning = next(
            one for one in stage.messages(ANALYST) if one.place.leaf.hex() == made["leaf"]
        )
        await stage.leave(ANALYST)
        said = warning.content
        assert said is not None
        assert {name: said.get(name) for name in (*right, *marks, "handling")} == {
            **right,
            **marks,
            "handling": ["H2"],
        }
        told = await officer("triage", "promote", OPERATION, str(second["seq"]), code=Exit.REFUSED)
        assert told["error"]["code"] == "hit_decided"
        assert "withdrawn by BE-007" in told["error"]["detail"]
        assert "withdrawn" in await officer.text("triage", "list", OPERATION, "--all")
