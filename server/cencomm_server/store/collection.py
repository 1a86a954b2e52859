"""What the keeping modules ask of one collection, and how records become its documents."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, cast, get_type_hints

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

    async def update_all(self, where: Document, change: Document) -> int:
        """Change all that match, one by one; how many did."""
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


class Records(Generic[_Record]):
    """One kind of record, and the layout of its collection unless it is nested in another."""

    def __init__(self, record: type[_Record], layout: Layout | None = None) -> None:
        self._record = record
        self._names = tuple(field.name for field in dataclasses.fields(cast(Any, record)))
        key = None if layout is None else layout.key
        self._stored = tuple("_id" if name == key else name for name in self._names)
        hints = get_type_hints(record)
        # 64-bit integers come back as the driver's own kind of int, which CBOR refuses
        self._kinds: list[tuple[int, Callable[[Any], Any]]] = [
            (place, hints[name])
            for place, name in enumerate(self._names)
            if isinstance(hints[name], type)
            and (hints[name] is int or issubclass(hints[name], StrEnum))
        ]

    def document(self, record: _Record, **more: Any) -> Document:
        """The record's fields, the key as `_id`, and `more` that the record does not know."""
        fields = zip(self._stored, self._names, strict=True)
        return {stored: _plain(getattr(record, name)) for stored, name in fields} | more

    def record(self, document: Mapping[str, Any]) -> _Record:
        """The record that a document holds; fields that it does not know are left."""
        return self._record(*self._read(document))

    def values(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The record's arguments by name, where one of them is still to be changed."""
        return dict(zip(self._names, self._read(document), strict=True))

    def _read(self, document: Mapping[str, Any]) -> list[Any]:
        try:
            values = [document[name] for name in self._stored]
            for place, kind in self._kinds:
                values[place] = kind(values[place])
        except (KeyError, TypeError, ValueError) as error:
            raise StoreDown("the store answered with what is no record of this program") from error
        return values


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
