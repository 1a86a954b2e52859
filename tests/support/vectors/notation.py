"""How values, cases and files of vectors are written down.

A value of the CBOR subset is shown in JSON: text, booleans and integers up to 2^53-1 as they
are; {"hex": ..} bytes; {"int": "decimal"} greater integers; [..] arrays; {"map": [[key, value],
..]} maps, in the order of their encoding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import shake_256
from typing import Any

Json = Any  # what json.dumps takes
_SAFE = 2**53 - 1


def show(value: Any) -> Json:
    """A value in the notation above."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_SAFE <= value <= _SAFE else {"int": str(value)}
    if isinstance(value, Mapping):
        rows = sorted(value.items(), key=lambda row: (len(row[0].encode()), row[0].encode()))
        return {"map": [[key, show(item)] for key, item in rows]}
    return [show(item) for item in value]


@dataclass(frozen=True, slots=True)
class Case:
    """One vector. `op` names what is done, `rule` the rule of PROTOCOL.md that it shows."""

    name: str
    rule: str
    op: str
    inputs: Mapping[str, Json]
    output: Mapping[str, Json] | None = None
    failure: str | None = None
    intermediate: Mapping[str, Json] = field(default_factory=dict)

    def shown(self) -> Json:
        """The case as JSON; bytes become hex strings."""
        row: dict[str, Json] = {"name": self.name, "rule": self.rule, "op": self.op}
        row["inputs"] = _hexed(self.inputs)
        if self.intermediate:
            row["intermediate"] = _hexed(self.intermediate)
        if (self.output is None) == (self.failure is None):
            raise ValueError(f"{self.name}: an output or a failure expected")
        if self.output is not None:
            row["output"] = _hexed(self.output)
        else:
            row["failure"] = str(self.failure)
        return row


@dataclass(frozen=True, slots=True)
class Book:
    """One file: what it is about, its cases, and the logs that several of them begin with."""

    title: str
    cases: list[Case]
    scenes: Mapping[str, Json] = field(default_factory=dict)

    def text(self) -> str:
        """The file: one line per case, so that a change shows where it is."""
        names = [case.name for case in self.cases]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{self.title}: two cases of one name: {sorted(twice)}")
        parts = ['{\n"title": ' + _line(self.title)]
        if self.scenes:
            rows = [f"{_line(name)}: {_line(scene)}" for name, scene in self.scenes.items()]
            parts.append('"scenes": {\n' + ",\n".join(rows) + "\n}")
        parts.append('"cases": [\n' + ",\n".join(_lines(self.cases)) + "\n]")
        return ",\n".join(parts) + "\n}\n"


def _lines(cases: Iterable[Case]) -> list[str]:
    return [_line(case.shown()) for case in cases]


def _line(value: Json) -> str:
    return json.dumps(_hexed(value), ensure_ascii=True, separators=(",", ":"))


def _hexed(value: Json) -> Json:
    """Bytes as hex strings, all the way down."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: _hexed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hexed(item) for item in value]
    return value


def fixed(name: str, size: int = 32) -> bytes:
    """Bytes that differ for each name and are the same in every run."""
    return shake_256(b"CENcomm vectors/" + name.encode()).digest(size)
