"""A31: a bot's host is taken over. Whoever has it reads nothing, and writes drops in one channel.

Of the kinds, and as many an hour, as its admission says: the server refuses the rest, and readers
name what a careless one lets through.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from cencomm_client.errors import Refused, TryLater
from cencomm_client.items import Flag
from cencomm_client.triage import HIT, dismissal
from cencomm_config.forms import FormInvalid
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.result import open_result
from cencomm_server.engine.append import Appends

from tests.lifecycle.said import WARNED, withdrawal
from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by, secret_of
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    BOT,
    CHIEF,
    MEMBERS,
    OFFICER,
    OUTSIDER,
    PLAN,
    RAID,
    WARNING,
)
from tests.support.forms import hit, warning

RATE = 60  # of its admission, see `founding`


async def test_the_bots_vault_opens_nothing(stages: Stages) -> None:
    """With its keys and every byte of the server, not even its own hits."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await (await stage.operation(BOT)).channel(ALERTS).drop("HIT", hit("TOB-7"))
        await stage.look(*MEMBERS)
        assert stage.texts(OFFICER) == [WARNING, PLAN, "TOB-7"]
        assert await opened_by(stage, BOT, CHIEF) == {}
        assert stage.station(BOT).vault._contents.epochs == {}
        stage.quiet()


async def test_a_result_tells_the_bots_host_the_outcome_and_nothing_more(stages: Stages) -> None:
    """With every key of the vault: one word for its own hit; who was named and why stays sealed."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        await (await stage.operation(BOT)).channel(ALERTS).drop("HIT", hit("TOB-7"))
        await stage.look(*MEMBERS)
        (one,) = [item for item in stage.messages(OFFICER) if item.type == "drop"]
        officer = await stage.operation(OFFICER)
        await officer.channel(ALERTS).post(HIT, dismissal("J. Kowalski is ours"), re=one)
        await officer.tend()
        await stage.look(BOT)
        station = stage.station(BOT)
        entries = [found.entry for found in station.mirror.items(stage.log)]
        results = [one for one in entries if one and one.header.type == "drop.result"]
        told = [open_result(entry, station.vault.box_keys[0]) for entry in results]
        assert told == [{"outcome": "dismissed"}]
        assert await opened_by(stage, BOT, CHIEF) == {}
        stage.quiet()


def as_a_result(stage: Stage) -> tuple[str, dict[str, Any], Any]:
    body = {"re": bytes(32), "device": stage.device(BOT), "box": bytes(304)}
    return "drop.result", {"chan": stage.chan(ALERTS)}, body


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
    [
        as_a_message,
        into_another_channel,
        as_a_removal,
        as_an_admission,
        as_a_flag,
        as_a_result,
    ],
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


async def test_it_drops_no_more_an_hour_than_it_was_admitted_for(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        channel = (await stage.operation(BOT)).channel(ALERTS)
        for number in range(RATE):
            await channel.drop("HIT", hit(f"TOB-{number}"))
        with pytest.raises(TryLater) as refused:
            await channel.drop("HIT", hit("one more"), patience_s=0.1)
        assert refused.value.code == "rate_limited"
        assert refused.value.retry_after_s > 1
        await stage.look(*MEMBERS)
        assert len(stage.texts(OFFICER)) == 2 + RATE
        stage.quiet()


async def test_a_drop_that_is_no_form_is_shown_as_damaged(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot's own program checks nothing any more; every reader still does."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        channel = (await stage.operation(BOT)).channel(ALERTS)
        wrong = hit("stop") | {"identifiers": {"container": "CSQU3054384"}}
        with pytest.raises(FormInvalid, match="CSQU3054383"):
            await channel.drop("HIT", wrong)
        monkeypatch.setattr(
            "cencomm_client.channel.checked", lambda forms, kind, content, prio: dict(content)
        )
        await channel.drop("HIT", wrong)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            damage = stage.messages(code)[-1].damage
            assert damage is not None
            assert damage.code == "form_invalid"
            assert [error.path for error in damage.errors] == ["identifiers.container"]
        stage.quiet()


@honest_then_careless
async def test_it_takes_nothing_back_that_its_administration_said(
    stages: Stages, appends: type[Appends]
) -> None:
    """The log tells its host the leaf of every entry; a server that lets the drop in is no help."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, BOT)
        analyst = await stage.operation(ANALYST)
        warned = await analyst.channel(ALERTS).post("WRN", WARNED, to=[OFFICER])
        await stage.look(BOT)
        channel = (await stage.operation(BOT)).channel(ALERTS)

        async def unjudged(change: dict[str, Any]) -> dict[str, Any]:
            return change

        channel._right = unjudged  # type: ignore[method-assign]  # its host has a client of its own
        with suppress(Refused):  # by the honest server
            await channel.drop("WDR", withdrawal(warned.leaf))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            desk = (await stage.operation(code)).attend().refresh()
            chain = desk.chain(warned.leaf)
            assert chain is not None
            assert (chain.stand, chain.present.withdrawn) == ("waiting", None)
            assert len(chain.present.idle) == (appends is not Appends)


@honest_then_careless
async def test_it_drops_nothing_of_another_kind(stages: Stages, appends: type[Appends]) -> None:
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, BOT)
        channel = (await stage.operation(BOT)).channel(ALERTS)
        if appends is Appends:
            with pytest.raises(Refused) as refused:
                await channel.drop("WRN", warning("stop every lorry"))
            assert refused.value.code == ErrorCode.NOT_PERMITTED
        else:
            await channel.drop("WRN", warning("stop every lorry"))
        await stage.look(*MEMBERS)
        dropped = [item for item in stage.messages(OFFICER) if item.author.code == BOT]
        flags = {Flag.UNEXPECTED_KIND for item in dropped if Flag.UNEXPECTED_KIND in item.flags}
        assert len(dropped) == (appends is not Appends)
        assert flags == ({Flag.UNEXPECTED_KIND} if dropped else set())
