"""A23: auditors read a running operation. Their shares open nothing before the close key is out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import CloseKey, EpochSecret
from cencomm_crypto.member.escrow import open_share, recover
from cencomm_crypto.member.links import context_at
from cencomm_crypto.member.message import open_message
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends
from cencomm_server.engine.items import sequenced

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import opened_by
from tests.mallory.world import (
    ALERTS,
    AUDITORS,
    CHIEF,
    GRACE_MS,
    MEMBERS,
    OFFICER,
    WARNING,
    WINDOW_MS,
)
from tests.support.waiting import until


async def shares(stage: Stage, *codes: str) -> dict[int, bytes]:
    """What these auditors take out of the wraps of the first epoch of `alerts`."""
    state, chan = stage.shown(OFFICER).state, stage.chan(ALERTS)
    found: dict[int, bytes] = {}
    for code in codes:
        station = stage.station(code)
        own = await station.transport.wraps(stage.log, chan, 1)
        for x, wrapped in own.shares:
            found[x] = open_share(wrapped, station.vault.box_key, context_at(state, chan, 1))
    return found


def opened(stage: Stage, held: dict[int, bytes], keys: list[bytes]) -> EpochSecret | None:
    """The epoch's secret, from shares and whatever may serve as the close key."""
    state, chan = stage.shown(OFFICER).state, stage.chan(ALERTS)
    epoch, context = state.channels[chan].epochs[1], context_at(state, chan, 1)
    for key in keys:
        with suppress(ProtocolError):
            return recover(
                epoch.body["escrow"], CloseKey(key, context), held, 2, 2, epoch.commit
            ).secret
    return None


async def public_bytes(stage: Stage) -> list[bytes]:
    """Every 32 bytes of the log that an auditor, or the host, could try as a key."""
    docs = await stage.server.store.read_entries(stage.log, 0, stage.head().size)
    entries = [entry for doc in docs if (entry := sequenced(doc).entry) is not None]
    bodies = [entry.body for entry in entries if entry.body is not None]
    fields = [value for body in bodies for value in body.values() if isinstance(value, bytes)]
    return [field for field in fields if len(field) == 32] + [sha256(b""), bytes(32)]


async def test_all_auditors_together_open_nothing_while_it_runs(stages: Stages) -> None:
    """k of n shares, every wrap and byte of the server; after the close the same shares open."""
    async with stages() as stage:
        await stage.look(*MEMBERS, *AUDITORS)
        held = await shares(stage, *AUDITORS)
        assert sorted(held) == [1, 2]
        assert opened(stage, held, await public_bytes(stage)) is None
        for code in AUDITORS:
            assert await opened_by(stage, code, CHIEF) == {}
            assert stage.log not in stage.station(code).mirror.operations
        await stage.clients[CHIEF].go_live()
        stage.ahead_ms = WINDOW_MS + GRACE_MS + 60_000
        stage.shown(CHIEF).wake()
        await until(lambda: len(stage.shown(CHIEF).channel(ALERTS).state.reveals))
        await stage.look(OFFICER)
        (revealed,) = stage.shown(OFFICER).channel(ALERTS).state.reveals.values()
        assert opened(stage, {1: held[1]}, [revealed]) is None  # one of two is none
        secret = opened(stage, held, [revealed])
        assert secret is not None
        docs = await stage.server.store.read_entries(stage.log, 0, stage.head().size)
        said = [
            open_message(entry, secret)["content"]
            for doc in docs
            if (entry := sequenced(doc).entry) is not None
            and (entry.header.type, entry.header.chan) == ("message", stage.chan(ALERTS))
        ]
        assert said == [{"text": WARNING}]
        stage.quiet()


@honest_then_careless
@pytest.mark.parametrize("kind", ["audit.request", "audit.grant"])
async def test_an_opening_asked_for_before_the_close(
    stages: Stages, appends: type[Appends], kind: str
) -> None:
    """Early openings would be logged as if they were in order: they have no effect."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS, *AUDITORS)
        chan, auditor = stage.chan(ALERTS), AUDITORS[0]
        bodies = {
            "audit.request": {"chan": chan, "purpose": "curiosity"},
            "audit.grant": {
                "request": sha256(b"none"),
                "x": 1,
                "chan": chan,
                "n": 1,
                "share": bytes(112),
            },
        }
        entry = stage.sign(auditor, stage.header(auditor, kind), bodies[kind])
        refused = await stage.offer(auditor, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert not stage.shown(code).state.requests
            assert not stage.controls(code, kind)
        if appends is Appends:
            assert refused == ErrorCode.NOT_CLOSED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A23"}, *MEMBERS)
