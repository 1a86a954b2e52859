"""The words in which `described` tells what a route takes and gives: JSON Schema of what travels.

Imported by `described` and `openapi`; knows no route.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cencomm_server.http.call import JSON

Schema = Mapping[str, Any]
MOST = 2**53 - 1


def hexes(size: int) -> Schema:
    """`size` bytes in lower-case hex."""
    digits = 2 * size
    return {
        "type": "string",
        "pattern": f"^[0-9a-f]{{{digits}}}$",
        "minLength": digits,
        "maxLength": digits,
    }


def whole(least: int = 0, most: int = MOST, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def either(*values: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": schema}


def an_object(**fields: Schema) -> Schema:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "required": list(fields),
        "additionalProperties": False,
        "properties": dict(fields),
    }


def perhaps(schema: Schema, **fields: Schema) -> Schema:
    """The object, with fields that need not be there."""
    return {**schema, "properties": {**schema["properties"], **fields}}


BYTES: Schema = {"type": "string", "contentEncoding": "binary"}
STRING: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter after `?`."""

    name: str
    schema: Schema
    says: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What `routes` does not say of a route; `codes` beside those that every route may give."""

    says: str
    gives: Schema
    media: str = JSON
    takes: Schema | None = None
    query: Sequence[Parameter] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    codes: Sequence[str] = ()
    unready: Schema | None = None  # what a 503 gives in place of a failure
