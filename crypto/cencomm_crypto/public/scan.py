"""The strict subset of CBOR read byte by byte: which rule the bytes break first (PROTOCOL 1.4).

`encoding.decode` is fast and says only whether bytes are good. Which code bad bytes get must not
depend on the library that parses, so it is found here, in reading order, alike in every
implementation. Also finds where an item of a CBOR sequence ends.
"""

from __future__ import annotations

import unicodedata

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.unicode14 import unassigned

MAX_DEPTH = 8
MAX_KEY_BYTES = 23
_BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = 2, 3, 4, 5, 6, 7
_FALSE, _TRUE = 0xF4, 0xF5
_ARGUMENT_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST = {24: 24, 25: 2**8, 26: 2**16, 27: 2**32}  # smaller numbers have a shorter form


def item_end(data: bytes, start: int = 0, depth: int = 0) -> int:
    """Where the item that begins at `start` ends.

    Raises ProtocolError for the first offence in reading order (PROTOCOL ENC-1 to ENC-7).
    """
    first = _byte(data, start)
    major = first >> 5
    if major == _OTHER:
        if first in (_FALSE, _TRUE):
            return start + 1
        raise _offence(_reserved_or_wrong(first), "a float, null or other simple value", start)
    if major == _TAG:
        raise _offence(_reserved_or_wrong(first), "a tag", start)
    argument, end = _argument(data, start)
    if major in (_BYTES, _TEXT):
        last = _string_end(data, end, argument)
        if major == _TEXT:
            _check_text(data[end:last], start)
        return last
    if major in (_ARRAY, _MAP):
        if depth >= MAX_DEPTH:
            raise _offence(ErrorCode.TOO_DEEP, f"more than {MAX_DEPTH} levels of nesting", start)
        return _members_end(data, end, argument, depth + 1, keyed=major == _MAP)
    return end


def check_item(data: bytes) -> None:
    """Raise ProtocolError unless `data` is exactly one item of the subset."""
    end = item_end(data)
    if end != len(data):
        raise _offence(ErrorCode.MALFORMED, "more bytes after the item", end)


def _members_end(data: bytes, place: int, count: int, depth: int, *, keyed: bool) -> int:
    previous = b""
    for _ in range(count):
        if keyed:
            start, place = place, _key_end(data, place)
            key = data[start:place]
            if key == previous:
                raise _offence(ErrorCode.MALFORMED, "the same map key twice", start)
            if key < previous:
                raise _offence(ErrorCode.NOT_CANONICAL, "map keys out of order", start)
            previous = key
        place = item_end(data, place, depth)
    return place


def _key_end(data: bytes, start: int) -> int:
    if _byte(data, start) >> 5 != _TEXT:
        raise _offence(ErrorCode.WRONG_TYPE, "a map key that is not text", start)
    size, begin = _argument(data, start)
    if size > MAX_KEY_BYTES:
        raise _offence(ErrorCode.TOO_LARGE, f"a map key of more than {MAX_KEY_BYTES} bytes", start)
    end = _string_end(data, begin, size)
    _check_text(data[begin:end], start)
    return end


def _argument(data: bytes, start: int) -> tuple[int, int]:
    """The number in an item's head, and where the head ends."""
    short = data[start] & 0x1F
    if short < 24:
        return short, start + 1
    if short not in _ARGUMENT_SIZES:
        raise _offence(ErrorCode.MALFORMED, "an indefinite length or a reserved head", start)
    end = start + 1 + _ARGUMENT_SIZES[short]
    if end > len(data):
        raise _cut_short(data)
    argument = int.from_bytes(data[start + 1 : end], "big")
    if argument < _LEAST[short]:
        raise _offence(ErrorCode.NOT_CANONICAL, f"a longer form of {argument} than needed", start)
    return argument, end


def _string_end(data: bytes, start: int, size: int) -> int:
    if start + size > len(data):
        raise _cut_short(data)
    return start + size


def _check_text(raw: bytes, start: int) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _offence(ErrorCode.MALFORMED, "text that is not UTF-8", start) from error
    if unknown := unassigned(text):
        found = f"U+{ord(unknown):04X}, which Unicode 14.0 does not know"
        raise _offence(ErrorCode.MALFORMED, found, start)
    if not unicodedata.is_normalized("NFC", text):
        raise _offence(ErrorCode.NOT_CANONICAL, "text that is not in NFC", start)


def _byte(data: bytes, place: int) -> int:
    if place >= len(data):
        raise _cut_short(data)
    return data[place]


def _reserved_or_wrong(first: int) -> ErrorCode:
    return ErrorCode.MALFORMED if first & 0x1F >= 28 else ErrorCode.WRONG_TYPE


def _cut_short(data: bytes) -> ProtocolError:
    return _offence(ErrorCode.MALFORMED, "the end before the item was complete", len(data))


def _offence(code: ErrorCode, found: str, place: int) -> ProtocolError:
    return ProtocolError(
        code, f"byte {place}: {found}; one item of the strict subset of CBOR expected"
    )
