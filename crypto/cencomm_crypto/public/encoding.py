"""Deterministic CBOR (RFC 8949 4.2), one strict subset (PROTOCOL 1.4, A14, A35).

Values: integers of 64 bits, byte strings, NFC text, booleans, arrays, maps with text keys of
at most 23 bytes. No floats, tags, null, undefined, simple values, bignums, indefinite lengths
or duplicate keys. `decode` takes exactly what `encode` makes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cbor2

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.scan import MAX_DEPTH, MAX_KEY_BYTES, check_item
from cencomm_crypto.public.unicode14 import unassigned

Value = Any  # int | bytes | str | bool | list | dict with text keys, recursively

INT_MIN, INT_MAX = -(2**64), 2**64 - 1


def _refuse_tag(*_: object) -> Value:
    """No tag is decoded: shared references (28, 29) make few bytes grow when walked (A35)."""
    raise ValueError("a tag")


_NO_TAGS = dict.fromkeys(
    (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43_000, 55_799),
    _refuse_tag,
)

_UNREADABLE = (
    cbor2.CBORError, ProtocolError, ValueError, TypeError, OverflowError, RecursionError
)  # fmt: skip


def encode(value: Value) -> bytes:
    """Encode `value`; raises ProtocolError for anything outside the subset."""
    return cbor2.dumps(_normal(value, 0))


def decode(data: bytes, *, max_size: int) -> Value:
    """Decode strictly: size before parsing, parse, walk, re-encode and compare (A14).

    Raises ProtocolError with the code of the first offence in reading order (PROTOCOL 1.4).
    """
    if len(data) > max_size:
        raise ProtocolError(
            ErrorCode.TOO_LARGE, f"{len(data)} bytes read, at most {max_size} expected"
        )
    try:
        value = _parse(data)
        good = is_normal(value) and cbor2.dumps(value) == data
    except _UNREADABLE as error:
        raise _offence(data) from error
    if not good:
        raise _offence(data)
    return value


def decode_if(surely: Callable[[Value], bool], data: bytes) -> Value | None:
    """As `decode`, of small data for which `surely` stands in for the walk: it says True only
    of values that `is_normal` takes too. None for all else: `decode` tells what is wrong."""
    try:
        value = _parse(data)
        return value if surely(value) and cbor2.dumps(value) == data else None
    except _UNREADABLE:
        return None


def _parse(data: bytes) -> Value:
    return cbor2.loads(
        data,
        max_depth=MAX_DEPTH + 1,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
        semantic_decoders=_NO_TAGS,
        tag_hook=_refuse_tag,
    )


def decode_map(data: bytes, *, max_size: int) -> dict[str, Value]:
    """Decode and require a map at the top."""
    value = decode(data, max_size=max_size)
    if not isinstance(value, dict):
        raise ProtocolError(ErrorCode.MALFORMED, "a map expected at the top level")
    return value


def _offence(data: bytes) -> ProtocolError:
    """Why `data`, which was refused, is not in the subset."""
    try:
        check_item(data)
    except ProtocolError as offence:
        return offence
    return ProtocolError(
        ErrorCode.NOT_CANONICAL, "re-encoding gives other bytes; deterministic CBOR expected"
    )


def _normal(value: Value, depth: int) -> Value:
    """The value checked, its maps as dicts in canonical order, so that cbor2 need not sort."""
    kind = type(value)
    if kind is bytes or kind is bool:
        return value
    if kind is int:
        if not INT_MIN <= value <= INT_MAX:
            raise ProtocolError(ErrorCode.WRONG_TYPE, "an integer beyond 64 bits")
        return value
    if kind is str:
        if not value.isascii():
            _check_text(value)
        return value
    if depth >= MAX_DEPTH:
        raise ProtocolError(ErrorCode.TOO_DEEP, f"nesting of at most {MAX_DEPTH} levels expected")
    if kind is list or kind is tuple:
        return [item if _is_plain(item) else _normal(item, depth + 1) for item in value]
    if kind is dict or isinstance(value, Mapping):
        made: dict[str, Value] = {}
        for key in sorted(value, key=_key):
            item = value[key]
            made[key] = item if _is_plain(item) else _normal(item, depth + 1)
        return made
    raise ProtocolError(
        ErrorCode.WRONG_TYPE,
        f"{kind.__name__} read; integer, bytes, text, bool, array or map expected",
    )


def is_normal(value: Value, depth: int = 0) -> bool:
    """Whether what was parsed is in the subset, with the keys of its maps in canonical order.

    `depth` is how many levels it lies below the top. Raises ProtocolError for a bad key.
    """
    kind = type(value)
    if kind is bytes or kind is bool:
        return True
    if kind is int:
        return bool(INT_MIN <= value <= INT_MAX)
    if kind is str:
        return value.isascii() or (
            not unassigned(value) and unicodedata.is_normalized("NFC", value)
        )
    if depth >= MAX_DEPTH:
        return False
    if kind is list:
        return all(_is_plain(item) or is_normal(item, depth + 1) for item in value)
    if kind is not dict:
        return False
    before = (-1, "")
    for key, item in value.items():
        place = _key(key)
        if place <= before:
            return False
        before = place
        if not _is_plain(item) and not is_normal(item, depth + 1):
            return False
    return True


def _is_plain(value: Value) -> bool:
    """Bytes and ASCII text, as most values of a map are: nothing of them is to be walked."""
    kind = type(value)
    return kind is bytes or (kind is str and value.isascii())


@lru_cache(maxsize=1024, typed=True)  # the same few words in every header and body
def _key(key: Value) -> tuple[int, str]:
    """A map key checked, with its size in UTF-8, whose bytewise order is that of code points."""
    if type(key) is not str:
        raise ProtocolError(ErrorCode.WRONG_TYPE, "a map key that is not text")
    plain = key.isascii()
    size = len(key) if plain else len(key.encode("utf-8", "replace"))
    if size > MAX_KEY_BYTES:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"a map key longer than {MAX_KEY_BYTES} bytes")
    if not plain:
        _check_text(key)
    return size, key


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ProtocolError(ErrorCode.MALFORMED, "text with a lone surrogate") from error
    if unknown := unassigned(text):
        raise ProtocolError(
            ErrorCode.MALFORMED, f"text with U+{ord(unknown):04X}, which Unicode 14.0 does not know"
        )
    if not unicodedata.is_normalized("NFC", text):
        raise ProtocolError(ErrorCode.NOT_CANONICAL, "text that is not in NFC")
