"""Offboarding where something is in its way: a suspension, a channel that is over, a cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission, Message
from cencomm_client.errors import SuccessorNeeded
from cencomm_client.offboarding import Offboarded
from cencomm_client.operation import Operation
from cencomm_client.work import authoring
from cencomm_crypto.errors import ErrorCode, ProtocolError

from tests.lifecycle.said import task
from tests.support.counter import Town
from tests.unit.client.test_work import code, manned

COORDINATOR, GERMAN, OFFICER, SECOND = range(4)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, members=4)


async def settled(town: Town) -> list[Operation]:
    """Coordinators of FR and DE, and a channel of both; reads to the newest."""
    fr, de, officer = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await de.refresh()
    return [fr, de, officer]


async def without_germany(fr: Operation, town: Town, tasks_to: str | None = None) -> Offboarded:
    await fr.set_role(code(town, GERMAN), "officer")
    return await fr.offboard("DE", tasks_to=tasks_to)


async def test_a_suspended_operation_loses_the_administration_and_keeps_its_tasks(
    town: Town,
) -> None:
    fr, _, _ = await settled(town)
    asked = await fr.channel("alpha").post("TSK", task("DE"))
    await fr.suspend()
    done = await without_germany(fr, town, tasks_to="FR")
    assert done.removed == tuple(sorted([code(town, GERMAN), code(town, SECOND)]))
    assert ([row.leaf for row in done.tasks], done.handed_on) == ([asked.leaf], ())


async def test_a_task_is_not_handed_to_who_cannot_read_it(town: Town) -> None:
    town.directory.administration("IT")
    fr, _, _ = await settled(town)
    asked = await fr.channel("alpha").post("TSK", task("DE"))
    with pytest.raises(ProtocolError) as refused:
        await without_germany(fr, town, tasks_to="IT")
    assert refused.value.code == ErrorCode.NOT_MEMBER
    done = await fr.offboard("DE")
    assert ([row.leaf for row in done.tasks], done.handed_on) == ([asked.leaf], ())
    assert [row.leaf for row in fr.open_tasks()] == [asked.leaf]


async def test_cut_off_between_two_tasks_it_hands_each_on_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    fr, _, _ = await settled(town)
    place = fr.channel("alpha")
    await place.post("TSK", task("DE"))

    async def cut(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(Operation, "remove", cut)
        sealed = fr._poster.seal
        posts = 0

        async def once(*given: object, **named: object) -> object:
            nonlocal posts
            posts += 1
            return await (sealed(*given, **named) if posts == 1 else cut())  # type: ignore[arg-type]  # handed through

        patched.setattr(fr._poster, "seal", once)
        with pytest.raises(ConnectionError):
            await without_germany(fr, town, tasks_to="FR")
    await fr.offboard("DE", tasks_to="FR")
    assert [row.assignee for row in fr.open_tasks()] == ["FR"]


async def test_what_is_handed_on_is_the_task_as_it_stands(town: Town) -> None:
    fr, _, _ = await settled(town)
    asked = await fr.channel("alpha").post("TSK", task("DE"))
    await authoring.correct(fr, asked.leaf, {"task": "count the pallets"}, "misread")
    await without_germany(fr, town, tasks_to="FR")
    (left,) = fr.open_tasks()
    (now,) = [one for one in fr.items() if isinstance(one, Message) and one.place.seq == left.seq]
    assert now.content is not None
    assert now.content["task"] == "count the pallets"


async def test_a_side_that_is_suspended_can_decide_nothing_and_counts_for_none(
    town: Town,
) -> None:
    italy, spain = (town.directory.administration(code) for code in ("IT", "ES"))
    silent, agent = (town.directory.person(administration) for administration in (italy, spain))
    fr, _, _ = await settled(town)
    await fr.refresh()
    await fr.admit([Admission(silent.code, "coordinator"), Admission(agent.code, "officer")])
    town.directory.suspend_administration(italy)
    with pytest.raises(SuccessorNeeded, match=agent.code):
        await fr.offboard("DE")


async def test_a_successor_of_the_one_side_left_is_no_second_side(town: Town) -> None:
    italy = town.directory.administration("IT")
    agent = town.directory.person(italy)
    fr, _, _ = await settled(town)
    await fr.refresh()
    await fr.admit([Admission(agent.code, "officer")])
    with pytest.raises(SuccessorNeeded, match=agent.code):
        await fr.offboard("DE", successor=code(town, OFFICER))
    done = await fr.offboard("DE", successor=agent.code)
    assert done.successor == agent.code


async def test_where_no_third_side_is_there_a_successor_is_enough(town: Town) -> None:
    _, de, _ = await settled(town)
    await de.offboard("FR", successor=code(town, SECOND))
    await de.refresh()
    assert {one.admin for one in de.members()} == {town.people[GERMAN].administration.id}


async def test_the_last_who_coordinates_neither_goes_nor_steps_back(town: Town) -> None:
    fr, _, _ = await manned(town)
    size = town.operation.log.size
    for step in (
        fr.remove([code(town, COORDINATOR), code(town, OFFICER)]),
        fr.set_role(code(town, COORDINATOR), "officer"),
    ):
        with pytest.raises(SuccessorNeeded):
            await step
    assert town.operation.log.size == size
    await fr.set_role(code(town, GERMAN), "coordinator")
    town.directory.suspend(town.people[GERMAN])
    await fr.refresh()
    with pytest.raises(SuccessorNeeded):
        await fr.remove([code(town, COORDINATOR)])
    await fr.remove([code(town, GERMAN)])
    await fr.set_role(code(town, OFFICER), "coordinator")
    await fr.set_role(code(town, COORDINATOR), "officer")


async def test_a_successor_can_act(town: Town) -> None:
    agent = town.directory.person(town.directory.administration("IT"))
    fr, _, _ = await settled(town)
    await fr.refresh()
    await fr.admit([Admission(agent.code, "officer")])
    town.directory.suspend(agent)
    with pytest.raises(ProtocolError) as refused:
        await fr.offboard("DE", successor=agent.code)
    assert refused.value.code == ErrorCode.INACTIVE
