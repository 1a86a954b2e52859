"""A29: an author's clock lies. What counts is the server's time, which never goes back."""

from __future__ import annotations

import pytest
from cencomm_client.items import Flag
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.wire import Sequenced, sequence
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stages
from tests.mallory.hostile import honest_then_telling, tell
from tests.mallory.world import ALERTS, ANALYST, CHIEF, HOUR_MS, MEMBERS, OFFICER, PLAN, WARNING

DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize("off_ms", [0, -DAY_MS, 365 * DAY_MS], ids=["honest", "behind", "ahead"])
async def test_a_members_clock(stages: Stages, off_ms: int) -> None:
    """Backdated or postdated: it stands where the server put it, and its claim is shown."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        claimed = stage.clock() + off_ms
        await stage.post(ANALYST, stage.message(ANALYST, ALERTS, "I was first", time=claimed))
        later = await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "no"})
        await stage.look(*MEMBERS)
        for code in (CHIEF, OFFICER):
            said = stage.messages(code)
            assert [item.content for item in said[-2:]] == [{"text": "I was first"}, {"text": "no"}]
            lied, true = said[-2:]
            assert true.place.seq == later.seq > lied.place.seq
            assert abs(lied.place.at - stage.clock()) < HOUR_MS
            assert (Flag.TIME_DIFFERS in lied.flags) == bool(off_ms)
            assert Flag.TIME_DIFFERS not in true.flags
            assert lied.time == claimed
        stage.quiet()


async def test_a_claim_moves_no_window(stages: Stages) -> None:
    """After the end, a message that claims to be of before it is refused all the same."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        state = stage.shown(OFFICER).state
        inside = state.window[1] - HOUR_MS
        stage.ahead_ms = DAY_MS
        entry = stage.message(ANALYST, ALERTS, "in time, surely", time=inside)
        assert await stage.offer(ANALYST, entry) == ErrorCode.CLOSED
        await stage.look(OFFICER)
        assert stage.texts(OFFICER) == [WARNING, PLAN]
        stage.quiet()


@honest_then_telling
async def test_a_server_that_lets_time_go_back(stages: Stages, reading: type[Reading]) -> None:
    """A message that is told as older than the one before it: the log stops there."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        size = stage.head().size
        chief = (await stage.operation(CHIEF)).channel(ALERTS)
        await chief.post("MSG", {"text": "one"})
        await chief.post("MSG", {"text": "two"})

        def back(items: list[Sequenced]) -> list[Sequenced]:
            entry = items[size + 1].entry
            assert entry is not None
            return [*items[: size + 1], sequence(size + 1, items[size].at - 1, entry)]

        tell(stage, back, to=OFFICER)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-2:] == ["one", "two"]
        else:
            stage.expect({"A6"}, OFFICER)  # what shows it is the order of the log
            assert "two" not in stage.texts(OFFICER)
