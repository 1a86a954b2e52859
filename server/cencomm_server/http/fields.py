"""Strict JSON: one object, no field twice, missing or unknown, each of its type (A14, A35)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from cencomm_config.display import shown
from cencomm_config.errors import BadRequest
from cencomm_crypto.errors import ErrorCode, ProtocolError

_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


class Fields:
    """The fields of one JSON object, each read once by name; `end` refuses what nobody read."""

    def __init__(self, value: dict[str, Any]) -> None:
        """Call `parse` or `of`."""
        self._left = value

    @classmethod
    def parse(cls, body: bytes) -> Fields:
        """Raises BadRequest when `body` is not one JSON object in UTF-8."""
        try:
            value = json.loads(
                body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
            )
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8; expected one JSON object") from None
        except RecursionError:
            detail = "the JSON is nested too deeply; one flat object expected"
            raise ProtocolError(ErrorCode.TOO_DEEP, detail) from None
        except ValueError as error:
            reason = shown(str(error), max_len=80)
            raise BadRequest(f"the body is not JSON ({reason}); one JSON object expected") from None
        return cls.of(value)

    @classmethod
    def of(cls, value: object) -> Fields:
        """A value that came out of JSON already; raises BadRequest unless it is an object."""
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise BadRequest(f"read {_kind(value)}; expected a JSON object")
        return cls(dict(value))

    def hex(self, name: str, size: int) -> bytes:
        """A byte string of exactly `size` bytes, written in lower-case hex."""
        return from_hex(self._take(name, str), size, f"field {name}")

    def text(self, name: str, most: int) -> str:
        """A string of 1 to `most` characters that a person may be shown as it is."""
        value: str = self._take(name, str)
        if not 0 < len(value) <= most or shown(value) != value:
            raise BadRequest(f"field {name}: expected 1 to {most} plain characters")
        return value

    def has(self, name: str) -> bool:
        """Whether an optional field is there and was not read yet."""
        return name in self._left

    def letters(self, name: str, count: int) -> str:
        """Exactly `count` characters of base32: A to Z and 2 to 7."""
        value: str = self._take(name, str)
        if len(value) != count or not set(value) <= _BASE32:
            raise BadRequest(f"field {name}: expected {count} letters and digits of base32")
        return value

    def digits(self, name: str, count: int) -> str:
        """Exactly `count` ASCII digits, as a string."""
        value: str = self._take(name, str)
        if len(value) != count or not (value.isascii() and value.isdigit()):
            raise BadRequest(f"field {name}: expected {count} digits in a string")
        return value

    def count(self, name: str, most: int = 2**53 - 1) -> int:
        """An integer from 0 to `most`."""
        value: int = self._take(name, int)
        if not 0 <= value <= most:
            raise BadRequest(f"field {name}: expected a whole number from 0 to {most}")
        return value

    def end(self) -> None:
        """Call after the last field."""
        if self._left:
            names = ", ".join(shown(name, max_len=40) for name in sorted(self._left)[:5])
            raise BadRequest(f"unknown field: {names}; docs/api.md lists those expected")

    def _take(self, name: str, kind: type) -> Any:
        if name not in self._left:
            raise BadRequest(f"field {name} is missing")
        value = self._left.pop(name)
        if type(value) is not kind:
            expected = "a string" if kind is str else "a whole number"
            raise BadRequest(f"field {name}: expected {expected}, got {_kind(value)}")
        return value


def from_hex(text: str, size: int, what: str) -> bytes:
    """`size` bytes from lower-case hex; raises BadRequest naming `what`."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or data.hex() != text:
        raise BadRequest(f"{what}: expected {2 * size} lower-case hex digits")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    return "null" if value is None else names.get(type(value), "a number")
