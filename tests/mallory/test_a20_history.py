"""A20: a joiner reads history it should not, or cannot read what it should.

`history` stands in the genesis; a rotate links the epoch before it exactly where it says `all`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from cencomm_client.plan import Admission, OperationPlan
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.grant import make_grant
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by, rotation, secret_of
from tests.mallory.world import ALERTS, ANALYST, CHIEF, HOUR_MS, OFFICER
from tests.support.waiting import until

BEFORE, AFTER = "before you came", "after you came"
History = Literal["all", "none"]
histories = pytest.mark.parametrize("history", ["all", "none"])


async def found(stage: Stage, history: History) -> None:
    """An operation of the chief and the officer in which something was said; the stage's own."""
    chief = await stage.client(CHIEF)
    now = stage.clock()
    operation = await chief.create_operation(
        OperationPlan(
            name=f"WITH {history.upper()}",
            not_before=now - HOUR_MS,
            not_after=now + HOUR_MS,
            legal="Nairobi Convention",
            history=history,
        )
    )
    stage.world = replace(stage.world, log=operation.id)
    await operation.create_channel(ALERTS)
    await operation.admit([Admission(OFFICER, "officer")])
    await operation.set_phase("prep")
    await operation.set_phase("live")
    await operation.channel(ALERTS).post("MSG", {"text": BEFORE})
    await stage.look(CHIEF, OFFICER)


async def admit(stage: Stage) -> None:
    """The analyst joins."""
    operation = stage.shown(CHIEF)
    await operation.admit([Admission(ANALYST, "analyst")])
    await stage.look(CHIEF, OFFICER, ANALYST)


@histories
async def test_a_joiner_reads_what_the_genesis_says(stages: Stages, history: History) -> None:
    """Everybody honest, everything by itself: one rotate for the join, and its link or none."""
    async with stages() as stage:
        await found(stage, history)
        await stage.clients[CHIEF].go_live()
        await admit(stage)
        await until(lambda: secret_of(stage, CHIEF, n=2))
        operation = stage.shown(CHIEF)
        await operation.channel(ALERTS).post("MSG", {"text": AFTER})
        await stage.look(OFFICER, ANALYST)
        expected = [BEFORE, AFTER] if history == "all" else [AFTER]
        assert stage.texts(ANALYST) == expected
        assert stage.texts(OFFICER) == stage.texts(CHIEF) == [BEFORE, AFTER]
        opened = await opened_by(stage, ANALYST, CHIEF)
        assert [text for text in opened.values() if text in (BEFORE, AFTER)] == expected
        stage.quiet()


@histories
@honest_then_careless
async def test_a_rotator_that_links_against_the_genesis(
    stages: Stages, appends: type[Appends], history: History
) -> None:
    """It gives the joiner what it should not read, or keeps from it what it should."""

    def other_way(secret: EpochSecret, made: dict[str, Any]) -> Mapping[str, Any]:
        body = dict(made)
        if history == "all":
            del body["prev_link"]
        else:
            previous = secret_of(stage, OFFICER)
            assert previous is not None
            body["prev_link"] = secret.seal_link(previous)
        return body

    async with stages(Appends=appends) as stage:
        await found(stage, history)
        await admit(stage)
        entry, beside = rotation(stage, OFFICER, body=other_way)
        refused = await stage.offer(OFFICER, entry, **beside)
        await stage.look(CHIEF, OFFICER, ANALYST)
        for code in (CHIEF, OFFICER, ANALYST):
            state = stage.shown(code).state
            assert state.channels[stage.chan(ALERTS)].epoch == 1
        assert stage.texts(ANALYST) == []
        if appends is Appends:
            assert refused == ErrorCode.BAD_EPOCH_LINK
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A7"}, CHIEF, OFFICER, ANALYST)


@histories
@honest_then_careless
async def test_a_grant_of_an_epoch_before_it_came(
    stages: Stages, appends: type[Appends], history: History
) -> None:
    """A late wrap for a joiner is good where history is; else it does not count for anybody."""
    async with stages(Appends=appends) as stage:
        await found(stage, history)
        await admit(stage)
        secret = secret_of(stage, OFFICER)
        assert secret is not None
        device = stage.station(OFFICER).directory.devices[stage.device(ANALYST)]
        body, wrap = make_grant(secret, device.id, device.box_pk)
        header = stage.header(OFFICER, "channel.grant", chan=stage.chan(ALERTS), epoch=1)
        refused = await stage.offer(OFFICER, stage.sign(OFFICER, header, body), wraps=wrap)
        await stage.look(CHIEF, OFFICER, ANALYST)
        if history == "all":
            assert not refused
            assert stage.texts(ANALYST) == [BEFORE]
            stage.quiet()
            return
        assert stage.texts(ANALYST) == []
        if appends is Appends:
            assert refused == ErrorCode.NOT_PERMITTED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A44"}, CHIEF, OFFICER, ANALYST)
