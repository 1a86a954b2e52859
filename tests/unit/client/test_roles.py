"""What somebody wrote is judged by what he was then, whatever he became since."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission
from cencomm_client.errors import HandlingForbids
from cencomm_client.handling import Way
from cencomm_client.items import Flag, Message
from cencomm_client.operation import Operation
from cencomm_client.view import OperationView
from cencomm_client.work.gate import Gate

from tests.support.counter import Town
from tests.support.operation import CLOSES
from tests.support.talk import warning
from tests.unit.client.test_work import MINUTE, bot, code, manned

COORDINATOR, GERMAN, OFFICER, EXPERT = range(4)
TASK = {
    "task": "count",
    "assignee": {"administration": "FR"},
    "mandatory": True,
    "due": CLOSES,
    "priority": "priority",
}

ASKED = {"legal_basis": "x", "question": "Who?", "deadline": CLOSES}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, members=4)


async def exports(operation: Operation, leaf: bytes) -> bool:
    """Whether handling lets an entry into a file."""
    await operation.refresh()
    gate = Gate(operation)
    message = gate.message(leaf)
    assert message is not None
    try:
        gate.check(message, Way.EXPORT)
    except HandlingForbids:
        return False
    return True


async def test_a_grant_stands_when_who_gave_it_steps_down_and_none_comes_of_a_later_role(
    town: Town,
) -> None:
    fr, de, colleague = await manned(town)
    alpha = fr.channel("alpha")
    secrets = [await alpha.post("WRN", warning(handling=["H2"])) for _ in range(2)]
    grants = [
        {"entry": one.leaf, "fields": ["*"], "use": "export", "decision": "granted"}
        for one in secrets
    ]
    await alpha.post("REL", grants[0])
    await colleague.refresh()
    await colleague.channel("alpha").post("REL", grants[1])
    assert [await exports(de, one.leaf) for one in secrets] == [True, False]
    await fr.set_role(code(town, OFFICER), "coordinator")
    await fr.set_role(code(town, COORDINATOR), "officer")
    assert [await exports(de, one.leaf) for one in secrets] == [True, False]
    await colleague.refresh()
    await colleague.channel("alpha").post("REL", grants[1])
    assert [await exports(de, one.leaf) for one in secrets] == [True, True]


async def test_a_task_is_ended_by_who_coordinated_then(town: Town) -> None:
    fr, de, _ = await manned(town)
    asked = await fr.channel("alpha").post("TSK", TASK)
    done = {**TASK, "state": "done"}
    await de.refresh()
    await de.channel("alpha").post("TSK", done, re=asked)
    await fr.set_role(code(town, GERMAN), "coordinator")
    assert [task.seq for task in fr.open_tasks()] == [asked.seq]
    await de.refresh()
    await de.channel("alpha").post("TSK", done, re=asked)
    await fr.set_role(code(town, GERMAN), "officer")
    assert fr.open_tasks() == ()
    assert fr.attend().refresh().snapshot(0).tasks == ()


async def test_a_reminder_counts_when_who_wrote_it_coordinates_no_more(town: Town) -> None:
    """Of who owes a coordinator's counts, and whom it asked may have left since."""
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, EXPERT)])
    town.operation.clock += 31 * MINUTE
    await de.refresh()
    assert len(await bot(de).once()) == 1
    await fr.refresh()
    await fr.set_role(code(town, GERMAN), "officer")
    await fr.remove([code(town, EXPERT)])
    assert bot(fr).due() == []


async def test_what_an_officer_was_told_who_became_an_expert_was_no_thread_of_its_own(
    town: Town,
) -> None:
    fr, *_ = await manned(town)
    asked = await fr.channel("alpha").post("RFI", ASKED, to=[code(town, EXPERT)])
    await fr.remove([code(town, EXPERT)])
    await fr.admit([Admission(code(town, EXPERT), "expert", channel="alpha")])
    item = OperationView(fr._station, fr.id).feed.at(asked.seq)  # read anew
    assert isinstance(item, Message)
    assert Flag.NOT_DIRECTED not in item.flags
