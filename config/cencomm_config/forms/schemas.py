"""Loading the schema files, and making each form one schema without references.

A file by itself is a plain JSON Schema 2020-12 with references to `shared.json`. What is checked,
narrowed and hashed is the whole schema, with the envelope's fields among its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from importlib import resources
from typing import Any

CODES = (
    *("MSG", "WRN", "HIT", "ACK", "FBK", "SZR", "NDR", "RFI", "RPL"),
    *("TSK", "SIT", "BUL", "CDN", "REL", "COR", "WDR", "EXP", "DBR"),
)
"""The rows of the form table (DOMAIN), in its order."""
_ENVELOPE = "envelope"
Schema = dict[str, Any]


@cache
def source(name: str) -> Schema:
    """The file `schemas/<name>.json` as it is; not to be changed."""
    return _read("schemas", name)


def example(code: str) -> Schema:
    """A right form and three or more ways to spoil it: `{passes, fails: [{field, value?, wrong}]}`.

    `field` takes `value`, or goes; `wrong` are the paths that the errors name.
    """
    return _read("examples", code)


@cache
def envelope_fields() -> tuple[str, ...]:
    """Names of the handling fields that every form has."""
    return tuple(source("shared")["$defs"][_ENVELOPE]["properties"])


def whole(code: str) -> Schema:
    """The form's schema without references; the caller's own copy."""
    made: Schema = _resolved(source(code))
    envelope, *rules = made.pop("allOf")
    made["properties"] = {**made["properties"], **envelope.pop("properties")}
    made["allOf"] = [envelope, *rules]
    del made["unevaluatedProperties"]  # all fields stand in one place now
    made["additionalProperties"] = False
    return made


def _read(folder: str, name: str) -> Schema:
    file = resources.files(__package__).joinpath(folder, f"{name}.json")
    loaded: Schema = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _resolved(node: Any) -> Any:
    """A copy with every reference to the shared definitions put in its place."""
    if isinstance(node, list):
        return [_resolved(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" not in node:
        return {name: _resolved(item) for name, item in node.items()}
    beside = {name: item for name, item in node.items() if name != "$ref"}
    target = source("shared")["$defs"][node["$ref"].rpartition("/")[2]]
    return {**_resolved(deepcopy(target)), **beside}
