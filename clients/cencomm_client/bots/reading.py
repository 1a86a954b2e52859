"""JSON of a source system, read strictly: what two parsers could read in two ways is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from cencomm_client.forms.fields import FieldError, FormInvalid

MAX_BYTES = 256 * 1024


def read_object(data: bytes) -> dict[str, Any]:
    """The object; raises FormInvalid that says what was read instead."""
    if len(data) > MAX_BYTES:
        raise _wrong(f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_no_float,
        )
    except UnicodeDecodeError as error:
        raise _wrong("other bytes", "JSON in UTF-8") from error
    except RecursionError as error:
        raise _wrong("a deep nesting", "a JSON object") from error
    except FormInvalid:
        raise
    except ValueError as error:
        raise _wrong(f"no JSON ({error})"[:120], "a JSON object") from error
    if not isinstance(value, dict):
        raise _wrong(f"a {type(value).__name__}", "a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FormInvalid((FieldError(twice[:80], "the field twice", "each field once"),))
    return made


def _no_constant(word: str) -> NoReturn:
    raise _wrong(word, "numbers")


def _no_float(word: str) -> NoReturn:
    raise _wrong(word[:40], "whole numbers, amounts as text")


def _wrong(read: str, expected: str) -> FormInvalid:
    return FormInvalid((FieldError("hit", read, expected),))
