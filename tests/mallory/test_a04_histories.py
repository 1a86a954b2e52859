"""A4: rollback, fork, split view: a server that signs two histories of one log."""

from __future__ import annotations

import pytest
from cencomm_client.errors import ReplicaBehind
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.wire import Sequenced, sequence
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stages
from tests.mallory.hostile import honest_then_telling, tell
from tests.mallory.world import ALERTS, ANALYST, CHIEF, MEMBERS, OFFICER, PLAN, WARNING


@honest_then_telling
@pytest.mark.parametrize("forgets", [False, True], ids=["", "after_a_reinstallation"])
async def test_a_rollback(stages: Stages, reading: type[Reading], forgets: bool) -> None:
    """A well-signed log that ends before what this device, or just its vault, has seen."""
    async with stages(Reading=reading) as stage:
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "call it off"})
        await stage.look(OFFICER)
        seen = stage.size(OFFICER)
        await stage.leave(OFFICER, forgets=forgets)
        tell(stage, lambda items: items[: seen - 1])
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER) == [WARNING, PLAN, "call it off"]
            return
        assert stage.rows(OFFICER) == {"A4"}
        if forgets:
            assert stage.log not in stage.station(OFFICER).mirror.operations
        else:
            assert stage.texts(OFFICER)[-1] == "call it off"
            assert stage.size(OFFICER) == seen


async def test_an_old_replica_put_back(stages: Stages) -> None:
    """Whoever can write to the device's disk takes its replica back, not its vault."""
    async with stages() as stage:
        await stage.look(OFFICER)
        await stage.leave(OFFICER)
        old = (stage.folder / f"{OFFICER}.replica").read_bytes()
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "call it off"})
        await stage.look(OFFICER)
        stage.quiet()
        await stage.leave(OFFICER)
        (stage.folder / f"{OFFICER}.replica").write_bytes(old)
        with pytest.raises(ReplicaBehind) as caught:
            await stage.client(OFFICER)
        assert caught.value.row == "A4"


@honest_then_telling
async def test_a_split_view_shows_at_the_first_entry_that_crosses(
    stages: Stages, reading: type[Reading]
) -> None:
    """The officer is told another message at the place of the chief's; both are really signed."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        fork = stage.head().size
        other = stage.message(ANALYST, ALERTS, "nothing to see here")
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "control the lorry"})

        def split(items: list[Sequenced]) -> list[Sequenced]:
            told = sequence(fork, items[fork].at, other)
            return [*items[:fork], told, *items[fork + 1 :]]

        tell(stage, split, to=OFFICER)
        await stage.look(*MEMBERS)
        stage.quiet()  # each side alone is a log that an honest server could have
        await chief.channel(ALERTS).post("MSG", {"text": "at pier 4"})
        await stage.look(*MEMBERS)
        mine = stage.message(
            OFFICER, ALERTS, "on my way", seen=stage.station(OFFICER).mirror.head(stage.log)
        )
        refused = await stage.offer(OFFICER, mine)
        if reading is Reading:
            stage.quiet()
            assert not refused
            assert stage.texts(OFFICER)[-2:] == ["control the lorry", "at pier 4"]
            return
        stage.expect({"A4"}, OFFICER)
        assert stage.texts(OFFICER) == [WARNING, PLAN, "nothing to see here"]
        assert refused == ErrorCode.WRONG_HEAD  # and the other way round
        stage.quiet(CHIEF, ANALYST)


@honest_then_telling
async def test_a_fork_is_not_healed_by_telling_the_truth_again(
    stages: Stages, reading: type[Reading]
) -> None:
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        size = stage.head().size
        other = stage.message(ANALYST, ALERTS, "nothing to see here")
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("MSG", {"text": "control the lorry"})
        tell(
            stage, lambda items: [*items[:size], sequence(size, items[size].at, other)], to=OFFICER
        )
        await stage.look(OFFICER)
        tell(stage, lambda items: items)
        await stage.look(OFFICER)
        await chief.channel(ALERTS).post("MSG", {"text": "at pier 4"})
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-2:] == ["control the lorry", "at pier 4"]
        else:
            stage.expect({"A4"}, OFFICER)
            assert stage.texts(OFFICER)[2:] == ["nothing to see here"]
            kept = stage.station(OFFICER).mirror.alarms(stage.log)
            assert len({item.data for item in kept}) >= 2  # both signed notes: proof for anybody


@honest_then_telling
async def test_an_own_entry_that_was_acknowledged_and_is_gone(
    stages: Stages, reading: type[Reading]
) -> None:
    """The receipt is a signed promise: the log that is told later must keep it."""
    async with stages(Reading=reading) as stage:
        await stage.look(*MEMBERS)
        size = stage.head().size
        other = stage.message(ANALYST, ALERTS, "nothing to see here")
        tell(
            stage,
            lambda items: (
                [*items[:size], sequence(size, items[-1].at, other)] if len(items) > size else items
            ),
            to=OFFICER,
        )
        officer = await stage.operation(OFFICER)
        entry = stage.message(OFFICER, ALERTS, "I take it")
        await officer._poster.sender.submit(entry)
        await stage.look(OFFICER)
        if reading is Reading:
            stage.quiet()
            assert stage.texts(OFFICER)[-1] == "I take it"
        else:
            stage.expect({"A4"}, OFFICER)
            assert stage.texts(OFFICER) == [WARNING, PLAN]
