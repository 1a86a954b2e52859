"""A30: the server lets the window run on. Clients stop by themselves, and any member closes."""

from __future__ import annotations

from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.phases import Phase
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_careless
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
from tests.support.waiting import until

LATER_MS = 60_000


async def expect_silence(stage: Stage, *codes: str) -> None:
    """None of these clients seals anything."""
    before = stage.head().size
    for code in codes:
        operation = await stage.operation(code)
        posting = operation.channel(ALERTS).post("MSG", {"text": "one more"}, patience_s=0.5)
        assert await refusal(posting) == ErrorCode.OUT_OF_WINDOW
        assert stage.station(code).vault.outbox() == ()
    assert stage.head().size == before


@honest_then_careless
async def test_a_message_after_the_end(stages: Stages, appends: type[Appends]) -> None:
    """A member in league with the host goes on; nobody else does, and nobody is shown it."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        stage.ahead_ms = WINDOW_MS + GRACE_MS + LATER_MS
        await expect_silence(stage, CHIEF, DEPUTY, OFFICER)
        late = stage.message(ANALYST, ALERTS, "still here?")
        refused = await stage.offer(ANALYST, late)
        await stage.look(CHIEF, DEPUTY, OFFICER)
        for code in (CHIEF, DEPUTY, OFFICER):
            assert stage.texts(code) == [WARNING, PLAN]
            assert (await stage.operation(code)).phase is Phase.CLOSED
        if appends is Appends:
            assert refused == ErrorCode.CLOSED
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A30"}, CHIEF, DEPUTY, OFFICER)


@honest_then_careless
async def test_any_members_client_closes(stages: Stages, appends: type[Appends]) -> None:
    """The coordinators are away; an officer's client ends it and shows the close keys."""
    async with stages(Appends=appends) as stage:
        await stage.look(CHIEF)
        officer = await stage.client(OFFICER)
        await officer.go_live()
        stage.ahead_ms = WINDOW_MS + GRACE_MS + LATER_MS
        operation = await stage.operation(OFFICER)
        operation.wake()
        await until(lambda: operation.state.closed_at is not None)
        await until(lambda: operation.channel(ALERTS).state.closed_at is not None)
        await stage.look(CHIEF)
        (closed,) = stage.controls(CHIEF, "operation.close")
        assert closed.author.code == OFFICER
        stage.quiet()


class Stuck(Clock):
    """Stands still once it is told to."""

    stands_at: int | None = None

    def now_ms(self) -> int:
        return super().now_ms() if self.stands_at is None else self.stands_at


async def test_a_server_whose_clock_stands_still(stages: Stages) -> None:
    """It would take messages for ever; clients go by their own clock too."""
    for stuck in (False, True):
        async with stages() as stage:
            await stage.look(*MEMBERS)
            if stuck:
                stage.server.logs.clock.__class__ = Stuck
                stage.server.logs.clock.stands_at = stage.clock()  # type: ignore[attr-defined]
            stage.ahead_ms = WINDOW_MS + LATER_MS
            await expect_silence(stage, CHIEF, DEPUTY, OFFICER)
            late = stage.message(ANALYST, ALERTS, "still here?")
            assert await stage.offer(ANALYST, late) == ""  # the grace, or the server's word
            stage.ahead_ms += GRACE_MS
            later = stage.message(ANALYST, ALERTS, "and now?")
            refused = await stage.offer(ANALYST, later)
            assert refused == ("" if stuck else ErrorCode.CLOSED)
            await expect_silence(stage, CHIEF, DEPUTY, OFFICER)
            stage.quiet()
