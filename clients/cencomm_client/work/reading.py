"""What the desk reads out of a form's content: the one place that knows the fields' names.

Contents come from other members: a value of another type than expected reads as absent, never
as an error. Times are ms since 1970 UTC, references leaf hashes of 32 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

Content = Mapping[str, Any]

WARNING, HIT, RECEIPT, FEEDBACK, SEIZURE = "WRN", "HIT", "ACK", "FBK", "SZR"
TASK, QUESTION, REPLY, SITUATION, RELEASE, NOTABLE = "TSK", "RFI", "RPL", "SIT", "REL", "NDR"
MESSAGE = "MSG"
FORWARDED = "Forwarded: "  # how the text of a MSG begins that quotes the entry in its `re`

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_PRECISION = {"minute": _MINUTE, "hour": _HOUR, "day": _DAY}
_CONTAINER = "container"
_IDENTIFIERS = frozenset(
    [_CONTAINER, "vessel", "mmsi", "awb", "post", "mrn", "plate", "flight", "reference"]
)
_SUBJECTS = (
    *("goods_suspected", "goods_declared", "task", "question", "rule", "description", "text"),
    *("trends", "answer", "subject", "reason", "remarks"),
)
_ENDED = frozenset(["done", "cancelled"])
_MAX_NODES = 2_000  # of one content: a longer one is read up to here


class Answer(StrEnum):
    """What an ACK says: receipt and acceptance in one (CAP)."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TRANSFERRED = "transferred"


class Outcome(StrEnum):
    """What a FBK says was found; `ongoing` answers nothing yet."""

    NO_FINDING = "no_finding"
    SEIZURE = "seizure"
    NOT_ARRIVED = "not_arrived"
    LEFT_BEFORE = "left_before"
    NOT_CONTROLLED = "not_controlled"
    ONGOING = "ongoing"
    WRONG_DATA = "wrong_data"


_ANSWERS = {str(answer): answer for answer in Answer}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}


class Span(NamedTuple):
    """From `start` to before `end`, ms."""

    start: int
    end: int


class Seen(NamedTuple):
    """A container stood at a place (UN/LOCODE) at some moment of `when`."""

    number: str
    place: str
    when: Span


def text_of(content: Content, *names: str) -> str | None:
    """The first of the fields that holds a text."""
    for name in names:
        value = content.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def whole(content: Content, *names: str) -> int | None:
    """The first of the fields that holds a number of at least 0."""
    for name in names:
        value = content.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def reference(content: Content, *names: str) -> bytes | None:
    """The first of the fields that holds a leaf hash."""
    for name in names:
        value = content.get(name)
        if isinstance(value, bytes) and len(value) == 32:
            return value
    return None


def texts(content: Content, name: str) -> tuple[str, ...]:
    """A list of texts, or one text alone."""
    value = content.get(name)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(item for item in value if isinstance(item, str))
    return ()


# -- chains ------------------------------------------------------------------------------------


def starts(kind: str | None, content: Content) -> bool:
    """Whether an entry starts a chain even where it answers another: a WRN, a RFI, a TSK that is
    not the note of another one's end."""
    if kind == TASK:
        return not ended(content)
    return kind in (WARNING, QUESTION)


def answered(content: Content) -> bytes | None:
    """What an entry is about where it has no `re`: the MSG or HIT that it was made from, the WRN
    or HIT that a SZR names, the entry that a REL is for."""
    return reference(content, "promotes", "warning", "entry")


def deadline(content: Content) -> int | None:
    """Until when feedback is asked for (WRN), or an answer (RFI) or work (TSK) is due."""
    return whole(content, "deadline", "due")


