"""The stage itself: honest, everybody reads and writes, live or not, and nothing alarms."""

from __future__ import annotations

from tests.mallory.harness import Stages
from tests.mallory.world import ALERTS, ANALYST, CHIEF, MEMBERS, OFFICER, WARNING
from tests.support.waiting import until


async def test_an_honest_stage_carries_messages_and_alarms_nobody(stages: Stages) -> None:
    async with stages() as stage:
        for code in MEMBERS:
            await (await stage.client(code)).go_live()
        officer = await stage.operation(OFFICER)
        await officer.channel(ALERTS).post("MSG", {"text": "seen"})
        await until(lambda: all(stage.texts(code)[-1] == "seen" for code in MEMBERS))
        stage.quiet()


async def test_stages_do_not_share_anything(stages: Stages) -> None:
    async with stages() as first:
        chief = await first.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "here"})
    async with stages() as second:
        await second.look(CHIEF, ANALYST)
        assert second.texts(ANALYST) == [WARNING]
        assert second.size(CHIEF) == second.head().size
