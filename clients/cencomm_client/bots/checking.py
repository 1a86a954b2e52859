"""What a hit must look like before it is queued: its form, and what only this moment can judge.

A source system may send anything (A31, A32): each field that is missing, of another type or out of
all reason is named, all of them at once, and nothing of it is sealed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cencomm_config.catalog import LANGUAGES, sentence
from cencomm_config.catalog.pseudo import PSEUDO
from cencomm_config.forms import FieldError, FormInvalid, FormSet, base_set
from cencomm_config.forms.errors import Expected, read_text
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.payload import MAX_PAYLOAD
from cencomm_crypto.public.encoding import encode

from cencomm_client.bots.reading import read_object, wrong_hit
from cencomm_client.bots.source import RawHit

KIND = "HIT"
KEY_FIELD = "dedupe"
MAX_KEY = 64  # characters
FIRST_MS = 946_684_800_000  # 2000-01-01: no targeting system's snapshot is older
AHEAD_MS = 24 * 3_600_000  # a clock that is wrong by more is no clock
FAR_MS = 3 * 365 * 24 * 3_600_000  # no arrival is planned that far ahead
ROOM = 256  # bytes of a payload beside its content
MOST_VALUES = 2_000  # of all lists and maps: no source says more of one hit, each could be wrong
MOST_ERRORS = 50  # that are told of one hit
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # Cc and Cs, but \n and \t


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit that may be sealed: the source's key, the message's kind and its content."""

    key: str
    kind: str
    content: dict[str, Any] = field(repr=False)


def checked(raw: RawHit, kind: str, now: int, forms: FormSet | None = None) -> Hit:
    """The hit in its normal form; raises FormInvalid with the fields that are wrong.

    `now` in ms; `forms` the operation's set, the base set where it is not given.
    """
    if raw.unread:
        raise wrong_hit(raw.unread, "hit_json")
    try:
        given = read_object(raw.content) if isinstance(raw.content, bytes) else raw.content
        if not isinstance(given, Mapping):
            raise wrong_hit(type(given).__name__, "hit_json")
        small = isinstance(raw.content, bytes) and len(raw.content) <= 2 * MOST_VALUES
        if not small and (values := _count(given)) > MOST_VALUES:
            raise wrong_hit(f"{values} values", "hit_values", most=MOST_VALUES)
        # A source system's null is a field that it leaves out.
        content = {name: value for name, value in given.items() if value is not None}
        found = key_of(content) if raw.key is None else raw.key
        key, errors = _key(content, found)
        if kind == KIND and key:
            content.setdefault(KEY_FIELD, key)
        if "triage" in content:  # people decide, no source system: nobody would look at it
            errors.append(_undecided(content["triage"]))
        form = (forms or base_set()).form(kind)
        made = form.normal(content)
        known = {error.path for error in errors}
        errors += [error for error in form.check(made) if error.path not in known]
    except RecursionError as error:
        raise wrong_hit("a deep nesting", "hit_json") from error
    errors += _unlikely(made, now)
    known = {error.path for error in errors}
    errors += [error for error in _unseen(made) if error.path not in known]
    if not errors:
        errors += _too_large(made)
    if errors:
        raise FormInvalid(tuple(errors[:MOST_ERRORS]))
    return Hit(key, kind, made)


def _count(value: Any) -> int:
    """How many values a content has, at every depth."""
    below: Iterable[Any] = ()
    if isinstance(value, Mapping):
        below = value.values()
    elif isinstance(value, list | tuple):
        below = value
    return 1 + sum(map(_count, below))


def key_of(content: Any) -> Any:
    """The key that a content names, whatever that is."""
    return content.get(KEY_FIELD) if isinstance(content, Mapping) else None


def labels_of(name: str) -> dict[str, str]:
    """The catalogue's words for a field, by language."""
    return {language: sentence(f"label_hit_{name}", language) for language in (*LANGUAGES, PSEUDO)}


def _key(content: Mapping[str, Any], value: Any) -> tuple[str, list[FieldError]]:
    """The key in NFC, or what is wrong with it."""
    text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= MAX_KEY or any(unicodedata.category(one)[0] == "C" for one in text):
        read = None if value is None else read_text(value)
        expected = Expected("hit_key", {"most": MAX_KEY})
        return "", [FieldError((KEY_FIELD,), labels_of("key"), read, expected)]
    named = content.get(KEY_FIELD, text)
    if not isinstance(named, str) or unicodedata.normalize("NFC", named).strip() != text:
        expected = Expected("hit_key_differs")
        return text, [FieldError((KEY_FIELD,), labels_of("key"), read_text(named), expected)]
    return text, []


def _undecided(value: Any) -> FieldError:
    labels = base_set().form(KIND).root.fields["triage"].labels
    return FieldError(("triage",), labels, read_text(value), Expected("field_unknown"))


def _unlikely(content: Mapping[str, Any], now: int) -> list[FieldError]:
    """Times that are whole numbers of milliseconds, and out of all reason."""
    route = content.get("route")
    eta = route.get("eta") if isinstance(route, Mapping) else None
    snapshot = content.get("snapshot_at")
    found = []
    for steps, value, latest in (
        (("snapshot_at",), snapshot, now + AHEAD_MS),
        (("route", "eta"), eta, now + FAR_MS),
    ):
        if type(value) is int and not FIRST_MS <= value <= latest:
            expected = Expected("field_whole", {"least": FIRST_MS, "most": latest})
            labels = labels_of(steps[-1])
            found.append(FieldError(steps, labels, read_text(value), expected))
    return found


def _unseen(value: Any, steps: tuple[str | int, ...] = ()) -> list[FieldError]:
    """Texts with control characters, which no source system has a use for (A51)."""
    if isinstance(value, str):
        if not _CONTROL.search(value):
            return []
        labels = {"en": str(steps[-1]) if steps else "?"}
        return [FieldError(steps, labels, read_text(value), Expected("hit_seen"))]
    below: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, list | tuple):
        below = enumerate(value)
    elif isinstance(value, dict) or (not isinstance(value, int) and isinstance(value, Mapping)):
        below = value.items()
    return [
        error
        for name, item in below
        for error in _unseen(item, (*steps, name if isinstance(name, int) else str(name)))
    ]


def _too_large(content: Mapping[str, Any]) -> list[FieldError]:
    labels, most = labels_of("content"), MAX_PAYLOAD - ROOM
    try:
        size = len(encode(content))
    except ProtocolError as error:
        return [FieldError(("content",), labels, str(error.code), Expected("hit_sealable"))]
    if size <= most:
        return []
    expected = Expected("hit_bytes", {"most": most})
    return [FieldError(("content",), labels, f"{size} bytes", expected)]
