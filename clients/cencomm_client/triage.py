"""What people make of automated hits: promoted to a warning, dismissed with a reason, merged.

Pure: from the items of an operation to its hits and what was decided about each. A decision is an
entry about the hit's leaf: a WRN that `promotes` it, or a HIT with `triage`. The first sound one in
the log stands; who decides the same again writes nothing, and another decision is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from cencomm_crypto.errors import CencommError

from cencomm_client.errors import ClientCode
from cencomm_client.items import Control, Item, Message
from cencomm_client.work import reading
from cencomm_client.work.changes import Changes, Present, sound
from cencomm_client.work.threads import Threads

HIT, WARNING = "HIT", "WRN"
ACTION = "control"
_SUBJECTS = (  # what an identifier is of; the first that is there
    ("container", "container"),
    ("vessel", "vessel"),
    ("mmsi", "vessel"),
    ("plate", "vehicle"),
    ("flight", "aircraft"),
    ("post", "post"),
)
_CARRIED = ("identifiers", "route")
MOST_INDICATORS = 50
_UNREAD = Present(None)


class Decision(StrEnum):
    """The three ends of a hit."""

    PROMOTE = "promote"
    DISMISS = "dismiss"
    MERGE = "merge"


DECIDED: Mapping[Decision, str] = MappingProxyType(
    {
        Decision.PROMOTE: "promoted",
        Decision.DISMISS: "dismissed",
        Decision.MERGE: "merged",
    }
)
"""What has become of a hit, in a word: the desk shows it, and its bot is told it."""


class Ground(StrEnum):
    """Why a hit was dismissed: the words of a FBK for a warning that led to nothing, or `other`."""

    NO_FINDING = reading.Outcome.NO_FINDING
    NOT_ARRIVED = reading.Outcome.NOT_ARRIVED
    LEFT_BEFORE = reading.Outcome.LEFT_BEFORE
    NOT_CONTROLLED = reading.Outcome.NOT_CONTROLLED
    WRONG_DATA = reading.Outcome.WRONG_DATA
    OTHER = "other"


WORDS_NEEDED = frozenset({Ground.NOT_CONTROLLED, Ground.OTHER})
_GROUNDS = {str(ground): ground for ground in Ground}


class Decided(CencommError):
    """Somebody decided otherwise about this hit before, or its administration withdrew it."""

    code = ClientCode.HIT_DECIDED


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision that stands: `entry` made it; `into` is the leaf that a merged hit went into.

    A dismissal has a `ground`, a `reason` in words, or both.
    """

    decision: Decision
    entry: Message
    reason: str = ""
    into: bytes | None = None
    ground: Ground | None = None


@dataclass(frozen=True, slots=True)
class Triaged:
    """A hit, once however often it was sealed; `outcome` is None while nobody decided.

    `present` is what it says now: its bot's administration corrects it, or takes it back. `told`
    is the result that its bot got; `unfounded`: before anybody had decided, as far as is read
    here. What it says is sealed to the bot, and the bot is told once.
    """

    hit: Message
    outcome: Outcome | None = None
    later: tuple[Message, ...] = ()  # decisions that came too late
    present: Present = _UNREAD
    told: Control | None = None
    unfounded: bool = False

    @property
    def open(self) -> bool:
        """Whether it is still to be decided about."""
        return self.outcome is None and self.present.withdrawn is None


def hits_of(items: Iterable[Item]) -> tuple[Triaged, ...]:
    """Every readable hit that a bot dropped, in the log's order, with what stands about it."""
    threads, controls = Threads(), list[Control]()
    for item in items:
        if isinstance(item, Message):
            threads.take(item)
        elif isinstance(item, Control):
            controls.append(item)
    return hits_in(threads, controls)


def hits_in(threads: Threads, items: Iterable[Item]) -> tuple[Triaged, ...]:
    """The same, from threads that somebody keeps; `items` hold the results that bots got."""
    told = {
        (item.body.get("re"), item.body.get("device")): item
        for item in items
        if isinstance(item, Control) and item.type == "drop.result"
    }
    found = (triaged(message, threads) for message in threads.messages())
    return tuple(
        _with_result(one, told.get((one.hit.place.leaf, one.hit.author.device)), threads)
        for one in found
        if one is not None
    )


def _with_result(one: Triaged, told: Control | None, threads: Threads) -> Triaged:
    """A decision that was withdrawn since was one when the bot was told."""
    if told is None:
        return one
    founded = any(
        answer.place.seq < told.place.seq and _decision(answer, answer.content or {}) is not None
        for answer in threads.answers(one.hit.place.leaf)
        if answer.type == "message" and sound(answer)
    )
    return replace(one, told=told, unfounded=not founded)


