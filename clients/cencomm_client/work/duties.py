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
from cencomm_client.work.clocks import Clocks, Stage, stage_at
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
    """Owed by an administration (`NOBODY` in particular) until `due`; None: no time was set.

    `clock` is how long the clock ran (ms), which gives the length of the stages. `met_at` is the
    server's time of what met it.
    """

    what: What
    administration: str
    due: int | None
    clock: int
    met_at: int | None = None

    @property
    def late(self) -> bool:
        """Whether it was met after its time."""
        return self.met_at is not None and self.due is not None and self.met_at > self.due

    def stage(self, now: int) -> Stage | None:
        """Whose turn it is; None while it is not overdue, or met."""
        if self.met_at is not None or self.due is None:
            return None
        stage = stage_at(self.due, self.clock, now)
        return Stage.OCU if stage is not None and self.administration == NOBODY else stage


class Said(NamedTuple):
    """One sound entry of a chain with what it says now; `corrected` is the last correction's
    time."""

    message: Message
    content: Content
    corrected: int | None = None

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
    asked = root.message.ack_by
    parts: dict[str, _Part] = {
        code: _Part(root.at, asked if asked is not None else root.at + clock)
        for code in addressed or (NOBODY,)
    }
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
                    parts[code] = _Part(said.at, said.at + clock)  # who gave it away has it again
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
        duties.append(Duty(What.ACCEPT, code, part.asked, clock, met))
    if code == NOBODY or part.refused is not None:
        return duties
    due = reading.deadline(root.content)
    if due is None:
        eta = reading.arrival(root.content)
        base = eta if eta is not None else part.taken
        due = None if base is None else base + clocks.feedback
    if part.again is not None:
        due = max(due or 0, part.again + clocks.feedback)
    if due is not None:
        duties.append(Duty(What.FEEDBACK, code, due, clocks.feedback, part.answered))
    return duties


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
        due = (since or 0) + clocks.seizure
        met = None if report is None else report.at
        duties.append(Duty(What.SEIZURE, code, due, clocks.seizure, met))
        if report is not None:
            due = report.at + clocks.long
            duties.append(Duty(What.LONG, code, due, clocks.long, long.get(code)))
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
    return by.author.administration == asked.author.administration or people.coordinates(by)


def asked_duties(
    root: Said,
    answers: Sequence[Said],
    named: Sequence[str],
    what: What,
    clocks: Clocks,
    people: People,
) -> tuple[Duty, ...]:
    """Duties of a TSK or RFI; `named` are administrations, see `ends`."""
    due = reading.deadline(root.content)
    said = [one for one in answers if reading.finishes(one.kind, one.content)]
    ended = (root.corrected or root.at) if reading.ended(root.content) else None
    duties: list[Duty] = []
    for code in named or (NOBODY,):
        fitting = [one.at for one in said if ends(root.message, code, one.message, people)]
        met = min([*fitting, *([] if ended is None else [ended])], default=None)
        duties.append(Duty(what, code, due, clocks.feedback, met))
    return tuple(duties)
