"""A18, A22: a malicious rotator gives some members garbage, or puts garbage into the escrow.

The server cannot see it: every root rebuilds. The members' own clients recompute everything,
flag the epoch, seal nothing in it and rotate from the newest good one, with nobody asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.escrow import seal_escrow
from cencomm_crypto.member.flag import FlagReason
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.operation.recipients import Recipient, ShareHolder
from cencomm_crypto.public.primitives import sha256

from tests.mallory.harness import Stage, Stages
from tests.mallory.insiders import honest_wrap, rotation, secret_of
from tests.mallory.world import ALERTS, ANALYST, CHIEF, CONTACT, DEPUTY, OFFICER, WARNING
from tests.support.waiting import until

HONEST = (CHIEF, DEPUTY, CONTACT, OFFICER)
Cheat = Mapping[str, Any]


def garbage_for(*codes: str) -> Any:
    """Some get bytes that open to nothing."""

    def cheat(stage: Stage) -> Cheat:
        victims = {stage.device(code) for code in codes}

        def wraps(secret: EpochSecret, row: Recipient) -> bytes:
            return (
                sha256(row.device) * 3 + bytes(16)
                if row.device in victims
                else honest_wrap(secret, row)
            )

        return {"wraps": wraps}

    return cheat


def anothers_wrap(stage: Stage) -> Cheat:
    """The officer gets what was wrapped to the deputy."""
    officer, deputy = stage.device(OFFICER), stage.device(DEPUTY)

    def wraps(secret: EpochSecret, row: Recipient) -> bytes:
        if row.device == officer:
            box_pk = stage.station(ANALYST).directory.devices[deputy].box_pk
            return honest_wrap(secret, Recipient(deputy, box_pk, row.person))
        return honest_wrap(secret, row)

    return {"wraps": wraps}


def body(**changed: Any) -> Any:
    """One field of the rotate's body is replaced."""

    def cheat(stage: Stage) -> Cheat:
        return {"body": lambda secret, made: {**made, **changed}}

    return cheat


def swapped_shares(stage: Stage) -> Cheat:
    """Each auditor gets what nobody can open."""

    def shares(holder: ShareHolder, share: bytes) -> bytes:
        return share if holder.x == 1 else bytes(112)

    return {"shares": shares}


def escrow_of_another(stage: Stage) -> Cheat:
    """A sound escrow, of another secret."""

    def changed(secret: EpochSecret, made: dict[str, Any]) -> Cheat:
        return {**made, "escrow": seal_escrow(EpochSecret(sha256(b"other"), secret.context))}

    return {"body": changed}


CHEATS = {
    "garbage for one": (garbage_for(OFFICER), FlagReason.WRAPS),
    "garbage for most": (garbage_for(OFFICER, DEPUTY, CONTACT), FlagReason.WRAPS),
    "another's wrap": (anothers_wrap, FlagReason.WRAPS),
    "false drop key": (body(drop_pk=BoxKey.from_seed(bytes(32)).public), FlagReason.DROP_KEY),
    "false link": (body(prev_link=bytes(48)), FlagReason.PREVIOUS_LINK),
    "false close link": (body(prev_close=bytes(48)), FlagReason.PREVIOUS_CLOSE),
    "false close commit": (body(close_commit=bytes(32)), FlagReason.CLOSE_COMMIT),
    "garbage escrow": (body(escrow=bytes(48)), FlagReason.ESCROW),
    "escrow of another secret": (escrow_of_another, FlagReason.ESCROW),
    "a share that does not open": (swapped_shares, FlagReason.SHARES),
}


async def test_an_honest_rotation_by_the_same_member_is_used(stages: Stages) -> None:
    async with stages() as stage:
        await enter(stage)
        entry, beside = rotation(stage, ANALYST)
        await stage.post(ANALYST, entry, **beside)
        await until(lambda: all(secret_of(stage, code, n=2) for code in HONEST))
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "on we go"})
        await until(lambda: all(stage.texts(code)[-1] == "on we go" for code in HONEST))
        assert all(stage.messages(code)[-1].epoch == 2 for code in HONEST)
        assert not stage.controls(OFFICER, "channel.flag")
        stage.quiet()


@pytest.mark.parametrize("name", CHEATS)
async def test_a_bad_epoch_is_flagged_and_left_by_itself(stages: Stages, name: str) -> None:
    cheat, reason = CHEATS[name]
    async with stages() as stage:
        await enter(stage)
        entry, beside = rotation(stage, ANALYST, **cheat(stage))
        await stage.post(ANALYST, entry, **beside)  # the server sees nothing wrong
        await until(lambda: all(epoch_of(stage, code).n > 2 for code in HONEST))
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "on we go"})
        await until(lambda: all(stage.texts(code)[-1] == "on we go" for code in HONEST))
        for code in HONEST:
            assert stage.texts(code)[0] == WARNING
            assert [item.epoch for item in stage.messages(code) if item.epoch == 2] == []
            flags = stage.controls(code, "channel.flag")
            assert {(item.body["n"], str(item.body["code"])) for item in flags} <= {
                (2, str(reason)),
                (2, str(FlagReason.OWN_WRAP)),
            }
            assert flags
            assert epoch_of(stage, code, 3).p == 1  # the newest good one
            assert stage.rows(code) == {"A18"}


async def enter(stage: Stage) -> None:
    """Everybody honest is live; the analyst works by hand."""
    await stage.look(ANALYST)
    for code in HONEST:
        await stage.look(code)
        await stage.clients[code].go_live()


def epoch_of(stage: Stage, code: str, n: int | None = None) -> Any:
    """An epoch of `alerts` as a device knows it; the newest by default."""
    state = stage.shown(code).state
    channel = state.channels[stage.chan(ALERTS)]
    return channel.epochs[n or channel.epoch]
