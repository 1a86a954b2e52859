"""The course of an operation: every way of the phase table, what refuses it, who may."""

from __future__ import annotations

import pytest
from cencomm_client import Admission, Flag, Operation
from cencomm_client.course import ways_on
from cencomm_client.errors import (
    NoNewWarnings,
    NotTheAuthor,
    Refused,
    TasksOpen,
    WindowTooLong,
)
from cencomm_client.plan import OperationPlan
from cencomm_client.reviewing import GROUP_YEAR_MS, REVIEW_MS, YEAR_MS
from cencomm_client.view import OperationView
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.phases import Phase

from tests.lifecycle.ending import decide
from tests.lifecycle.said import FINAL, PARTIAL, SEEN, WARNED, task, withdrawal
from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.insiders import one_time_code, opened_by
from tests.mallory.world import ALERTS, CHIEF, CONTACT, DEPUTY, HOUR_MS, MEMBERS, OFFICER
from tests.support.loopback import now_ms


async def founded(stage: Stage, **plan: object) -> Operation:
    """A draft of the chief's, with the deputy as coordinator of another administration."""
    now = now_ms()
    fields = {"not_before": now - HOUR_MS, "not_after": now + HOUR_MS, **plan}
    chief = await stage.client(CHIEF)
    await chief.refresh()
    made = await chief.create_operation(OperationPlan(name="ORION", legal="test", **fields))  # type: ignore[arg-type]
    await made.admit([Admission(DEPUTY, "coordinator"), Admission(OFFICER, "officer")])
    return made


async def said(work: object) -> str:
    """What a refused step says."""
    with pytest.raises(CencommError) as raised:
        await work  # type: ignore[misc]
    return str(raised.value)


async def test_phases_go_by_the_table_and_in_no_other_way(stages: Stages) -> None:
    async with stages() as stage:
        made = await founded(stage)
        order = ["prep", "live", "post", "debrief"]
        for place, phase in enumerate(order):
            for other in order:
                if other != phase:
                    told = await said(made.set_phase(other))
                    assert told.startswith(ErrorCode.WRONG_PHASE)
                    assert f"From {made.phase} the way leads to: {phase}" in told
                    assert "PHA-1" in told
                    assert "coordinator" in told
            assert ways_on(made.state, made.state.at)[0] == phase
            await made.set_phase(phase)
            assert made.phase == order[place]
        assert ways_on(made.state, made.state.at) == ("suspended", "closed")
        assert "closed" in await said(made.set_phase("live"))


async def test_who_may_not_hears_who_may(stages: Stages) -> None:
    async with stages() as stage:
        await founded(stage)
        officer = await (await stage.client(OFFICER)).operation("ORION")
        for step in (officer.set_phase("prep"), officer.suspend(), officer.close()):
            told = await said(step)
            assert told.startswith(ErrorCode.NOT_PERMITTED)
            assert "Coordinators here: FR-001 (FR), RILO-001 (RILO)" in told
        deputy = await (await stage.client(DEPUTY)).operation("ORION")
        assert "Its creator alone may do this" in await said(deputy.cancel())


