"""What the keeping modules ask of one collection, and how records become its documents."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar, get_type_hints

from cencomm_config.errors import StoreDown

from cencomm_server.store.schema import Layout

Document = dict[str, Any]
_Record = TypeVar("_Record")


class Collection(Protocol):
    """One collection of a document database; each call is atomic, durable, and may say StoreDown.

    Only what both MongoDB and the embedded store do alike (DESIGN 8): no upsert, no limit.
    """

    async def insert(self, document: Document) -> None:
        """Raises KeyTaken if a unique key of it is taken."""
        ...

    async def insert_many(self, documents: Sequence[Document]) -> int:
        """Insert in order; how many went in before a unique key was found taken, else all."""
        ...

    async def find(self, where: Document, order: str, fields: Sequence[str] = ()) -> list[Document]:
        """All that match, ascending by `order`; the caller's condition bounds them."""
        ...

    async def find_one(self, where: Document, fields: Sequence[str] = ()) -> Document | None:
        """The one that matches; `where` names a unique key."""
        ...

    async def update(self, where: Document, change: Document) -> bool:
        """Change the one that matches; False if none does. Never makes a document."""
        ...

    async def take(self, where: Document) -> Document | None:
        """Delete the one that matches and return it: to one caller only."""
        ...

    async def watch(self, where: Document, fields: Sequence[str]) -> AsyncIterator[Document]:
        """`fields` of each document inserted from now on that matches; open when this returns."""
        ...

    async def delete(self, where: Document) -> int:
        """Delete all that match; how many."""
        ...


class Records:
    """One kind of record, and the layout of its collection unless it is nested in another."""

    def __init__(self, record: type, layout: Layout | None = None) -> None:
        self._key = None if layout is None else layout.key
        self._names = tuple(field.name for field in dataclasses.fields(record))
        hints = get_type_hints(record)
        # 64-bit integers come back as the driver's own kind of int, which CBOR refuses
        self._kinds = {
            name: hint
            for name, hint in hints.items()
            if isinstance(hint, type) and (hint is int or issubclass(hint, StrEnum))
        }

    def document(self, record: Any, **more: Any) -> Document:
        """The record's fields, the key as `_id`, and `more` that the record does not know."""
        document = {self._stored(name): _plain(getattr(record, name)) for name in self._names}
        return document | more

    def values(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The record's arguments out of a document; fields that it does not know are left."""
        try:
            values = {name: document[self._stored(name)] for name in self._names}
            return values | {name: kind(values[name]) for name, kind in self._kinds.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise StoreDown("the store answered with what is no record of this program") from error

    def _stored(self, name: str) -> str:
        return "_id" if name == self._key else name


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