def triaged(hit: Message, threads: Threads) -> Triaged | None:
    """What stands about a message; None if it is no readable hit of a bot."""
    if hit.type != "drop" or hit.kind != HIT or hit.content is None:
        return None
    made = decisions(threads.answers(hit.place.leaf), threads.changes)
    later = tuple(one.entry for one in made[1:])
    return Triaged(hit, made[0] if made else None, later, threads.changes.present(hit))


def decisions(answers: Iterable[Message], changes: Changes) -> list[Outcome]:
    """What the direct answers to a hit decide about it, in their order; the first one stands.

    One that was withdrawn decides nothing. A warning that was withdrawn has been made: its hit
    stays promoted.
    """
    made: list[Outcome] = []
    for answer in answers:
        if answer.type != "message" or not sound(answer):
            continue
        stands = answer.content if answer.kind == WARNING else changes.present(answer).content
        outcome = None if stands is None else _decision(answer, stands)
        if outcome is not None:
            made.append(outcome)
    return made


def _decision(message: Message, content: Mapping[str, Any]) -> Outcome | None:
    """What a message that says `content` decides about the hit that it answers."""
    if message.kind == WARNING:
        promotes = content.get("promotes")
        named = isinstance(promotes, bytes) and message.re in (None, promotes)
        return Outcome(Decision.PROMOTE, message) if named else None
    triage = content.get("triage")
    if message.kind != HIT or not isinstance(triage, Mapping):
        return None
    reason, into = reading.text_of(triage, "reason") or "", triage.get("into")
    ground = _GROUNDS.get(reading.text_of(triage, "reason_code") or "")
    match triage.get("decision"):
        case Decision.PROMOTE:
            return Outcome(Decision.PROMOTE, message)
        case Decision.DISMISS if reason or ground is not None:
            return Outcome(Decision.DISMISS, message, reason=reason, ground=ground)
        case Decision.MERGE if isinstance(into, bytes) and into != message.re:
            return Outcome(Decision.MERGE, message, into=into)
    return None


def expect_open(triaged: Triaged, decision: Decision, into: bytes | None = None) -> bool:
    """Whether this decision is still to be written: False if it stands already.

    Raises Decided where another one does, or where the hit was withdrawn.
    """
    stands, withdrawn = triaged.outcome, triaged.present.withdrawn
    if stands is None and withdrawn is not None:
        raise Decided(
            f"entry {triaged.hit.place.seq}: withdrawn by {withdrawn.author.code}, entry"
            f" {withdrawn.place.seq}"
        )
    if stands is None:
        return True
    if stands.decision is decision and stands.into == into:
        return False
    raise Decided(
        f"entry {triaged.hit.place.seq}: {stands.decision} by {stands.entry.author.code}, entry"
        f" {stands.entry.place.seq}"
    )


def warning_from(triaged: Triaged, action: str = ACTION) -> dict[str, Any]:
    """Content of the warning that a hit is promoted to, as the hit stands now; post it with
    `re=triaged.hit`. Its codes, label, grading and caveats go with it."""
    content = triaged.present.content or {}
    identifiers = content.get("identifiers") or {}
    of_identifier = (subject for name, subject in _SUBJECTS if name in identifiers)
    made: dict[str, Any] = {
        "subject": content.get("subject") or next(of_identifier, "consignment"),
        "action": action,
        "promotes": triaged.hit.place.leaf,
        "remarks": _said(content),
        **{name: content[name] for name in _CARRIED if name in content},
        **reading.caveats(content),
    }
    matched = [word for word in content.get("matched", ()) if isinstance(word, str)]
    return made | ({"indicators": matched[:MOST_INDICATORS]} if matched else {})


def dismissal(reason: str = "", ground: Ground = Ground.OTHER) -> dict[str, Any]:
    """Content of a dismissal; post it as HIT with `re=hit`. `reason`: in words, may be empty."""
    made = {"decision": str(Decision.DISMISS), "reason_code": str(ground)}
    return {"triage": made | ({"reason": reason} if reason else {})}


def merger(into: bytes) -> dict[str, Any]:
    """Content of a merge into a warning or another hit, by its leaf; post as HIT with `re=hit`."""
    return {"triage": {"decision": str(Decision.MERGE), "into": into}}


def _said(content: Mapping[str, Any]) -> str:
    """Where a warning comes from, in one line; what the hit remarked after it."""
    rule = f"{content.get('rule', '?')} {content.get('rule_version', '')}".strip()
    line = f"HIT {content.get('source', '?')}, {rule}"
    if "score" in content:
        line += f", {content['score']}/100"
    remarks = content.get("remarks")
    return line if not remarks else f"{line}: {remarks}"[:4000]
