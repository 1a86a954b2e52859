"""One non-nominal record of a seizure, by allow-list (DOMAIN "CEN record").

A field that is not named here does not leave. Free text leaves only with a person's yes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cencomm_config.display import shown_time

FORMAT = 1
FREE_TEXT = frozenset(
    ["goods.description", "goods.brand", "goods.cites_taxon", "conveyance.type", "concealment"]
)
_CASE = ("country", "office", "location", "direction", "offence", "detection", "trigger")
_GOODS = (
    *("category", "hs", "description", "brand", "authenticity", "origin", "quantity", "unit"),
    *("pieces", "unweighed", "value", "currency", "cas", "cites_taxon", "cites_appendix"),
)
_ROUTE = ("departure", "transits", "destination")
_CONVEYANCE = ("mode", "type")
_AS_UNKNOWN = {"authenticity": "unknown"}  # where the form says nothing
_DATES = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%HZ", "minute": "%Y-%m-%dT%H:%MZ"}


@dataclass(frozen=True, slots=True, order=True)
class FreeText:
    """One piece of free text that waits for a person's yes: entry (leaf hash), path, the text."""

    leaf: bytes
    path: str  # "goods[0].description"
    text: str = field(compare=False)

    @property
    def answer(self) -> str:
        """The line that approves exactly this text: entry, path and the text's hash."""
        digest = sha256(self.text.encode()).hexdigest()[:16]
        return f"{self.leaf.hex()} {self.path} {digest}"


@dataclass(frozen=True, slots=True)
class Record:
    """One non-nominal record: the entry it is of, the fields that pass, the JSON value."""

    leaf: bytes
    fields: tuple[str, ...]
    value: Mapping[str, Any]

    @property
    def line(self) -> bytes:
        """The JSON line, ASCII, keys sorted."""
        return ascii_json(self.value) + b"\n"


def make_record(
    leaf: bytes, operation: str, seizure: Mapping[str, Any], approved: Collection[str]
) -> tuple[Record, list[FreeText]]:
    """The record of a seizure's content, and the free text that waits for a yes."""
    sieve = _Sieve(leaf, approved)
    persons = seizure.get("persons", ())
    when = shown_time(seizure["at"], _DATES[seizure["precision"]])
    case = sieve.part(seizure, _CASE, "")
    value: dict[str, Any] = {
        "format": FORMAT,
        "record": leaf.hex(),
        "operation": operation,
        "case": {**case, "date": when, "precision": seizure["precision"]},
        "goods": [
            sieve.part(_AS_UNKNOWN | goods, _GOODS, f"goods[{place}]")
            for place, goods in enumerate(seizure["goods"])
        ],
        "route": sieve.part(seizure.get("route", {}), _ROUTE, "route"),
        "persons": dict(sorted(Counter(person["role"] for person in persons).items())),
    }
    if "conveyance" in seizure:
        value["conveyance"] = sieve.part(seizure["conveyance"], _CONVEYANCE, "conveyance")
    value.update(sieve.part(seizure, ("concealment",), ""))
    fields = tuple(sorted({*sieve.fields, "date", "precision", "persons"}))
    return Record(leaf, fields, value), sieve.pending


class _Sieve:
    """Takes the listed fields of a form part; free text only with its yes."""

    def __init__(self, leaf: bytes, approved: Collection[str]) -> None:
        self._leaf, self._approved = leaf, approved
        self.fields: set[str] = set()
        self.pending: list[FreeText] = []

    def part(self, form: Mapping[str, Any], names: Iterable[str], path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name in names:
            value = form.get(name)
            if value in (None, [], False):
                continue
            general = f"{path.partition('[')[0]}.{name}" if path else name
            if general in FREE_TEXT:
                text = FreeText(self._leaf, f"{path}.{name}" if path else name, value)
                if text.answer not in self._approved:
                    self.pending.append(text)
                    continue
            self.fields.add(general)
            kept[name] = value
        return kept


def ascii_json(value: Any) -> bytes:
    """One form for one value: sorted keys, ASCII, no spaces."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
