"""A43: the clock is poisoned so that clients close and reveal. They alarm, and close nothing."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from cencomm_client.errors import Stopped
from cencomm_config.errors import ServiceCode
from cencomm_crypto.public.phases import Phase
from cencomm_server.engine.clock import SKEW_MS, Clock

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    CHIEF,
    DEPUTY,
    GRACE_MS,
    MEMBERS,
    OFFICER,
    PLAN,
    WARNING,
    WINDOW_MS,
)

MINUTE_MS = 60_000


class Poisoned(Clock):
    """Ahead of everybody's by what a test says."""

    by_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.by_ms


def poison(stage: Stage, by_ms: int) -> None:
    """The host moves its clock while the server runs."""
    clock = stage.server.logs.clock
    clock.__class__ = Poisoned
    clock.by_ms = by_ms  # type: ignore[attr-defined]


@pytest.mark.parametrize("by_ms", [0, 4 * MINUTE_MS, 6 * MINUTE_MS, WINDOW_MS + GRACE_MS])
async def test_entries_ahead_of_ones_own_clock(stages: Stages, by_ms: int) -> None:
    """Up to five minutes are a difference; beyond it the log stops, open and unrevealed."""
    believed = by_ms <= 5 * MINUTE_MS
    async with stages() as stage:
        await stage.look(*MEMBERS)
        poison(stage, by_ms)
        late = stage.message(ANALYST, ALERTS, "what is the time?")
        refused = await stage.offer(ANALYST, late)
        if by_ms > WINDOW_MS:
            assert refused == "closed"  # nobody can even speak: it needs an entry all the same
            chief = stage.sign(CHIEF, stage.header(CHIEF, "operation.close"), {})
            assert not await stage.offer(CHIEF, chief)
        await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            with nullcontext() if believed else pytest.raises(Stopped):
                await stage.shown(code).tend()  # what a live client does by itself
            assert stage.shown(code).state.closed_at is None
            assert stage.shown(code).phase is Phase.LIVE
            assert not stage.shown(code).state.channels[stage.chan(ALERTS)].reveals
            said = [WARNING, PLAN, "what is the time?"] if believed else [WARNING, PLAN]
            assert stage.texts(code) == said
        if believed:
            stage.quiet()
            return
        stage.expect({"A43"}, *MEMBERS)
        posting = stage.shown(OFFICER).channel(ALERTS).post("MSG", {"text": "?"}, patience_s=0.5)
        assert await refusal(posting) == "stopped"


async def test_own_clock_alone_closes_nothing_early(stages: Stages) -> None:
    """The device's clock is wrong, not the server's: it stops by itself, and closes nothing."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        stage.ahead_ms = WINDOW_MS + GRACE_MS + MINUTE_MS
        poison(stage, -stage.ahead_ms)
        await stage.shown(OFFICER).tend()
        posting = stage.shown(OFFICER).channel(ALERTS).post("MSG", {"text": "?"}, patience_s=0.5)
        assert await refusal(posting) == "out_of_window"
        stage.ahead_ms = 0
        poison(stage, 0)
        await stage.look(CHIEF)
        assert stage.shown(CHIEF).state.closed_at is None
        assert not stage.controls(CHIEF, "operation.close")
        assert stage.shown(CHIEF).phase is Phase.LIVE
        stage.quiet()


@pytest.mark.parametrize("by_ms", [0, SKEW_MS - 5_000, SKEW_MS + 30_000])
async def test_a_server_does_not_write_on_behind_its_log(stages: Stages, by_ms: int) -> None:
    """After a time ahead, a clock set right again: less than a minute is waited out in `at`,
    beyond it nothing is taken until time has caught up."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        poison(stage, by_ms)
        assert not await stage.offer(CHIEF, stage.message(CHIEF, ALERTS, "ahead"))
        poison(stage, 0)
        await stage.look(CHIEF)
        refused = await stage.offer(CHIEF, stage.message(CHIEF, ALERTS, "set right"))
        assert refused == ("" if by_ms < SKEW_MS else ServiceCode.CLOCK_JUMPED)
        stage.quiet()
