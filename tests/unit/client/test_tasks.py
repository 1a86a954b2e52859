"""Which tasks are open: what closes one, what does not, what takes its place."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any
from unittest.mock import patch

import pytest
from cencomm_client.errors import TasksOpen
from cencomm_client.items import Author, Flag, Message, Place
from cencomm_client.people import People
from cencomm_client.tasks import TaskBook, assigned_to, expect_done
from cencomm_client.work.threads import Threads
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId

PEOPLE = People(
    lambda some: None,
    lambda code: code,
    lambda message: message.author.administration == "OCU",
)
MANDATORY = {"task": "count", "assignee": {"administration": "FR"}, "mandatory": True}


def message(
    seq: int,
    kind: str,
    content: dict[str, Any] | None,
    *,
    re: int | None = None,
    administration: str = "FR",
    flags: frozenset[Flag] = frozenset(),
) -> Message:
    """A message as a reader has it; its leaf is its seq, 32 bytes."""
    return Message(
        place=Place(LogId(b"l" * 16), seq, seq, leaf(seq)),
        author=Author(DeviceId(b"d" * 16), None, f"{administration}-001", administration),
        channel=ChannelId(b"c" * 16),
        channel_name="alerts",
        type="message",
        id=EntryId(seq.to_bytes(16, "big")),
        epoch=1,
        kind=kind,
        content=content,
        mid=None,
        re=None if re is None else leaf(re),
        prio=None,
        ack_by=None,
        to=(),
        time=seq,
        flags=flags,
    )


def leaf(seq: int) -> bytes:
    return seq.to_bytes(32, "big")


def book_of(*messages: Message) -> TaskBook:
    book = TaskBook(PEOPLE)
    for one in messages:
        book.note(one)
    return book


def still_open(*answers: Message) -> list[int]:
    book = book_of(message(1, "TSK", MANDATORY, administration="RILO"), *answers)
    return [task.seq for task in book.open()]


@pytest.mark.parametrize(
    ("kind", "content", "closes"),
    [
        ("RPL", {"status": "final"}, True),
        ("RPL", {"status": "refused"}, True),
        ("RPL", {"status": "partial"}, False),
        ("RPL", {}, False),
        ("TSK", {**MANDATORY, "state": "done"}, True),
        ("TSK", {**MANDATORY, "state": "cancelled"}, True),
        ("FBK", {"outcome": "no_finding"}, False),
        ("ACK", {"answer": "accepted"}, False),
        ("ACK", {"answer": "declined"}, False),
        ("MSG", {"text": "done"}, False),
    ],
)
def test_an_answer_that_says_what_was_done_closes_a_task(
    kind: str, content: dict[str, Any], closes: bool
) -> None:
    assert still_open(message(2, kind, content, re=1)) == ([] if closes else [1])
    assert still_open(message(2, kind, content)) == [1]
    assert still_open(message(2, kind, content, re=7)) == [1]


def test_an_answer_that_nobody_may_count_on_closes_nothing() -> None:
    """Not readable, or posted after its author's revocation."""
    assert still_open(message(2, "RPL", None, re=1)) == [1]
    revoked = frozenset({Flag.AFTER_REVOCATION})
    assert still_open(message(2, "RPL", {"status": "final"}, re=1, flags=revoked)) == [1]


def test_its_own_administration_withdraws_it() -> None:
    body = {"target": leaf(1), "reason": "x"}
    assert still_open(message(2, "WDR", body)) == [1]
    assert still_open(message(2, "WDR", body, administration="RILO")) == []
    assert still_open(message(2, "WDR", {"target": "no leaf"})) == [1]


@pytest.mark.parametrize(
    ("administration", "closes"), [("FR", True), ("RILO", True), ("OCU", True), ("BE", False)]
)
def test_who_it_names_its_author_and_a_coordinator_close_it(
    administration: str, closes: bool
) -> None:
    """Not whoever wants the phase to change; the desk shows it as owed all the while."""
    done = message(2, "TSK", {**MANDATORY, "state": "done"}, re=1, administration=administration)
    assert still_open(done) == ([] if closes else [1])


