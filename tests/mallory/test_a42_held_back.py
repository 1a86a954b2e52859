"""A42: a signed decision is held back and played into a later state. It was made over another."""

from __future__ import annotations

import asyncio

import pytest
from cencomm_client.plan import Admission
from cencomm_crypto.errors import ErrorCode
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stages
from tests.mallory.hostile import Holding, honest_then_careless
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    DEPUTY,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    PLAN,
    WARNING,
)
from tests.support.waiting import until


@honest_then_careless
async def test_an_admission_that_was_given_up(stages: Stages, appends: type[Appends]) -> None:
    """The chief admits somebody, no answer comes, another decision is made; then it is played."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, OUTSIDER)
        person = stage.person(OUTSIDER)
        body = {"members": [{"person": person, "role": "officer"}]}
        held = stage.sign(CHIEF, stage.header(CHIEF, "members.admit"), body)
        deputy = await stage.operation(DEPUTY)
        await deputy.hold("evidence in another case")
        refused = await stage.offer(CHIEF, held)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert person not in (await stage.operation(code)).state.members
            assert len((await stage.operation(code)).state.holds) == 1
        if appends is Appends:
            assert refused == ErrorCode.STALE_SEEN
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A42"}, *MEMBERS)


@pytest.mark.parametrize("holds", [False, True], ids=["honest", "holding"])
async def test_a_rotate_played_after_a_removal(stages: Stages, holds: bool) -> None:
    """The officer's rotate for all is kept back; the analyst is removed; then it is played."""
    async with stages(Appends=Holding) as stage:
        await stage.look(*MEMBERS)
        server, alerts = stage.server.part(Holding), stage.chan(ALERTS)
        rotating = stage.shown(OFFICER)._poster.sender.rotate(alerts, 2)
        if holds:
            server.holds = lambda entry: entry.header.type == "channel.rotate"
            waiting = asyncio.create_task(rotating)
            await until(lambda: server.held)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            server.holds = lambda entry: False
        else:
            assert await rotating
        chief = await stage.operation(CHIEF)
        await chief.remove([ANALYST])
        await server.play()
        await stage.look(CHIEF, DEPUTY, OFFICER)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert stage.shown(code).state.channels[alerts].epoch == (1 if holds else 2)
        await chief.channel(ALERTS).post("MSG", {"text": "without Belgium's analyst"})
        await stage.look(CHIEF, DEPUTY, OFFICER)
        for code in (CHIEF, DEPUTY, OFFICER):
            epoch = stage.shown(code).state.channels[alerts].current
            assert epoch is not None
            assert stage.device(ANALYST) not in epoch.recips
            assert stage.texts(code) == [WARNING, PLAN, "without Belgium's analyst"]
        stage.expect({"A42"} if holds else set(), CHIEF, DEPUTY, OFFICER)


async def test_the_author_signs_anew_over_what_came_in_between(stages: Stages) -> None:
    """An honest decision that lost the race is made again over the newer state, once."""
    async with stages() as stage:
        await stage.look(CHIEF, DEPUTY)
        chief, deputy = await stage.operation(CHIEF), await stage.operation(DEPUTY)
        await deputy.hold("evidence in another case")
        await chief.admit([Admission(OUTSIDER, "observer")])
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert stage.person(OUTSIDER) in (await stage.operation(code)).state.members
            assert len(stage.controls(code, "members.admit")) == 2
        stage.quiet()
