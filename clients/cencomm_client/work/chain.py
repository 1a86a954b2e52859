"""One chain as it stands: what started it, who owes what, how far it came.

Made anew from the chain's entries whenever one of them comes or changes; the entries of a chain
are few. What starts a chain: WRN, TSK, RFI always, any other entry that answers nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cencomm_client.items import Flag, Message
from cencomm_client.people import People
from cencomm_client.triage import DECIDED, decisions
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING, Changes, Present, sound
from cencomm_client.work.clocks import Clocks
from cencomm_client.work.duties import (
    Duty,
    Said,
    What,
    addressed,
    asked_duties,
    seizure_duties,
    warning_duties,
)
from cencomm_client.work.reading import Seen, Span

_UNANSWERED = frozenset(["waiting", "accepted", "declined", "transferred", "ongoing"])
WAITING, WITHDRAWN, DOUBTFUL, UNREADABLE = "waiting", "withdrawn", "doubtful", "unreadable"


@dataclass(frozen=True, slots=True)
class Who:
    """Who the operation's people are, by administration.

    `owing` are the administrations that report now, with the time of their first admission (ms);
    `may_grant` says whether the author of a REL decides for its administration.
    """

    people: People
    owing: Callable[[], Mapping[str, int]]
    may_grant: Callable[[Message], bool]


class Report(NamedTuple):
    """A situation report: whose, posted when, on what, and whether it is a nil return."""

    administration: str
    at: int
    period: Span | None
    nil: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it stands.

    `stand` is the outcome so far: waiting, accepted, declined, transferred, an outcome of FBK,
    seizure, done, promoted, dismissed, merged, withdrawn, doubtful, unreadable; of what waits
    for nothing it is empty.
    """

    root: Message
    present: Present
    stand: str
    duties: tuple[Duty, ...]
    entries: int
    open: bool
    seen: tuple[tuple[int, Seen], ...] = ()  # with the seq of the entry
    reports: tuple[Report, ...] = ()

    @property
    def leaf(self) -> bytes:
        """Names the chain: the leaf hash of what started it."""
        return self.root.place.leaf

    @property
    def kind(self) -> str:
        """The form that started it."""
        return self.root.kind or "?"

    @property
    def subject(self) -> str:
        """One line of what it is about: foreign text."""
        return reading.subject(self.root.kind, self.present.content or self.root.content or {})

    @property
    def pending(self) -> tuple[Duty, ...]:
        """Duties that nothing has met yet."""
        return tuple(duty for duty in self.duties if duty.met_at is None)


def build(
    root: Message,
    members: Sequence[Message],
    answers: Sequence[Message],
    changes: Changes,
    clocks: Clocks,
    who: Who,
) -> Chain:
    """The chain of `root`; `members` are its other entries in the log's order, `answers` the direct
    ones to it, of which some start a chain of their own; they count for a hit alone."""
    present = changes.present(root)
    said: list[Said] = []
    for message in members:
        if message.kind in CHANGING or not _counts(message):
            continue
        now = changes.present(message)
        if now.content is not None:
            said.append(_said(message, now))
    own = _said(root, present) if present.content is not None and _counts(root) else None
    every = [*([own] if own is not None else []), *said]
    seen = tuple(
        (one.message.place.seq, spot)
        for one in every
        for spot in reading.sightings(one.kind, one.content)
    )
    reports = tuple(
        Report(one.by, one.at, reading.period(one.content), reading.nil(one.content))
        for one in every
        if one.kind == reading.SITUATION
    )
    stand, duties = _stand(root, own, present, said, clocks, who)
    if stand == WAITING and root.kind == reading.HIT:
        made = decisions(answers, changes)
        stand = DECIDED[made[0].decision] if made else WAITING
    return Chain(
        root=root,
        present=present,
        stand=stand,
        duties=duties,
        entries=1 + len(members),
        open=_is_open(root.kind, stand, duties),
        seen=seen,
        reports=reports,
    )


def _stand(
    root: Message,
    own: Said | None,
    present: Present,
    said: Sequence[Said],
    clocks: Clocks,
    who: Who,
) -> tuple[str, tuple[Duty, ...]]:
    if own is None:
        later = seizure_duties(said, clocks)
        if present.withdrawn is not None:
            return WITHDRAWN, later
        return (UNREADABLE if root.content is None else DOUBTFUL), later
    kind = root.kind
    if kind == reading.WARNING:
        return _progress(said), warning_duties(
            own, said, _addressed(own, who), clocks, who.people.named
        )
    if kind in (reading.TASK, reading.QUESTION):
        what = What.TASK if kind == reading.TASK else What.REPLY
        duties = asked_duties(own, said, _addressed(own, who), what, clocks, who.people)
        done = all(duty.met_at is not None for duty in duties)
        return ("done" if done else _progress(said)), duties
    duties = seizure_duties([own, *said], clocks)
    if _is_hit(root, own.content):
        return WAITING, duties
    return ("seizure" if kind == reading.SEIZURE else ""), duties


def _progress(said: Sequence[Said]) -> str:
    """How far a WRN came: the most that anybody said, the last of its kind."""
    stand, rank = WAITING, 0
    for one in said:
        found, weight = "", 0
        if one.kind == reading.RECEIPT:
            answer = reading.answer(one.content)
            found, weight = str(answer or ""), 1
            if rank == 1 and answer is not None and stand == "accepted":
                continue  # another administration's no takes nobody's yes back
        elif one.kind == reading.FEEDBACK:
            outcome = reading.outcome(one.content)
            found, weight = str(outcome or ""), 2
            if outcome is not None and outcome is not reading.Outcome.ONGOING:
                weight = 3
        elif one.kind == reading.SEIZURE:
            found, weight = "seizure", 4
        if found and weight >= rank:
            stand, rank = found, weight
    return stand


def _is_open(kind: str | None, stand: str, duties: Sequence[Duty]) -> bool:
    """Whether somebody has to look at it still; of a WRN, until it is answered: a report that is
    owed after that shows when it is overdue."""
    waits = {duty.what for duty in duties if duty.met_at is None}
    if kind == reading.WARNING:
        return bool(waits & {What.ACCEPT, What.FEEDBACK}) or stand in _UNANSWERED
    if kind == reading.HIT:
        return stand == WAITING
    return kind in (reading.TASK, reading.QUESTION) and bool(waits)


def _counts(message: Message) -> bool:
    """Whether an entry has effect on a chain: sound; and a bot, which reads nothing, only hits."""
    if not sound(message) or Flag.UNEXPECTED_KIND in message.flags:
        return False
    return message.type != "drop" or message.kind == reading.HIT


def _is_hit(message: Message, content: reading.Content) -> bool:
    """Whether an entry is a hit itself and no decision about one: a bot decides nothing."""
    hit = message.kind == reading.HIT
    return hit and (message.type == "drop" or reading.triaged(content) is None)


def _addressed(own: Said, who: Who) -> tuple[str, ...]:
    """Administrations that an entry names: by `to`, else by its form."""
    return addressed(own.message, own.content, who.people)


def _said(message: Message, now: Present) -> Said:
    return Said(message, now.content or {}, now.applied)
