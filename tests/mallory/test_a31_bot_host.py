"""A31: a bot's host is taken over. Whoever has it reads nothing, and writes drops in one channel.

What kinds and how many an hour its admission allows is enforced by clients and server with
issue 5.
"""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by, secret_of
from tests.mallory.world import ALERTS, BOT, CHIEF, MEMBERS, OFFICER, OUTSIDER, PLAN, RAID, WARNING


async def test_the_bots_vault_opens_nothing(stages: Stages) -> None:
    """With its keys and every byte of the server, not even its own hits."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await (await stage.operation(BOT)).channel(ALERTS).drop("HIT", {"text": "TOB-7"})
        await stage.look(*MEMBERS)
        assert stage.texts(OFFICER) == [WARNING, PLAN, "TOB-7"]
        assert await opened_by(stage, BOT, CHIEF) == {}
        assert stage.station(BOT).vault._contents.epochs == {}
        stage.quiet()


def as_a_message(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    return "message", {"chan": stage.chan(ALERTS), "epoch": 1}, bytes(328)


def into_another_channel(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    return "drop", {"chan": stage.chan(RAID), "epoch": 1}, bytes(440)


def as_a_removal(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    return "members.remove", {}, {"persons": [stage.person(OFFICER)]}


def as_an_admission(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    return "members.admit", {}, {"members": [{"person": stage.person(OUTSIDER), "role": "officer"}]}


def as_a_flag(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    return "channel.flag", {"chan": stage.chan(ALERTS), "epoch": 1}, {"n": 1, "code": "wraps"}


@honest_then_careless
@pytest.mark.parametrize(
    "write",
    [as_a_message, into_another_channel, as_a_removal, as_an_admission, as_a_flag],
    ids=lambda write: write.__name__,
)
async def test_its_key_signs_nothing_else(
    stages: Stages, appends: type[Appends], write: Any
) -> None:
    """Really signed by the bot's device; without effect for everybody, and named."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, BOT, OUTSIDER)
        kind, fields, body = write(stage)
        refused = await stage.offer(BOT, stage.sign(BOT, stage.header(BOT, kind, **fields), body))
        await stage.look(*MEMBERS)
        chan = fields.get("chan", stage.chan(ALERTS))
        readers = [code for code in MEMBERS if secret_of(stage, code, RAID)] or list(MEMBERS)
        for code in readers if chan == stage.chan(RAID) else MEMBERS:
            state = stage.shown(code).state
            assert stage.person(OFFICER) in state.members
            assert stage.person(OUTSIDER) not in state.members
            assert BOT not in {item.author.code for item in stage.messages(code)}
            if appends is not Appends:
                assert stage.rows(code) == {"A1"}
        if appends is Appends:
            assert refused in (ErrorCode.NOT_PERMITTED, ErrorCode.NOT_MEMBER)
            stage.quiet()
        else:
            assert not refused
