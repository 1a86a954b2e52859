"""The desk and its bot through an operation's course: experts, a suspension, a longer LIVE."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission
from cencomm_client.errors import SuccessorNeeded, TasksOpen, WindowTooLong
from cencomm_client.reviewing import YEAR_MS
from cencomm_client.vault_contents import OutboxItem
from cencomm_client.work.duties import What
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.rights import Role
from cencomm_crypto.public.wire import Submission

from tests.support.counter import Town
from tests.support.operation import CLOSES, DAY
from tests.support.talk import warning
from tests.unit.client.test_work import MINUTE, bot, code, manned

COORDINATOR, GERMAN, OFFICER, EXPERT = range(4)
TASK = {
    "task": "count",
    "assignee": {"administration": "DE"},
    "mandatory": True,
    "due": CLOSES,
    "priority": "priority",
}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, members=4)


async def test_a_reminder_goes_out_although_an_expert_of_who_owes_reads_the_channel(
    town: Town,
) -> None:
    fr, _, _ = await manned(town)
    await fr.remove([code(town, EXPERT)])
    await fr.admit([Admission(code(town, EXPERT), "expert", channel="alpha")])
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)], prio="flash")
    town.operation.clock += 11 * MINUTE
    await fr.refresh()
    (reminder,) = bot(fr).due()
    assert reminder.to == (code(town, GERMAN),)
    assert len(await bot(fr).once()) == 1


async def test_one_that_only_an_expert_could_answer_goes_out_to_the_next_stage(town: Town) -> None:
    fr, _, _ = await manned(town)
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)], prio="flash")
    await fr.remove([code(town, GERMAN), code(town, EXPERT)])
    await fr.admit([Admission(code(town, EXPERT), "expert", channel="alpha")])
    town.operation.clock += 11 * MINUTE
    assert len(await bot(fr).once()) == 1


async def test_a_suspension_stills_the_clocks_and_what_was_left_of_them_runs_on(
    town: Town,
) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)], prio="flash")
    reminding, attendant = bot(fr), fr.attend()
    town.operation.clock += 5 * MINUTE
    await fr.suspend()
    suspended = attendant.refresh().snapshot(attendant.now()).suspended
    assert suspended == fr.state.at
    town.operation.clock += 40 * MINUTE  # with the OCU, had they gone on
    assert await reminding.once() == []
    await de.approve(await fr.resume())
    await fr.refresh()
    assert fr.phase is Phase.LIVE
    assert attendant.refresh().snapshot(attendant.now()).suspended is None
    assert await reminding.once() == []
    town.operation.clock += 6 * MINUTE
    assert len(await reminding.once()) == 1
    assert await reminding.once() == []


async def test_what_was_overdue_before_a_suspension_is_not_reminded_of_anew(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)], prio="flash")
    town.operation.clock += 11 * MINUTE
    assert len(await bot(fr).once()) == 1
    await fr.suspend()
    town.operation.clock += 40 * MINUTE
    await de.approve(await fr.resume())
    await fr.refresh()
    assert await bot(fr).once() == []


async def test_a_desk_that_runs_on_stops_asking_for_reports_when_live_ends_early(
    town: Town,
) -> None:
    fr, *_ = await manned(town)
    attendant = fr.attend()
    planned = attendant.refresh().snapshot(CLOSES).nil_due[0].missing
    assert planned > 3
    town.operation.clock += 3 * DAY
    await fr.set_phase("post")
    for one in (attendant, fr.attend()):
        assert max(row.missing for row in one.refresh().snapshot(CLOSES).nil_due) == 3


async def test_a_longer_live_is_reported_on_without_a_new_start(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    attendant = fr.attend()
    attendant.refresh()
    await de.approve(await fr.extend(live=CLOSES))
    await fr.refresh()
    shown = [
        [
            row.counts[What.SITUATION].owed
            for row in one.refresh().snapshot(CLOSES + DAY).completeness
        ]
        for one in (attendant, fr.attend())
    ]
    assert shown[0] == shown[1]


async def test_a_phase_change_that_is_signed_anew_waits_for_a_task_that_came_in_between(
    town: Town,
) -> None:
    """Another decision came first, and with it a task in an epoch that was not read yet."""
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await de.refresh()

    async def first(_entry: Entry) -> None:
        await de.remove([code(town, EXPERT)])  # a rotation is due with it
        await de.channel("alpha").post("TSK", TASK)

    town.counter.before = first
    with pytest.raises(TasksOpen, match="1 mandatory task"):
        await fr.set_phase("post")
    assert fr.phase is Phase.LIVE
    assert town.operation.state.phase is Phase.LIVE


async def test_a_phase_change_that_an_outage_held_up_is_not_sent_over_a_task_that_came_meanwhile(
    town: Town,
) -> None:
    fr, de, _ = await manned(town)
    station = fr._station
    for phase, asked in ((Phase.LIVE, True), (Phase.POST, False)):
        await fr.refresh()
        header = station.author.header("phase.set", fr.id)
        entry = station.author.sign(header, {"phase": "post"})
        held = Submission.of(entry).encode()
        station.vault.put_outbox(OutboxItem(fr.id, entry.header.id, held, station.now()))
        if asked:
            posted = await de.channel("alpha").post("TSK", TASK)
            await fr.refresh()
        await fr._poster.flush()
        assert town.operation.state.phase is phase
        assert station.vault.outbox(fr.id) == ()
        assert [one.code for one in fr.notices()] == ["tasks_open"]
        if asked:
            await de.channel("alpha").post("TSK", {**TASK, "state": "done"}, re=posted)


async def test_a_closed_operation_asks_for_the_reports_that_were_due_by_then(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    attendant = fr.attend()
    town.operation.clock += 3 * DAY
    await fr.refresh()
    await de.approve(await fr.propose("close"))
    await fr.refresh()
    snapshot = attendant.refresh().snapshot(CLOSES)
    assert max(row.missing for row in snapshot.nil_due) == 2
    assert snapshot.clock == fr.state.closed_at


async def test_of_two_coordinators_who_step_down_at_once_one_stays(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await de.refresh()

    async def first(_entry: Entry) -> None:
        await de.set_role(code(town, GERMAN), "officer")

    town.counter.before = first
    with pytest.raises(SuccessorNeeded):
        await fr.set_role(code(town, COORDINATOR), "officer")
    assert Role.COORDINATOR in {one.role for one in town.operation.state.members.values()}


async def test_no_side_extends_by_more_than_a_year_whatever_program_proposed(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.set_role(code(town, GERMAN), "coordinator")
    await de.refresh()
    body = {"not_after": CLOSES + 2 * YEAR_MS}
    with pytest.raises(WindowTooLong):
        await fr.propose("window", body)
    posted = await fr._poster.decide("window.propose", body)
    with pytest.raises(WindowTooLong):
        await de.approve(posted)
    assert fr.state.window[1] == CLOSES


async def test_a_bot_of_who_owes_reminds_once_too(town: Town) -> None:
    fr, de, _ = await manned(town)
    await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)])
    town.operation.clock += 31 * MINUTE
    await de.refresh()
    assert [len(await bot(de).once()) for _ in range(3)] == [1, 0, 0]


async def test_who_owes_reminds_nobody_in_the_bot_s_place(town: Town) -> None:
    """Anybody can tell the `mid` of a reminder: one officer's note stilled the escalation."""
    fr, de, _ = await manned(town)
    warned = await fr.channel("alpha").post("WRN", warning(), to=[code(town, GERMAN)])
    town.operation.clock += 31 * MINUTE
    await fr.refresh()
    (reminder,) = bot(fr).due()
    await de.refresh()
    await de.channel("alpha").post("MSG", {"text": "quiet"}, re=warned, mid=reminder.mid)
    assert len(await bot(fr).once()) == 1
    assert await bot(fr).once() == []