def arrival(content: Content) -> int | None:
    """ETA of a warning's route, else the last arrival of its legs."""
    route = content.get("route")
    if not isinstance(route, dict):
        return None
    found = whole(route, "eta")
    if found is not None:
        return found
    legs = route.get("legs")
    rows = [leg for leg in legs if isinstance(leg, dict)] if isinstance(legs, list) else []
    arrivals = [whole(leg, "arrives") for leg in rows]
    return max((at for at in arrivals if at is not None), default=None)


def answer(content: Content) -> Answer | None:
    """What an ACK says; a word that is not known answers nothing."""
    said = text_of(content, "answer")
    return None if said is None else _ANSWERS.get(said)


def transferred_to(content: Content) -> tuple[str, ...]:
    """Code of the administration or person that an ACK transfers to."""
    return texts(content, "transferred_to")


def outcome(content: Content) -> Outcome | None:
    """What a FBK says was found."""
    said = text_of(content, "outcome")
    return None if said is None else _OUTCOMES.get(said)


def seizure_of(content: Content) -> bytes | None:
    """The SZR that a FBK names."""
    return reference(content, "seizure")


def seized_at(content: Content) -> int | None:
    """The last moment at which a SZR says the seizure may have been."""
    at = whole(content, "at")
    return None if at is None else at + _PRECISION.get(str(content.get("precision")), 0)


def is_long(content: Content) -> bool:
    """Whether a SZR is the long form."""
    return content.get("form") == "long"


def triaged(content: Content) -> str | None:
    """The decision on a hit: promote, dismiss, merge; None for a hit itself."""
    part = content.get("triage")
    return text_of(part, "decision") if isinstance(part, dict) else None


def assignees(content: Content) -> tuple[str, ...]:
    """The administration of a TSK, by code."""
    part = content.get("assignee")
    return texts(part, "administration") if isinstance(part, dict) else ()


def recipients(content: Content) -> tuple[str, ...]:
    """The named recipients of a CDN, by code."""
    return texts(content, "recipients")


def assigned_role(content: Content) -> str | None:
    """The role of a TSK that names one."""
    part = content.get("assignee")
    return text_of(part, "role") if isinstance(part, dict) else None


def mandatory(content: Content) -> bool:
    """Whether a TSK blocks the phase change."""
    return content.get("mandatory") is True


def ended(content: Content) -> bool:
    """Whether a TSK says that it is done or cancelled."""
    return text_of(content, "state") in _ENDED


def finishes(kind: str | None, content: Content) -> bool:
    """Whether an answer of this kind ends a TSK or RFI."""
    if kind == REPLY:
        return content.get("status") in ("final", "refused")
    return kind == TASK and ended(content)


def quotes(kind: str | None, content: Content) -> bool:
    """Whether a message says what another entry said, and nothing of its own."""
    return kind == MESSAGE and (text_of(content, "text") or "").startswith(FORWARDED)


# -- corrections -------------------------------------------------------------------------------


def target(content: Content) -> bytes | None:
    """The entry that a COR or WDR is about."""
    return reference(content, "target")


def changed(content: Content) -> Content:
    """The fields that a COR gives anew."""
    value = content.get("fields")
    return value if isinstance(value, dict) else {}


def reason(content: Content) -> str:
    """Why something was corrected, withdrawn or declined."""
    return text_of(content, "reason") or ""


# -- handling ----------------------------------------------------------------------------------


def handling(content: Content) -> tuple[str, ...]:
    """Europol handling codes: H0, H1, H2, H3."""
    return texts(content, "handling")


def tlp(content: Content) -> str | None:
    """The TLP 2.0 label."""
    return text_of(content, "tlp")


