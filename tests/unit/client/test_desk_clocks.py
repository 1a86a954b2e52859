"""The desk's clocks stand still while nobody can post: in a suspension, and after the end."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from cencomm_client.cli.desk_screen import DeskScreen
from cencomm_client.work.clocks import Stage
from cencomm_client.work.duties import What
from cencomm_client.work.reading import Span
from cencomm_client.work.timeline import after
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.support.desk_scene import HEAD
from tests.support.talk import DAY, HOUR, MINUTE, START, Talk, seizure, warning
from tests.unit.client.test_desk import ACCEPTED, overdue


def pause(talk: Talk, **length: float) -> None:
    """A suspension of this length."""
    talk.suspends()
    talk.wait(**length)
    talk.resumes()


def test_what_was_due_in_ten_minutes_is_due_ten_minutes_after_it_goes_on() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=20)
    talk.suspends()
    talk.wait(hours=9)
    assert overdue(talk) == []
    talk.resumes()
    talk.wait(minutes=10)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]


def test_a_stage_does_not_end_in_a_suspension() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=50)  # twenty minutes overdue
    pause(talk, days=2)
    assert overdue(talk) == [("DE", "accept", Stage.RECIPIENT)]
    talk.wait(minutes=10)
    assert overdue(talk) == [("DE", "accept", Stage.NCP)]
    pause(talk, days=2)
    talk.wait(minutes=29)
    assert overdue(talk) == [("DE", "accept", Stage.NCP)]
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "accept", Stage.OCU)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("WRN", warning(deadline=START + 5 * HOUR)),
        ("TSK", {"task": "count", "due": START + 5 * HOUR}),
        ("RFI", {"question": "Who?", "deadline": START + 5 * HOUR}),
    ],
)
def test_a_time_that_was_asked_for_moves_by_the_suspension_that_came_before_it(
    kind: str, content: dict[str, object]
) -> None:
    talk = Talk()
    asked = talk.says("FR", kind, content, to=["DE"])
    if kind == "WRN":
        talk.says("DE", "ACK", ACCEPTED, re=asked)
    talk.wait(hours=4)
    pause(talk, hours=3)
    talk.wait(hours=1)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert [(code, stage) for code, _, stage in overdue(talk)] == [("DE", Stage.RECIPIENT)]


def test_a_time_that_was_asked_for_anew_after_the_suspension_is_meant_as_it_stands() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(deadline=START + 5 * HOUR), to=["DE"])
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    pause(talk, hours=9)
    new = {"target": warned.place.leaf, "fields": {"deadline": START + 12 * HOUR}, "reason": "x"}
    talk.says("FR", "COR", new)
    other = {"target": warned.place.leaf, "fields": {"remarks": "red lorry"}, "reason": "x"}
    talk.says("FR", "COR", other)
    talk.wait(hours=3)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_a_clock_that_starts_later_is_not_held_up_by_what_was_before() -> None:
    """The day after an arrival begins with it, wherever the suspension was before."""
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(route={"eta": START + 2 * DAY}), to=["DE"])
    talk.says("DE", "ACK", ACCEPTED, re=warned)
    pause(talk, days=1)
    talk.wait(days=2)
    assert overdue(talk) == []
    talk.wait(minutes=1)
    assert overdue(talk) == [("DE", "feedback", Stage.RECIPIENT)]


def test_a_seizure_reported_after_a_suspension_is_not_late() -> None:
    talk = Talk()
    warned = talk.says("FR", "WRN", warning(), to=["DE"])
    talk.says("DE", "FBK", {"outcome": "seizure", "seizure": bytes(32)}, re=warned)
    talk.wait(hours=1)
    pause(talk, days=3)
    talk.wait(hours=22)
    talk.says("DE", "SZR", seizure(), re=warned)
    rows = {one.administration: one for one in talk.desk().snapshot(talk.now).completeness}
    assert rows["DE"].counts[What.SEIZURE].late == 0


def test_no_report_is_owed_on_a_day_that_was_suspended_from_its_beginning_to_its_end() -> None:
    talk = Talk(live_days=9)
    talk.joins("FR")
    talk.wait(hours=12)
    pause(talk, days=3)  # half of day 0, days 1 and 2, half of day 3
    talk.wait(days=1)
    (row,) = talk.desk().snapshot(talk.now).nil_due
    assert (row.missing, row.since) == (2, START + 3 * DAY + 12 * HOUR + 6 * HOUR)
    (counted,) = talk.desk().snapshot(talk.now).completeness
    assert (counted.total.owed, counted.total.sent) == (2, 0)
    whole = {"period": {"from": START, "to": START + 4 * DAY}, "nil": True}
    talk.says("FR", "SIT", whole)
    assert talk.desk().snapshot(talk.now).nil_due == ()
    (counted,) = talk.desk().snapshot(talk.now).completeness
    assert (counted.total.owed, counted.total.sent) == (2, 2)


def test_nothing_becomes_overdue_after_the_end_of_the_operation() -> None:
    talk = Talk()
    talk.joins("PL")
    talk.says("FR", "WRN", warning(), to=["DE"])
    talk.timeline = replace(talk.timeline, ended=START + 20 * MINUTE, over=START + 20 * MINUTE)
    talk.wait(days=90)
    snapshot = talk.desk().snapshot(talk.now)
    assert (snapshot.overdue, snapshot.nil_due) == ((), ())
    assert (snapshot.clock, snapshot.at) == (START + 20 * MINUTE, talk.now)


def test_the_screen_says_why_nothing_becomes_overdue() -> None:
    talk = Talk()
    talk.says("FR", "WRN", warning(), to=["DE"])
    talk.wait(minutes=20)
    talk.suspends()
    talk.wait(hours=9)
    for size in ((80, 24), (160, 50)):
        console = Console(width=size[0], height=size[1], file=io.StringIO(), force_terminal=True)
        with console.capture() as drawn:
            console.print(DeskScreen(HEAD, talk.desk().snapshot(talk.now)))
        assert " SUSPENDED 9h00 " in drawn.get()
        assert "clocks stand still" in drawn.get()
        assert "10m" in drawn.get()  # what is left of the half hour
        assert len(drawn.get().splitlines()) <= size[1]


def test_a_clock_runs_only_outside_of_pauses() -> None:
    pauses = (Span(10, 20), Span(30, 40))
    given = [(0, 9), (0, 10), (0, 11), (12, 5), (5, 20), (45, 5), (15, -3), (0, 0)]
    assert [after(pauses, *one) for one in given] == [9, 20, 21, 25, 45, 50, 12, 0]


@given(
    st.lists(st.integers(0, 60), max_size=8, unique=True).map(sorted),
    st.integers(0, 60),
    st.integers(1, 40),
)
def test_a_clock_has_run_for_its_length_and_ends_in_no_pause(
    edges: list[int], start: int, length: int
) -> None:
    pauses = [Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)]
    due = after(pauses, start, length)
    paused = {moment for pause in pauses for moment in range(pause.start, pause.end)}
    assert len(set(range(start, due)) - paused) == length
    assert due not in paused
    assert after(pauses, start, length + 1) > due
