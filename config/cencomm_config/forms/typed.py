"""From what a person typed, or a JSON file says, to a form's content.

Times are read in the person's zone where they name none, and told back with their offset; amounts
may be JSON numbers, their digits are kept; leaf hashes are hex. What cannot be read stays as it
is: the form's check then names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any

from cencomm_config.forms import schemas
from cencomm_config.forms.errors import spelled
from cencomm_config.forms.fields import Field, Kind, tree
from cencomm_config.forms.form import Form
from cencomm_config.forms.iso8601 import written

_YES = frozenset({"yes", "y", "true", "1", "oui", "o"})
_NO = frozenset({"no", "n", "false", "0", "non"})
_LEAF_DIGITS = 64
_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Typed:
    """A content, not checked yet, and its times as they were understood."""

    content: dict[str, Any]
    times: tuple[tuple[str, str], ...]  # (path, ISO 8601 with offset)


def loads(text: str) -> Any:
    """JSON with its decimal numbers as the text that they were written as; raises ValueError, also
    for a field that stands twice: who reads the file might go by the other one (A14)."""
    return json.loads(text, parse_float=str, object_pairs_hook=_once)


def typed(form: Form, value: Mapping[str, Any], zone: tzinfo | None = None) -> Typed:
    """A form's JSON as content; `zone` None is the machine's."""
    times: list[tuple[str, str]] = []
    content = _content(value, form.root, (), zone, times)
    return Typed(content, tuple(times))


def typed_value(field: Field, text: str, zone: tzinfo | None = None) -> Any:
    """One answer to a prompt as a value of its field."""
    text = text.strip()
    match field.kind:
        case Kind.FLAG:
            word = text.lower()
            return True if word in _YES else False if word in _NO else text
        case Kind.WHOLE:
            digits = text.replace(" ", "").replace("\N{NARROW NO-BREAK SPACE}", "")
            return int(digits) if _WHOLE.fullmatch(digits) else text
        case Kind.TIME:
            return read_time(text, zone) if moment(text, zone) is not None else text
        case Kind.LEAF:
            return _leaf(text)
    return text


def read_time(text: str, zone: tzinfo | None = None) -> int:
    """UTC milliseconds of a time; raises ValueError. Without a zone it is one of `zone`."""
    found = moment(text, zone)
    if found is None:
        raise ValueError(text)
    return int(found.timestamp()) * 1000 + found.microsecond // 1000


def moment(text: str, zone: tzinfo | None = None) -> datetime | None:
    """The time that a text means, with its zone; None if it means none.

    Without a zone it is one of `zone`: there is none while its clocks go forward, and where they
    go back the first of the two is meant.
    """
    found = written(text)
    if found is None:
        return None
    try:
        if found.tzinfo is None:
            local = found
            found = found.replace(tzinfo=zone) if zone is not None else found.astimezone()
            if found.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != local:
                return None
        return found if found.astimezone(UTC).year >= 1970 else None
    except (OverflowError, OSError):
        return None  # the machine's zone knows no such year


def told_time(ms: int, zone: tzinfo | None = None) -> str:
    """A stored time in the person's zone, with its offset; one that no calendar has as its number:
    its author may be of bad will, and its reader east of Greenwich at the end of 9999."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).isoformat(timespec="minutes")
    except (OverflowError, OSError, ValueError):
        return str(ms)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!a} stands twice in one group")
    return made


def _content(
    value: Any,
    field: Field | None,
    path: tuple[str | int, ...],
    zone: tzinfo | None,
    times: list[tuple[str, str]],
) -> Any:
    if isinstance(value, Mapping):
        free = field is not None and field.kind is Kind.ANY
        below = any_field() if free else {} if field is None else field.fields
        return {
            name: _content(item, below.get(name), (*path, name), zone, times)
            for name, item in value.items()
            if item is not None  # an empty field of a file is one that is not there
        }
    if isinstance(value, list):
        row = None if field is None else field.row
        return [
            _content(item, row, (*path, place), zone, times) for place, item in enumerate(value)
        ]
    if field is None:
        return value
    if field.kind is Kind.TIME and isinstance(value, str):
        found = moment(value, zone)
        if found is None:
            return value
        times.append((spelled(path), found.isoformat(timespec="minutes")))
        return read_time(value, zone)
    if field.format == "decimal" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _leaf(value) if field.kind is Kind.LEAF and isinstance(value, str) else value


def _leaf(text: str) -> bytes | str:
    try:
        return bytes.fromhex(text) if len(text) == _LEAF_DIGITS else text
    except ValueError:
        return text


@cache
def any_field() -> Mapping[str, Field]:
    """Fields by name, of whichever form: what a correction may hold.

    A name that is a leaf hash in one form is one in all (a test holds that).
    """
    found: dict[str, Field] = {}
    for code in schemas.CODES:
        found.update(tree(schemas.whole(code)).fields)
    return found
