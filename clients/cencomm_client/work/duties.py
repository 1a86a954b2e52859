"""What a chain makes whom owe until when, and what met it: WRN -> ACK -> FBK -> SZR, TSK, RFI.

A function of the chain's entries as they stand now and of the operation's clocks; the same for
every reader. Who answers for an administration is whoever of it may post.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cencomm_client.items import Message
from cencomm_client.people import People
from cencomm_client.work import reading
from cencomm_client.work.clocks import Clocks, Due, Stage
from cencomm_client.work.reading import Answer, Content, Outcome

Named = Callable[[str], str | None]
"""The administration of a code: its own, or a person's; None for one that nobody has."""

NOBODY = ""  # a warning or task that names no administration: the OCU sees to it


class What(StrEnum):
    """What is owed."""

    ACCEPT = "accept"  # an ACK of a WRN
    FEEDBACK = "feedback"  # a FBK of a WRN
    SEIZURE = "seizure"  # the simple SZR of a seizure
    LONG = "long"  # its long SZR
    TASK = "task"
    REPLY = "reply"  # a RPL of a RFI
    SITUATION = "situation"  # a SIT, or a nil return


class Duty(NamedTuple):
    """Owed by an administration (`NOBODY` in particular); `times` None: no time was set.

    `met_at` is the server's time of what met it.
    """

    what: What
    administration: str
    times: Due | None
    met_at: int | None = None

    @property
    def due(self) -> int | None:
        """Until when, ms."""
        return None if self.times is None else self.times.at

    @property
    def late(self) -> bool:
        """Whether it was met after its time."""
        met, times = self.met_at, self.times
        return met is not None and times is not None and met > times.at

    def stage(self, clock: int) -> Stage | None:
        """Whose turn it is when the clocks stand at `clock` (`Timeline.clock`); None while it is
        not overdue, or met."""
        if self.met_at is not None or self.times is None:
            return None
        stage = self.times.stage(clock)
        return Stage.OCU if stage is not None and self.administration == NOBODY else stage


class Said(NamedTuple):
    """One sound entry of a chain with what it says now; `applied` are the corrections in it."""

    message: Message
    content: Content
    applied: tuple[Message, ...] = ()

    @property
    def kind(self) -> str | None:
        """The form's code."""
        return self.message.kind

    @property
    def at(self) -> int:
        """Server time, ms."""
        return self.message.place.at

    @property
    def by(self) -> str:
        """The author's administration."""
        return self.message.author.administration

    @property
    def corrected(self) -> int | None:
        """The last correction's time."""
        return self.applied[-1].place.at if self.applied else None

    def said_at(self, *names: str) -> int:
        """When one of these fields was given last: a time that is asked for anew counts anew."""
        for change in reversed(self.applied):
            if not reading.changed(change.content or {}).keys().isdisjoint(names):
                return change.place.at
        return self.at


@dataclass(slots=True)
class _Part:
    """One administration's part in a warning."""

    since: int
    asked: int | None = None  # when an acceptance is due
    taken: int | None = None
    refused: int | None = None  # declined, or transferred
    again: int | None = None  # an "ongoing" feedback
    answered: int | None = None


def warning_duties(
    root: Said, answers: Sequence[Said], addressed: Sequence[str], clocks: Clocks, named: Named
) -> tuple[Duty, ...]:
    """Duties of a WRN; `addressed` are administrations, `answers` in the log's order."""
    clock = clocks.acceptance(root.message.prio)
    ack_by = root.message.ack_by
    asked = clocks.after(root.at, clock) if ack_by is None else clocks.until(root.at, ack_by)
    parts: dict[str, _Part] = {code: _Part(root.at, asked) for code in addressed or (NOBODY,)}
    for said in answers:
        part = parts.get(said.by)
        if said.kind == reading.RECEIPT:
            answer = reading.answer(said.content)
            if answer is None or (part is None and answer is not Answer.ACCEPTED):
                continue
            targets = _targets(said, named) if answer is Answer.TRANSFERRED else ()
            if said.by in targets:
                continue  # to somebody of its own: it is asked as before
            part = part or _new_part(parts, said)
            if answer is Answer.ACCEPTED:
                part.taken = part.taken if part.taken is not None else said.at
                part.refused = None
            else:
                part.refused = said.at
            for code in targets:
                asked_now = parts.get(code)
                if asked_now is None or asked_now.refused is not None:
                    parts[code] = _Part(
                        said.at, clocks.after(said.at, clock)
                    )  # who gave it away has it again
        elif said.kind in (reading.FEEDBACK, reading.SEIZURE):
            part = part or _new_part(parts, said)
            part.taken = part.taken if part.taken is not None else said.at
            part.refused = None
            if said.kind == reading.FEEDBACK:
                outcome = reading.outcome(said.content)
                if outcome is None:
                    continue
                if outcome is Outcome.ONGOING:
                    part.again = said.at
                    continue
            part.answered = part.answered if part.answered is not None else said.at
    duties: list[Duty] = []
    for code, part in parts.items():
        duties += _of_part(code, part, root, clock, clocks)
    return (*duties, *seizure_duties(answers, clocks))


