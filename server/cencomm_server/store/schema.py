"""Collections, their unique keys and their $jsonSchema validators, as data made from `documents`.

The validators are made from the records' own types, so no field can be forgotten in one of them.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from cencomm_server.store.documents import (
    AccountDoc,
    EntryDoc,
    GrantDoc,
    InvitationDoc,
    LogDoc,
    LogKind,
    SessionDoc,
    WrapsDoc,
)

_BSON: dict[type, Any] = {
    bytes: {"bsonType": "binData"},
    str: {"bsonType": "string"},
    bool: {"bsonType": "bool"},
    int: {"bsonType": ["int", "long"]},
}
_NUMBER, _BYTES, _TEXT = _BSON[int], _BSON[bytes], _BSON[str]
_DATE = {"bsonType": "date"}


@dataclass(frozen=True, slots=True)
class Index:
    """An ascending index; `only` makes it partial, `expire` lets the store delete at that date."""

    keys: tuple[str, ...]
    unique: bool = False
    only: Mapping[str, Any] | None = None
    expire: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """One collection; `key` is the record's field that is stored as `_id`, if one alone is it."""

    name: str
    validator: Mapping[str, Any]
    key: str | None = None
    indexes: tuple[Index, ...] = ()


def _shape_of(hint: Any) -> dict[str, Any]:
    """The $jsonSchema of one annotation; ids are NewTypes over bytes."""
    hint = getattr(hint, "__supertype__", hint)
    if isinstance(hint, types.UnionType):
        return {
            "anyOf": [
                {"bsonType": "null"} if h is types.NoneType else _shape_of(h)
                for h in get_args(hint)
            ]
        }
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint):
        return _object(get_type_hints(hint))
    return dict(_BSON[hint])


def _object(hints: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: _shape_of(hint) for name, hint in hints.items()} | more
    return {
        "bsonType": "object",
        "required": sorted(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _layout(
    name: str,
    record: type | None,
    *indexes: Index,
    key: str | None = None,
    **more: Mapping[str, Any],
) -> Layout:
    hints = get_type_hints(record) if record is not None else {}
    shape = _object(hints, **more)
    # `_id` is an ObjectId of the driver's where no single field is the key.
    shape["properties"]["_id"] = shape["properties"].pop(key) if key else {"bsonType": "objectId"}
    shape["required"] = sorted(shape["properties"])
    return Layout(name, {"$jsonSchema": shape}, key, indexes)


def _either(layout: Layout, other: Layout) -> Layout:
    """One collection that holds documents of both shapes; key and indexes are the first one's."""
    shapes = [shape.validator["$jsonSchema"] for shape in (layout, other)]
    return dataclasses.replace(layout, validator={"$jsonSchema": {"anyOf": shapes}})


_EXPIRE = Index(("gone",), expire=True)

LOGS = _layout(
    "logs",
    LogDoc,
    # one directory per deployment, whichever process makes it (DESIGN 2)
    Index(("kind",), unique=True, only={"kind": LogKind.DIRECTORY.value}),
    key="log",
)
ENTRIES = _either(
    _layout(
        "entries",
        EntryDoc,
        Index(("log", "seq"), unique=True),  # the compare-and-set; of a note (log, -size)
        Index(("log", "scope", "device", "id"), unique=True),  # A5
        log=_BYTES,
    ),
    # a checkpoint, in the same collection: see `kept_logs`
    _layout("entries", None, log=_BYTES, seq=_NUMBER, id=_BYTES, note=_BYTES),
)
WRAPS = _layout(
    "wraps", WrapsDoc, Index(("log", "chan", "n", "inner"), unique=True), log=_BYTES, put=_NUMBER
)
GRANTS = _layout(
    "grants",
    GrantDoc,
    Index(("log", "chan", "n", "device", "inner"), unique=True),
    log=_BYTES,
    put=_NUMBER,
)
ACCOUNTS = _layout("accounts", AccountDoc, Index(("account",), unique=True), key="person")
FAILURES = _layout(
    "failures", None, Index(("who", "at")), _EXPIRE, who=_TEXT, at=_NUMBER, gone=_DATE
)
RECOVERY = _layout(
    "recovery", None, Index(("person",)), key="code_hash", code_hash=_BYTES, person=_BYTES
)
SESSIONS = _layout(
    "sessions",
    SessionDoc,
    Index(("device",)),
    Index(("person",)),
    _EXPIRE,
    key="token_hash",
    gone=_DATE,
)
CHALLENGES = _layout(
    "challenges",
    None,
    _EXPIRE,
    key="nonce",
    nonce=_BYTES,
    device=_BYTES,
    expires=_NUMBER,
    gone=_DATE,
)
INVITATIONS = _layout(
    "invitations", InvitationDoc, Index(("by",)), _EXPIRE, key="lookup", gone=_DATE
)
META = _layout("meta", None, key="about", about=_TEXT, format=_NUMBER, pings=_NUMBER)

LAYOUTS = (
    META,
    LOGS,
    ENTRIES,
    WRAPS,
    GRANTS,
    ACCOUNTS,
    FAILURES,
    RECOVERY,
    SESSIONS,
    CHALLENGES,
    INVITATIONS,
)