def caveats(content: Content) -> dict[str, Any]:
    """What goes wherever the content goes: codes, label, grading with its scale, caveats."""
    names = ("handling", "handling_text", "tlp", "grading", "caveats", "exercise")
    return {name: content[name] for name in names if name in content}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a REL decides on an entry: for which use and fields, until when (ms)."""

    entry: bytes
    granted: bool
    use: str
    fields: frozenset[str]
    conditions: str
    expires: int | None


def decision(content: Content) -> Decision | None:
    """The decision in a REL; None for a request, or where it is not said of what."""
    entry, said = reference(content, "entry"), text_of(content, "decision")
    if entry is None or said not in ("granted", "refused"):
        return None
    return Decision(
        entry=entry,
        granted=said == "granted",
        use=text_of(content, "use") or "",
        fields=frozenset(texts(content, "fields")),
        conditions=text_of(content, "conditions") or "",
        expires=whole(content, "expires"),
    )


# -- reports -----------------------------------------------------------------------------------


def period(content: Content) -> Span | None:
    """What a SIT reports on."""
    part = content.get("period")
    if not isinstance(part, dict):
        return None
    start, end = whole(part, "from"), whole(part, "to")
    return Span(start, end) if start is not None and end is not None and end > start else None


def nil(content: Content) -> bool:
    """Whether a SIT is a nil return."""
    return content.get("nil") is True


# -- what it is about --------------------------------------------------------------------------


def subject(kind: str | None, content: Content) -> str:
    """One line that tells people what an entry is about; foreign text, to be put through
    `shown`."""
    named = identifiers(content)[:2]
    said = _goods(content) or text_of(content, *_SUBJECTS)
    return " ".join([*named, said] if said else named) or (kind or "?")


def identifiers(content: Content) -> tuple[str, ...]:
    """Container, vessel, plate and the like, wherever they stand, as they were written."""
    return tuple(dict.fromkeys(text for _, text in _identified(content)))


def sightings(kind: str | None, content: Content) -> tuple[Seen, ...]:
    """Where the entry's author saw which container: SZR and NDR; what is only expected, or
    reported by a targeting system, is no sighting."""
    spots: list[tuple[str, Span]] = []
    if kind == SEIZURE:
        at, place = whole(content, "at"), text_of(content, "office")
        if at is not None and place is not None:
            lasts = _PRECISION.get(str(content.get("precision")), _MINUTE)
            spots.append((squeezed(place), Span(at, at + lasts)))
    elif kind == NOTABLE:
        rows = content.get("sightings")
        for row in rows if isinstance(rows, list) else ():
            at = whole(row, "at") if isinstance(row, dict) else None
            place = text_of(row, "place") if isinstance(row, dict) else None
            if at is not None and place is not None:
                spots.append((squeezed(place), Span(at, at + _MINUTE)))
    if not spots:
        return ()
    parts = [content.get(name) for name in ("conveyance", "identifiers")]
    said = [text_of(part, _CONTAINER) for part in parts if isinstance(part, dict)]
    numbers = {squeezed(text) for text in said if text is not None}
    return tuple(Seen(number, place, when) for number in sorted(numbers) for place, when in spots)


def squeezed(text: str) -> str:
    """Letters and digits alone, upper case: one spelling for one identifier."""
    return "".join(char for char in text.upper() if char.isalnum())


def _identified(content: Content) -> Iterator[tuple[str, str]]:
    """(name of the field, number) wherever one stands."""
    for name, value in walk(content):
        if name in _IDENTIFIERS and isinstance(value, str):
            yield name, value


def walk(content: Content) -> Iterator[tuple[str, Any]]:
    """Every field with its value, nested ones too, in the content's order; at most 2,000."""
    waiting: list[tuple[str, Any]] = [("", content)]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        name, value = waiting.pop()
        yield name, value
        if isinstance(value, dict):
            waiting += [(str(key), item) for key, item in reversed(list(value.items()))]
        elif isinstance(value, list | tuple):
            waiting += [(name, item) for item in reversed(value)]


def _goods(content: Content) -> str | None:
    lines = content.get("goods")
    if isinstance(lines, list) and lines and isinstance(lines[0], dict):
        line = [text_of(lines[0], name) for name in ("category", "quantity", "unit")]
        return " ".join(part for part in line if part is not None)
    return None
