"""Reads the files and the notation of values in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "crypto" / "vectors"

Inputs = Mapping[str, Any]
Outcome = dict[str, Any]
Op = Callable[[Inputs], Outcome]


def books() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file's name and content."""
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_text("ascii"))


def raw(inputs: Inputs, name: str) -> bytes:
    """A byte string, written as hex."""
    return bytes.fromhex(inputs[name])


def value(shown: Any) -> Any:
    """A CBOR value from its notation."""
    if isinstance(shown, dict):
        if "hex" in shown:
            return bytes.fromhex(shown["hex"])
        if "int" in shown:
            return int(shown["int"])
        return {key: value(item) for key, item in shown["map"]}
    if isinstance(shown, list):
        return [value(item) for item in shown]
    return shown


def plain(found: Any) -> Any:
    """An outcome in the notation of outputs: bytes as hex, tuples as arrays."""
    if isinstance(found, bytes):
        return found.hex()
    if isinstance(found, Mapping):
        return {key: plain(item) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [plain(item) for item in found]
    return found


def notation(found: Any) -> Any:
    """A CBOR value in the notation of values."""
    if isinstance(found, bytes):
        return {"hex": found.hex()}
    if isinstance(found, Mapping):
        keys = sorted(found, key=lambda key: (len(key.encode()), key.encode()))
        return {"map": [[key, notation(found[key])] for key in keys]}
    if isinstance(found, list | tuple):
        return [notation(item) for item in found]
    if isinstance(found, bool | str) or abs(found) < 2**53:
        return found
    return {"int": str(found)}
