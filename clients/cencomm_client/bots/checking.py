"""What a hit must look like before it is queued: the one place that knows the fields of HIT.

A source system may send anything (A31, A32): each field that is missing, of another type or out of
all reason is named, all of them at once, and nothing of it is sealed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.payload import MAX_PAYLOAD
from cencomm_crypto.public.encoding import encode

from cencomm_client.bots.reading import read_object
from cencomm_client.bots.source import RawHit
from cencomm_client.forms.fields import FieldError, Fields, FormInvalid, WrongValue
from cencomm_client.forms.identifiers import container, vessel

KIND = "HIT"
MAX_KEY = 200  # characters
MAX_TEXT = 2000
MAX_TERMS = 200
MAX_IDENTIFIERS = 200
MAX_SCORE = 100
FIRST_MS = 946_684_800_000  # 2000-01-01: no targeting system's snapshot is older
AHEAD_MS = 24 * 3_600_000  # a clock that is wrong by more is no clock
ROOM = 256  # bytes of a payload beside its content
_CHECKED = {"container": container, "vessel": vessel}
_UNCHECKED = ("mmsi", "awb", "post", "mrn", "gtin", "cas", "plate", "aircraft", "company", "person")
IDENTIFIERS = frozenset((*_CHECKED, *_UNCHECKED, "other"))


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit that may be sealed: the source's key, the message's kind and its content."""

    key: str
    kind: str
    content: dict[str, Any] = field(repr=False)


def checked(raw: RawHit, kind: str, now: int) -> Hit:
    """The hit in its normal form; raises FormInvalid with every field that is wrong.

    `now` in ms. Of other kinds than HIT only key, size and types are looked at.
    """
    errors: list[FieldError] = []
    try:
        given = read_object(raw.content) if isinstance(raw.content, bytes) else raw.content
        key = _key(key_of(given) if raw.key is None else raw.key, errors)
        content = _hit(given, key, now, errors) if kind == KIND else _plain(given, errors)
    except RecursionError as error:
        raise FormInvalid((FieldError("hit", "a deep nesting", "a map of fields"),)) from error
    if not errors:
        try:
            size = len(encode(content))
        except ProtocolError as error:
            errors.append(FieldError("content", error.code, f"what can be sealed: {error.detail}"))
        else:
            if size > MAX_PAYLOAD - ROOM:
                expected = f"at most {MAX_PAYLOAD - ROOM} bytes"
                errors.append(FieldError("content", f"{size} bytes", expected))
    if errors:
        raise FormInvalid(tuple(errors))
    return Hit(key, kind, content)


def key_of(content: Any) -> Any:
    """The key that a content names, whatever it is."""
    return content.get("key") if isinstance(content, Mapping) else None


def _hit(value: Any, key: str, now: int, errors: list[FieldError]) -> dict[str, Any]:
    fields = Fields(value, errors=errors)
    source = fields.text("source", text(100), "the name of the source system")
    rule = fields.part("rule")
    named = {}
    if rule is None:
        fields.complain("rule", "a map of id and version")
    else:
        named = {
            "id": rule.text("id", text(100), "the rule's id"),
            "version": rule.text("version", text(50), "the rule's version, as text"),
        }
        rule.close()
    score = fields.integer("score", 0, MAX_SCORE)
    if score is None and not _complained(errors, "score"):
        fields.complain("score", f"a whole number from 0 to {MAX_SCORE}")
    terms = fields.texts("terms", text(200), MAX_TERMS)
    identifiers = fields.parts("identifiers", _identifier, MAX_IDENTIFIERS)
    snapshot = fields.integer("snapshot", FIRST_MS, now + AHEAD_MS)
    if snapshot is None and not _complained(errors, "snapshot"):
        fields.complain("snapshot", "Unix milliseconds")
    note = fields.optional("text", text(MAX_TEXT))
    if fields.optional("key", text(MAX_KEY)) not in (None, key) and key:
        fields.complain("key", "the key that the hit came with")
    fields.close()
    made: dict[str, Any] = {
        "source": source,
        "rule": named,
        "score": score,
        "terms": list(terms),
        "identifiers": list(identifiers),
        "snapshot": snapshot,
        "key": key,
    }
    return made if note is None else {**made, "text": note}


def _identifier(fields: Fields) -> dict[str, str]:
    kind = fields.text("type", _known, f"one of {', '.join(sorted(IDENTIFIERS))}")
    value = fields.text("value", _CHECKED.get(kind, text(100)))
    fields.close()
    return {"type": kind, "value": value}


def _known(word: str) -> str:
    if word not in IDENTIFIERS:
        raise WrongValue(f"one of {', '.join(sorted(IDENTIFIERS))}")
    return word


def _key(value: Any, errors: list[FieldError]) -> str:
    try:
        if not isinstance(value, str):
            raise WrongValue(f"text of 1 to {MAX_KEY} characters")
        return text(MAX_KEY)(value)
    except WrongValue as error:
        read = "nothing" if value is None else str(value)[:80]
        errors.append(FieldError("key", read, str(error)))
        return ""


def _plain(value: Any, errors: list[FieldError]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    errors.append(FieldError("content", type(value).__name__, "a map of fields"))
    return {}


def _complained(errors: list[FieldError], path: str) -> bool:
    return any(error.path == path for error in errors)


def text(most: int) -> Callable[[str], str]:
    """A check: text of 1 to `most` characters, in NFC, without control characters."""

    def check(value: str) -> str:
        if not 1 <= len(value) <= most:
            raise WrongValue(f"text of 1 to {most} characters")
        if any(unicodedata.category(one) in ("Cc", "Cs") for one in value):
            raise WrongValue("text without control characters")
        return unicodedata.normalize("NFC", value)

    return check
