"""Tasks of an operation: which mandatory ones are open, and what that forbids to author (DESIGN 5).

A client rule: tasks are sealed, so no rule of the log can ask for them. This client changes no
phase over an open one; what another changed all the same is valid, and flagged for every reader.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_client.errors import TasksOpen
from cencomm_client.items import Message
from cencomm_client.kinds import CORRECTION, REPLY, TASK, WITHDRAWAL
from cencomm_client.people import People
from cencomm_client.work import reading
from cencomm_client.work.changes import sound
from cencomm_client.work.duties import NOBODY, addressed, ends
from cencomm_client.work.threads import Threads

BLOCKED = frozenset({"phase.set", "close.propose", "close.approve"})
"""Entries that end a phase by decision; a suspension is for emergencies, time asks nobody."""
MOST_LISTED = 20  # tasks that an error names


@dataclass(frozen=True, slots=True)
class Task:
    """A task as its author wrote it. `assignee` is the code of an administration, or a role."""

    leaf: bytes
    seq: int
    channel: str
    author: str
    administration: str
    assignee: str | None
    mandatory: bool
    due: Any = None
    to: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        assigned = f" for {self.assignee}" if self.assignee else ""
        return f"entry {self.seq} in {self.channel} by {self.author}{assigned}"


class TaskBook:
    """Tasks and what answers them, as this device reads them; newer versions replace older.

    Keeps threads of its own: a phase change is flagged before the feed shows it, as of its place.
    Takes messages as they are shown: a correction that was judged wrong changes no task.
    Holds the few messages that are tasks, replies and their changes. One that follows in the log
    is threaded once; after a newer version of an earlier one, or for a place in between, the next
    question threads them anew.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._held: dict[int, Message] = {}  # by place
        self._threads = Threads()
        self._threaded = -1  # the last place that is in them

    def note(self, item: Message) -> None:
        """Take a message, or its newer version."""
        if item.kind not in (TASK, REPLY, CORRECTION, WITHDRAWAL) or item.type == "drop":
            return
        place = item.place.seq
        if place <= self._threaded:
            self._threads, self._threaded = Threads(), -1
        self._held[place] = item

    def open(self, before: int | None = None) -> tuple[Task, ...]:
        """Tasks without an answer that closes them, in the log's order; as of place `before`."""
        return open_tasks(self._up_to(before), self._people)

    def mandatory(self, before: int | None = None) -> tuple[Task, ...]:
        """Those of them that a phase change waits for."""
        return tuple(task for task in self.open(before) if task.mandatory)

    def _up_to(self, before: int | None) -> Threads:
        """What was said before a place, taken in the log's order."""
        places = sorted(seq for seq in self._held if before is None or seq < before)
        threads, threaded = self._threads, self._threaded
        if before is not None and before <= threaded:
            threads, threaded = Threads(), -1
        for seq in places[bisect_right(places, threaded) :]:
            threads.take(self._held[seq])
        if threads is self._threads and places:
            self._threaded = max(threaded, places[-1])
        return threads


def open_tasks(threads: Threads, people: People) -> tuple[Task, ...]:
    """Tasks that no answer closed, as they and their answers stand.

    A final or refused reply to a task closes it, and a task in reply to it that says done or
    cancelled, by whom it names (`duties.ends`); not an acknowledgement: who accepts has not done
    it yet. Its own administration withdraws it. A bot reads nothing, so it has done nothing (A31).
    """
    found: list[Task] = []
    for task in threads.messages():
        content = threads.changes.present(task).content
        if task.kind != TASK or content is None or not sound(task) or reading.ended(content):
            continue
        closing = [
            one
            for one in threads.answers(task.place.leaf)
            if sound(one) and reading.finishes(one.kind, threads.changes.present(one).content or {})
        ]
        if not all(
            any(ends(task, code, one, people) for one in closing)
            for code in addressed(task, content, people) or (NOBODY,)
        ):
            found.append(_task(task, content))
    return tuple(found)


def expect_done(tasks: Iterable[Task], what: str) -> None:
    """Raise TasksOpen, which lists them, where mandatory tasks are open."""
    tasks = tuple(tasks)
    if tasks:
        listed = "; ".join(map(str, tasks[:MOST_LISTED]))
        more = f"; and {len(tasks) - MOST_LISTED} more" if len(tasks) > MOST_LISTED else ""
        raise TasksOpen(
            f"{what} waits for {len(tasks)} mandatory tasks: {listed}{more}. A final reply"
            " closes a task, or the task again as done or cancelled in reply to it"
        )


def assigned_to(task: Task, codes: Iterable[str], persons: Iterable[bytes]) -> bool:
    """Whether a task is for one of these codes (of people or an administration), or addressed to
    one of these persons."""
    return task.assignee in set(codes) or not set(persons).isdisjoint(task.to)


def _task(message: Message, content: Mapping[str, Any]) -> Task:
    return Task(
        leaf=message.place.leaf,
        seq=message.place.seq,
        channel=message.channel_name,
        author=message.author.code,
        administration=message.author.administration,
        assignee=_assignee(content.get("assignee")),
        mandatory=content.get("mandatory") is True,
        due=content.get("due"),
        to=message.to,
    )


def _assignee(value: Any) -> str | None:
    """A map with one field, {administration: FR} or {role: officer}; also a code alone."""
    if isinstance(value, Mapping):
        value = next((text for text in value.values() if isinstance(text, str)), None)
    return value if isinstance(value, str) else None
