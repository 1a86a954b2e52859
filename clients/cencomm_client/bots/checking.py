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
from cencomm_client.forms.identifiers import container, country, locode, one_of, vessel

KIND = "HIT"
KEY_FIELD = "dedupe"
MAX_KEY = 64  # characters
MAX_MATCHED = 50
MAX_SCORE = 100
FIRST_MS = 946_684_800_000  # 2000-01-01: no targeting system's snapshot is older
AHEAD_MS = 24 * 3_600_000  # a clock that is wrong by more is no clock
FAR_MS = 3 * 365 * 24 * 3_600_000  # no arrival is planned that far ahead
ROOM = 256  # bytes of a payload beside its content
SUBJECTS = frozenset(
    ("consignment", "container", "vehicle", "vessel", "aircraft", "post", "passenger", "company")
)
TLP = frozenset(("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"))
HANDLING = frozenset(("H0", "H1", "H2", "H3"))
IDENTIFIERS = {"plate": 20, "flight": 20, "reference": 64} | dict.fromkeys(
    ("container", "vessel", "mmsi", "awb", "post", "mrn"), 35
)
"""Name of an identifier and its most characters, as in the form."""


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
    """The key that a content names, whatever that is."""
    return content.get(KEY_FIELD) if isinstance(content, Mapping) else None


def _hit(value: Any, key: str, now: int, errors: list[FieldError]) -> dict[str, Any]:
    if isinstance(value, Mapping):  # a source system's null is a field that it leaves out
        value = {name: given for name, given in value.items() if given is not None}
    fields = Fields(value, errors=errors)
    made: dict[str, Any] = {
        "source": fields.text("source", text(100), "the name of the source system"),
        "rule": fields.text("rule", text(64), "the rule's id"),
        "rule_version": fields.text("rule_version", text(32), "the rule's version, as text"),
        "score": fields.integer("score", 0, MAX_SCORE),
        "matched": list(fields.texts("matched", text(300), MAX_MATCHED)),
        "subject": fields.optional("subject", one_of(SUBJECTS)),
        "identifiers": _identifiers(fields.part("identifiers")),
        "route": _route(fields.part("route"), now),
        "snapshot_at": _moment(fields, "snapshot_at", now + AHEAD_MS),
        "dedupe": key,
        "tlp": fields.optional("tlp", one_of(TLP)),
        "handling": list(fields.texts("handling", one_of(HANDLING), len(HANDLING))),
        "handling_text": fields.optional("handling_text", text(1000)),
        "remarks": fields.optional("remarks", text(4000)),
    }
    if made["snapshot_at"] is None and not any(error.path == "snapshot_at" for error in errors):
        fields.complain("snapshot_at", "Unix milliseconds")
    named = fields.optional(KEY_FIELD, lambda word: word)
    if key and named is not None and unicodedata.normalize("NFC", named) != key:
        fields.complain(KEY_FIELD, "the key that the hit came with")
    fields.close()
    return {name: found for name, found in made.items() if found not in (None, [], {})}


def _identifiers(fields: Fields | None) -> dict[str, Any]:
    """Check digits count unless `as_seen` says that they were read so."""
    if fields is None:
        return {}
    as_seen = fields.flag("as_seen")
    checks = {} if as_seen else {"container": container, "vessel": vessel}
    made: dict[str, Any] = {
        name: fields.optional(name, checks.get(name, text(most)))
        for name, most in IDENTIFIERS.items()
    }
    made["plate_country"] = fields.optional("plate_country", country)
    fields.close()
    if as_seen:
        made["as_seen"] = True
    return {name: value for name, value in made.items() if value is not None}


def _route(fields: Fields | None, now: int) -> dict[str, Any]:
    if fields is None:
        return {}
    made: dict[str, Any] = {
        "departure": fields.optional("departure", locode),
        "transits": list(fields.texts("transits", locode, 20)),
        "destination": fields.optional("destination", locode),
        "eta": _moment(fields, "eta", now + FAR_MS),
    }
    fields.close()
    return {name: value for name, value in made.items() if value not in (None, [])}


def _moment(fields: Fields, name: str, latest: int) -> int | None:
    """Unix milliseconds within reason."""
    return fields.integer(name, FIRST_MS, latest)


def _key(value: Any, errors: list[FieldError]) -> str:
    try:
        if not isinstance(value, str):
            raise WrongValue(f"text of 1 to {MAX_KEY} characters")
        return text(MAX_KEY)(value)
    except WrongValue as error:
        read = "nothing" if value is None else str(value)[:80]
        errors.append(FieldError(KEY_FIELD, read, str(error)))
        return ""


def _plain(value: Any, errors: list[FieldError]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    errors.append(FieldError("content", type(value).__name__, "a map of fields"))
    return {}


def text(most: int) -> Callable[[str], str]:
    """A check: text of 1 to `most` characters, in NFC, without control characters."""

    def check(value: str) -> str:
        if not 1 <= len(value) <= most:
            raise WrongValue(f"text of 1 to {most} characters")
        if any(unicodedata.category(one) in ("Cc", "Cs") for one in value):
            raise WrongValue("text without control characters")
        return unicodedata.normalize("NFC", value)

    return check