def test_a_task_and_its_end_count_as_they_stand() -> None:
    done = message(2, "RPL", {"status": "final"}, re=1)
    back = message(3, "WDR", {"target": leaf(2), "reason": "x"})
    assert still_open(done, back) == [1]
    change = {"target": leaf(1), "fields": {"state": "done"}, "reason": "x"}
    assert still_open(message(2, "COR", change, administration="RILO")) == []
    assert still_open(message(2, "COR", change)) == [1]  # of another administration
    free = {"target": leaf(1), "fields": {"mandatory": False}, "reason": "x"}
    book = book_of(
        message(1, "TSK", MANDATORY, administration="RILO"),
        message(2, "COR", free, administration="RILO"),
    )
    assert (len(book.open()), book.mandatory()) == (1, ())
    assert len(book.mandatory(2)) == 1


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("RPL", {"status": "final"}),
        ("TSK", {**MANDATORY, "state": "done"}),
        ("WDR", {"target": leaf(1), "reason": "x"}),
    ],
)
def test_a_bots_drop_and_what_is_forged_close_nothing(kind: str, content: dict[str, Any]) -> None:
    """A31: whoever has the host of its administration's bot opens no gate."""
    said = message(2, kind, content, re=1, administration="RILO")
    assert still_open(said) == []
    assert still_open(replace(said, type="drop")) == [1]
    assert still_open(replace(said, flags=frozenset({Flag.FORGED_METADATA}))) == [1]


def test_an_open_task_in_reply_to_another_is_one_more() -> None:
    assert still_open(message(2, "TSK", {**MANDATORY, "state": "open"}, re=1)) == [1, 2]


def test_mandatory_is_the_value_true_and_nothing_else() -> None:
    for value in (1, "true", "yes", False, None):
        (task,) = book_of(message(1, "TSK", {"mandatory": value})).open()
        assert not task.mandatory


@pytest.mark.parametrize("assignee", ["FR", {"administration": "FR"}, {"role": 5}, None, 7])
def test_an_assignee_is_a_code_or_a_map_with_one(assignee: Any) -> None:
    (task,) = book_of(message(1, "TSK", {"assignee": assignee})).open()
    expected = isinstance(assignee, str) or (isinstance(assignee, dict) and "role" not in assignee)
    assert assigned_to(task, {"FR", "FR-014"}, []) == expected
    assert not assigned_to(task, {"BE"}, [b"p"])


def test_a_book_tells_what_was_open_at_a_place_and_takes_newer_versions() -> None:
    book = TaskBook(PEOPLE)
    book.note(message(1, "TSK", None))  # not readable yet
    book.note(message(5, "RPL", {"status": "final"}, re=1))
    assert book.open() == ()
    book.note(message(1, "TSK", MANDATORY))
    assert [task.seq for task in book.mandatory(5)] == [1]
    assert book.mandatory(1) == book.mandatory() == ()


def test_the_answer_is_the_same_whatever_came_and_was_asked_before() -> None:
    """The book threads as it goes; one that is filled anew for each question is the measure."""
    said = [
        message(1, "TSK", MANDATORY, administration="RILO"),
        message(3, "RPL", {"status": "final"}, re=1),
        message(7, "TSK", {**MANDATORY, "state": "open"}, re=1, administration="RILO"),
        message(4, "WDR", {"target": leaf(3), "reason": "x"}),
        message(5, "RPL", None, re=1),
        message(9, "RPL", {"status": "final"}, re=7),
        message(5, "RPL", {"status": "refused"}, re=1),
        message(8, "COR", {"target": leaf(7), "fields": {"mandatory": False}, "reason": "x"}),
    ]
    places = (None, *range(11))
    for order in permutations(places, 2):
        book, told = TaskBook(PEOPLE), list[Message]()
        for one in said:
            book.note(one)
            told.append(one)
            for before in order:
                assert book.open(before) == book_of(*told).open(before)


def test_a_question_costs_what_came_since_the_last_one() -> None:
    cost: dict[int, int] = {}
    for size in (20, 2_000):
        book = book_of(message(0, "TSK", MANDATORY))
        for seq in range(1, size):
            book.note(message(seq, "RPL", {"status": "partial"}, re=0))
        assert len(book.mandatory()) == 1
        take = Threads.take
        with patch.object(Threads, "take", autospec=True, side_effect=take) as counted:
            book.note(message(size, "RPL", {"status": "final"}, re=0))
            assert book.mandatory() == book.mandatory(size + 1) == ()
            assert book.mandatory(1) != ()  # of a place in between: threaded for itself
            assert book.mandatory() == ()
            cost[size] = counted.call_count
    assert cost == {20: 2, 2_000: 2}


def test_the_refusal_lists_tasks_and_how_to_close_them() -> None:
    tasks = book_of(*(message(seq, "TSK", MANDATORY) for seq in range(1, 30))).open()
    with pytest.raises(TasksOpen) as raised:
        expect_done(tasks, "phase.set")
    said = raised.value.detail
    assert "29 mandatory tasks" in said
    assert "entry 1 in alerts by FR-001 for FR" in said
    assert "and 9 more" in said
    expect_done((), "phase.set")
