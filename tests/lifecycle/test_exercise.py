"""An exercise and what is real never mix: no reference either way, no release, marks on all."""

from __future__ import annotations

import pytest
from cencomm_client import Admission, Flag, Operation
from cencomm_client.errors import ExerciseMixed
from cencomm_client.items import Control, Message
from cencomm_client.plan import OperationPlan

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import ALERTS, CHIEF, DEPUTY, HOUR_MS, MEMBERS, OFFICER
from tests.support.loopback import now_ms


async def drill(stage: Stage) -> Operation:
    """A live exercise of the chief's, with the deputy and the officer."""
    await stage.look(*MEMBERS)
    now = now_ms()
    made = await (await stage.client(CHIEF)).create_operation(
        OperationPlan(
            name="DRILL",
            not_before=now - HOUR_MS,
            not_after=now + HOUR_MS,
            legal="test",
            exercise=True,
        )
    )
    await made.create_channel("play")
    await made.admit([Admission(DEPUTY, "ncp"), Admission(OFFICER, "officer")])
    for phase in ("prep", "live"):
        await made.set_phase(phase)
    return made


async def test_neither_refers_to_the_other(stages: Stages) -> None:
    async with stages() as stage:
        made = await drill(stage)
        real = (await stage.operation(CHIEF)).channel(ALERTS)
        play = made.channel("play")
        played = await play.post("MSG", {"text": "a lorry of cardboard"})
        said = await real.post("MSG", {"text": "a lorry"})
        for place, referred in ((real, played), (play, said)):  # before they are read back
            with pytest.raises(ExerciseMixed):
                await place.post("MSG", {"text": "see there"}, re=referred)
        await made.refresh()
        size = stage.head().size, made.state.size
        shown = [item for item in made.items() if isinstance(item, Message)]
        for place, item in ((real, shown[-1]), (play, stage.messages(CHIEF)[-1])):
            with pytest.raises(ExerciseMixed, match=r"DRILL|MERIDIAN"):
                await place.post("MSG", {"text": "see there"}, re=item)
        for place, leaf in ((real, played.leaf), (play, said.leaf)):
            for kind, content in (
                ("WDR", {"target": leaf, "reason": "x"}),
                ("FBK", {"outcome": "seizure", "seizure": leaf}),
            ):
                with pytest.raises(ExerciseMixed):
                    await place.post(kind, content)
        assert (stage.head().size, made.state.size) == size
        await play.post("MSG", {"text": "see there"}, re=played)
        await real.post("FBK", {"outcome": "seizure", "seizure": bytes(32)}, re=said)


async def test_every_item_of_it_is_marked(stages: Stages) -> None:
    async with stages() as stage:
        made = await drill(stage)
        await made.channel("play").post("MSG", {"text": "a lorry of cardboard"})
        theirs = await (await stage.client(OFFICER)).operation("DRILL")
        await theirs.refresh()
        for operation in (made, theirs):
            assert operation.exercise
            items = [item for item in operation.items() if isinstance(item, Message | Control)]
            assert items
            assert all(Flag.EXERCISE in item.flags for item in items)
        assert [row.exercise for row in stage.clients[CHIEF].operations()] == [False, True]
        real = stage.shown(CHIEF).items()
        marks = [item.flags for item in real if isinstance(item, Message | Control)]
        assert not any(Flag.EXERCISE in flags for flags in marks)


async def test_nothing_of_it_is_released(stages: Stages) -> None:
    """Not by the extract, which leaves each entry out, nor by a program that makes the body."""
    async with stages() as stage:
        made = await drill(stage)
        posted = await made.channel("play").post("MSG", {"text": "a lorry of cardboard"})
        theirs = await (await stage.client(DEPUTY)).operation("DRILL")
        await made.refresh()
        size = made.state.size
        body = {"entry": posted.leaf, "fields": [], "use": "CEN", "manifest": bytes(32)}
        with pytest.raises(ExerciseMixed):
            await theirs.release(body)
        await made.refresh()
        assert made.state.size == size