def _targets(said: Said, named: Named) -> tuple[str, ...]:
    """Administrations that an ACK transfers to; the OCU sees to what went to nobody known."""
    found = map(named, reading.transferred_to(said.content))
    return tuple(code for code in found if code is not None) or (NOBODY,)


def _new_part(parts: dict[str, _Part], said: Said) -> _Part:
    """The part of an administration that comes in unasked: it takes up what named nobody."""
    part = parts.pop(NOBODY) if NOBODY in parts else _Part(said.at)
    parts[said.by] = part
    return part


def _of_part(code: str, part: _Part, root: Said, clock: int, clocks: Clocks) -> list[Duty]:
    duties: list[Duty] = []
    if part.asked is not None:
        answered = [at for at in (part.taken, part.refused) if at is not None]
        met = min(answered, default=None)
        duties.append(Duty(What.ACCEPT, code, clocks.due(part.asked, clock), met))
    if code == NOBODY or part.refused is not None:
        return duties
    due = _asked_by(root, clocks)
    if due is None:
        eta = reading.arrival(root.content)
        base = eta if eta is not None else part.taken
        due = None if base is None else clocks.after(base, clocks.feedback)
    if part.again is not None:
        due = max(due or 0, clocks.after(part.again, clocks.feedback))
    if due is not None:
        times = clocks.due(due, clocks.feedback)
        duties.append(Duty(What.FEEDBACK, code, times, part.answered))
    return duties


def _asked_by(said: Said, clocks: Clocks) -> int | None:
    """The deadline that a WRN, TSK or RFI sets; nobody is late in a suspension."""
    asked = reading.deadline(said.content)
    return None if asked is None else clocks.until(said.said_at("deadline", "due"), asked)


def seizure_duties(said: Sequence[Said], clocks: Clocks) -> tuple[Duty, ...]:
    """The simple report in its time and the long one in its own, per administration."""
    found: dict[str, int] = {}  # FBK "seizure": when
    simple: dict[str, Said] = {}
    long: dict[str, int] = {}  # when the long form was there
    for one in said:
        if one.kind == reading.FEEDBACK and reading.outcome(one.content) is Outcome.SEIZURE:
            found.setdefault(one.by, one.at)
        elif one.kind == reading.SEIZURE:
            simple.setdefault(one.by, one)
            if reading.is_long(one.content):
                was_long = reading.is_long(one.message.content or {})
                at = one.at if was_long or one.corrected is None else one.corrected
                long.setdefault(one.by, at)
    duties: list[Duty] = []
    for code in dict.fromkeys([*found, *simple]):
        report = simple.get(code)
        since = found.get(code)
        if since is None and report is not None:
            since = reading.seized_at(report.content) or report.at
        due = clocks.due(clocks.after(since or 0, clocks.seizure), clocks.seizure)
        met = None if report is None else report.at
        duties.append(Duty(What.SEIZURE, code, due, met))
        if report is not None:
            due = clocks.due(clocks.after(report.at, clocks.long), clocks.long)
            duties.append(Duty(What.LONG, code, due, long.get(code)))
    return tuple(duties)


def addressed(message: Message, content: Content, people: People) -> tuple[str, ...]:
    """Administrations that a WRN, TSK or RFI names: by `to`, else by its form."""
    codes = [people.of(one) for one in message.to]
    if not any(codes):
        codes = [people.named(code) for code in reading.assignees(content)]
    return tuple(dict.fromkeys(code for code in codes if code is not None))


def ends(asked: Message, code: str, by: Message, people: People) -> bool:
    """Whether an answer that ends a TSK or RFI ends it for the administration `code` too.

    It comes from there, or from anybody where none is named. A task its author's administration
    calls done or cancelled too, and a coordinator, who hands it on.
    """
    if code in (NOBODY, by.author.administration):
        return True
    if asked.kind != reading.TASK:
        return False
    return by.author.is_of(asked.author) or people.coordinates(by)


def asked_duties(
    root: Said,
    answers: Sequence[Said],
    named: Sequence[str],
    what: What,
    clocks: Clocks,
    people: People,
) -> tuple[Duty, ...]:
    """Duties of a TSK or RFI; `named` are administrations, see `ends`."""
    asked = _asked_by(root, clocks)
    times = None if asked is None else clocks.due(asked, clocks.feedback)
    said = [one for one in answers if reading.finishes(one.kind, one.content)]
    ended = (root.corrected or root.at) if reading.ended(root.content) else None
    duties: list[Duty] = []
    for code in named or (NOBODY,):
        fitting = [one.at for one in said if ends(root.message, code, one.message, people)]
        met = min([*fitting, *([] if ended is None else [ended])], default=None)
        duties.append(Duty(what, code, times, met))
    return tuple(duties)