async def test_live_is_taken_inside_its_window_alone(stages: Stages) -> None:
    async with stages() as stage:
        now = now_ms()
        made = await founded(stage, live=(now + HOUR_MS // 2, now + HOUR_MS))
        await made.set_phase("prep")
        told = await said(made.set_phase("live"))
        assert told.startswith(ErrorCode.OUT_OF_WINDOW)
        assert "It is taken from 20" in told
        stage.ahead_ms = HOUR_MS // 2 + 1000
        await made.set_phase("live")


async def test_a_draft_is_cancelled_by_its_creator(stages: Stages) -> None:
    async with stages() as stage:
        made = await founded(stage)
        await made.cancel()
        assert made.phase is Phase.CLOSED


async def test_a_channel_with_a_window_of_its_own_takes_nothing_outside_it(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, now = await stage.operation(CHIEF), now_ms()
        later = await chief.create_channel("raid two", window=(now + HOUR_MS, now + 2 * HOUR_MS))
        assert await refusal(later.post("MSG", {"text": "x"})) == ErrorCode.OUT_OF_WINDOW
        assert later.state.epoch == 0
        stage.ahead_ms = HOUR_MS + 1000
        await later.post("MSG", {"text": "x"})
        stage.ahead_ms = 2 * HOUR_MS + 1000
        assert await refusal(later.post("MSG", {"text": "x"})) == ErrorCode.OUT_OF_WINDOW


# -- mandatory tasks -----------------------------------------------------------------------------


async def test_an_open_mandatory_task_stops_a_phase_change_and_is_listed(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, officer = await stage.operation(CHIEF), await stage.operation(OFFICER)
        place = chief.channel(ALERTS)
        await place.post("TSK", task("BE", mandatory=False))
        asked = await place.post("TSK", task("FR"))
        for step in (chief.set_phase("post"), chief.close()):
            with pytest.raises(TasksOpen, match=rf"entry {asked.seq} in alerts by RILO-001 for FR"):
                await step
        assert [row.mandatory for row in chief.open_tasks()] == [False, True]
        await officer.channel(ALERTS).post("ACK", SEEN, re=asked)
        await officer.channel(ALERTS).post("RPL", PARTIAL, re=asked)
        assert isinstance(await failure(chief.set_phase("post")), TasksOpen)
        await officer.channel(ALERTS).post("RPL", FINAL, re=asked)
        await chief.set_phase("post")
        assert chief.phase is Phase.POST


async def test_its_own_administration_withdraws_a_task_and_no_other(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, officer = await stage.operation(CHIEF), await stage.operation(OFFICER)
        asked = await chief.channel(ALERTS).post("TSK", task())
        body = withdrawal(asked.leaf)
        assert isinstance(await failure(officer.channel(ALERTS).post("WDR", body)), NotTheAuthor)
        with monkeypatch.context() as careless:
            careless.setattr(OperationView, "expect_right", lambda _, content: dict(content))
            await officer.channel(ALERTS).post("WDR", body)
        assert isinstance(await failure(chief.set_phase("post")), TasksOpen)
        await chief.channel(ALERTS).post("WDR", body)
        await chief.set_phase("post")


async def test_a_suspension_asks_for_no_tasks(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        await chief.channel(ALERTS).post("TSK", task())
        await chief.suspend()
        assert chief.phase is Phase.SUSPENDED


async def test_one_authored_over_a_task_all_the_same_is_valid_and_flagged(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief = await stage.operation(CHIEF)
        asked = await chief.channel(ALERTS).post("TSK", task())
        await chief._poster.decide("phase.set", {"phase": "post"})
        await chief.channel(ALERTS).post("TSK", task(state="done"), re=asked)
        await chief.set_phase("debrief")
        await stage.look(*MEMBERS)
        for code in (CHIEF, OFFICER):
            flags = [Flag.OPEN_TASKS in item.flags for item in stage.controls(code, "phase.set")]
            assert flags == [False, False, True, False]
            assert stage.shown(code).phase is Phase.DEBRIEF
        stage.quiet()
        await stage.leave(OFFICER, forgets=True)
        await (await stage.operation(OFFICER)).refresh()
        flags = [Flag.OPEN_TASKS in item.flags for item in stage.controls(OFFICER, "phase.set")]
        assert flags == [False, False, True, False]


# -- warnings after LIVE --------------------------------------------------------------------------


async def test_no_new_warning_is_written_after_live(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, officer = await stage.operation(CHIEF), await stage.operation(OFFICER)
        place = officer.channel(ALERTS)
        warned = await place.post("WRN", WARNED)
        for phase in ("post", "debrief"):
            await chief.set_phase(phase)
            await officer.refresh()
            size = stage.head().size
            refused = await failure(place.post("WRN", WARNED))
            assert isinstance(refused, NoNewWarnings)
            assert phase in refused.detail
            assert stage.head().size == size
            await place.post("FBK", {"outcome": "not_arrived"}, re=warned)  # late reports go on
            await place.post("COR", {"target": warned.leaf, "fields": WARNED, "reason": "x"})


async def test_one_written_all_the_same_is_shown_and_flagged(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, officer = await stage.operation(CHIEF), await stage.operation(OFFICER)
        await officer.channel(ALERTS).post("WRN", WARNED)
        await chief.set_phase("post")
        with monkeypatch.context() as careless:
            careless.setattr("cencomm_client.channel.expect_in_time", lambda *_: None)
            await officer.channel(ALERTS).post("WRN", WARNED)
        await stage.look(*MEMBERS)
        await stage.leave(OFFICER, forgets=True)
        await (await stage.operation(OFFICER)).refresh()
        for code in (CHIEF, OFFICER):
            warnings = [item for item in stage.messages(code) if item.kind == "WRN"]
            assert [Flag.LATE_WARNING in item.flags for item in warnings] == [False, True]
            assert [item.content is not None for item in warnings] == [True, True]


async def failure(work: object) -> CencommError:
    with pytest.raises(CencommError) as raised:
        await work  # type: ignore[misc]
    return raised.value


# -- suspension ----------------------------------------------------------------------------------


async def test_a_compromise_drill_suspend_revoke_rekey_resume_go_on(stages: Stages) -> None:
    """An officer's device was seized: nothing is sealed for it after the suspension."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, deputy = await stage.operation(CHIEF), await stage.operation(DEPUTY)
        await chief.suspend()
        told = await said(chief.channel(ALERTS).post("MSG", {"text": "is anybody there?"}))
        assert told.startswith(ErrorCode.WRONG_PHASE)
        assert "`resume` comes first, by two administrations" in await said(chief.set_phase("post"))
        france = await stage.client(DEPUTY)
        await france.directory.revoke(stage.device(OFFICER))
        await france.directory.rekey()
        await stage.look(CHIEF)
        await chief.tend()  # directory.sync, and new keys while nothing can be said
        assert chief.channel(ALERTS).state.epoch > 1

        proposed = await chief.resume()
        assert "another administration" in await said(chief.approve(proposed))
        assert await phase_of(chief) is Phase.SUSPENDED
        await deputy.approve(proposed)
        assert await phase_of(chief) is Phase.LIVE

        for operation in (chief, deputy):
            await operation.channel(ALERTS).post("MSG", {"text": f"on, {operation.administration}"})
        await stage.look(CHIEF, DEPUTY, CONTACT)
        for code in (CHIEF, DEPUTY, CONTACT):
            assert stage.texts(code)[-2:] == ["on, RILO", "on, FR"]
        opened = (await opened_by(stage, OFFICER, CHIEF)).values()
        assert "on, RILO" not in opened
        with pytest.raises(Refused):
            await (await stage.client(OFFICER)).refresh()
        stage.quiet(CHIEF, DEPUTY, CONTACT)


async def phase_of(operation: Operation) -> Phase:
    await operation.refresh()
    return operation.phase


async def test_a_resume_that_was_not_used_lifts_no_later_suspension(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        chief, deputy = await stage.operation(CHIEF), await stage.operation(DEPUTY)
        await chief.suspend()
        spare = await chief.resume()
        await decide(stage, "resume")
        await chief.suspend()
        assert await refusal(deputy.approve(spare)) == ErrorCode.PROPOSAL_SPENT


# -- standing groups -----------------------------------------------------------------------------


async def test_a_standing_group_is_extended_at_its_review_by_two_sides(stages: Stages) -> None:
    async with stages() as stage:
        now = now_ms()
        with pytest.raises(WindowTooLong):
            await founded(stage, not_after=now + 2 * YEAR_MS)
        group = await founded(stage, not_after=now + GROUP_YEAR_MS)
        for phase in ("prep", "live"):
            await group.set_phase(phase)
        deputy = await (await stage.client(DEPUTY)).operation("ORION")
        assert "review_due" not in {remark.code for remark in group.remarks()}
        stage.ahead_ms = GROUP_YEAR_MS - REVIEW_MS + HOUR_MS
        assert "review_due" in {remark.code for remark in group.remarks()}
        for code in (CHIEF, DEPUTY):  # a session lasts a week
            await stage.clients[code].login(totp=lambda who=code: one_time_code(stage, who))
        with pytest.raises(WindowTooLong):
            await deputy.extend(not_after=now + 3 * YEAR_MS)
        end = stage.clock() + GROUP_YEAR_MS
        assert {remark.code for remark in deputy.remarks()} >= {"review_due"}
        await group.refresh()
        posted = await group.extend(not_after=end, live=end)
        await deputy.approve(posted)
        await group.refresh()
        assert group.state.window[1] == end
        assert "review_due" not in {remark.code for remark in group.remarks()}
