"""What is read in one pass is read as the two passes read it, or not at all (PROTOCOL 1.4, A14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.payload import PAYLOAD
from cencomm_crypto.public.encoding import decode, decode_if, encode
from cencomm_crypto.public.entry import HEADER
from cencomm_crypto.public.shape import Bool, Choice, Map, Shape
from cencomm_crypto.public.wire import ITEMS, SUBMISSION, WHOLE
from hypothesis import given
from hypothesis import strategies as st

HEADER_FIELDS: dict[str, Any] = {
    "v": 1, "suite": 1, "type": "message", "device": bytes([1]) * 16, "id": bytes([2]) * 16,
    "time": 1_700_000_000_000, "seen": [3, bytes(32)], "dir": [2, bytes(32)], "log": bytes(16),
    "chan": bytes(16), "epoch": 4, "kind": "WRN", "re": bytes(32), "prio": "flash",
    "ack_by": 1_700_000_600_000, "to": [bytes([6]) * 16, bytes([7]) * 16],
}  # fmt: skip
PAYLOAD_FIELDS: dict[str, Any] = {
    "kind": "SZR",
    "mid": bytes(16),
    "content": {"goods": [{"hs": "2402", "pieces": 7}], "nil": True, "text": "Zürich", "x": -3},
}
GOOD: dict[str, tuple[Shape, Any]] = {
    "header": (HEADER, HEADER_FIELDS),
    "payload": (PAYLOAD, PAYLOAD_FIELDS),
    "submission": (SUBMISSION, [b"header", b"body", bytes(64), b"", b""]),
    "item": (ITEMS[WHOLE], [0, 7, 1_700_000_000_000, b"header", b"body", bytes(64)]),
}
STRANGE: tuple[Any, ...] = (
    None, 1.5, cbor2.undefined, True, False, -1, 2**63, 2**64, 2**70, "", "ü", "e\u0301", "a\n",
    "a" * 33, b"", bytes(15), bytes(32), [], [1], {}, {"a": 1}, cbor2.CBORTag(1_000, 5),
    [bytes(16)] * 201, {"e\u0301": 1}, {"k" * 24: 1}, [[[[[[[[[1]]]]]]]]],
)  # fmt: skip


def slowly(shape: Shape, data: bytes) -> Any:
    try:
        value = decode(data, max_size=len(data))
        shape.check(value, "value")
    except ProtocolError:
        return None
    return value


def alike(shape: Shape, data: bytes) -> Any:
    """What the one pass reads, after it was held against the two."""
    sure = decode_if(shape.surely(), data)
    if sure is not None:
        slow = slowly(shape, data)
        assert sure == slow, data.hex()
        assert repr(sure) == repr(slow)  # True is no 1
    return sure


def changed(value: Any) -> Iterator[Any]:
    """Every value with one part of it strange, missing, more, or in another place."""
    yield from STRANGE
    if isinstance(value, dict):
        yield dict(reversed(value.items()))
        yield {**value, "zz": 1}
        for name, item in value.items():
            yield {key: one for key, one in value.items() if key != name}
            for other in changed(item):
                yield {**value, name: other}
    if isinstance(value, list):
        yield [*value, 1]
        yield value[:-1]
        for place, item in enumerate(value):
            for other in changed(item):
                yield [*value[:place], other, *value[place + 1 :]]


def in_order(value: Any) -> Any:
    """Maps in canonical order, whatever else is strange about them."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: in_order(value[key]) for key in keys}
    return list(map(in_order, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_read_in_one_pass(name: str) -> None:
    shape, value = GOOD[name]
    assert alike(shape, encode(value)) == value


@pytest.mark.parametrize("name", GOOD)
def test_a_strange_part_is_never_taken_for_a_right_one(name: str) -> None:
    shape, value = GOOD[name]
    for other in changed(value):
        alike(shape, cbor2.dumps(other))
        alike(shape, cbor2.dumps(in_order(other)))


@pytest.mark.parametrize("name", GOOD)
@given(data=st.data())
def test_flipped_cut_and_added_bytes_are_never_taken_for_right_ones(
    name: str, data: st.DataObject
) -> None:
    shape, value = GOOD[name]
    good = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(good)))
        size = data.draw(st.sampled_from([0, 1, 1, 2]))
        good[start : start + size] = data.draw(st.binary(max_size=3))
    alike(shape, bytes(good))


def test_the_same_key_twice_is_not_read() -> None:
    good = encode(HEADER_FIELDS)
    assert good[1:4] == b"\x61v\x01"
    assert alike(HEADER, bytes([good[0] + 1]) + good[1:4] + good[1:]) is None


def test_a_shape_that_knows_no_such_question_is_never_sure() -> None:
    for shape, value in ((Bool(), True), (Choice(("a",)), "a")):
        assert alike(shape, encode(value)) is None
        assert alike(Map({"a": shape}), encode({"a": value})) is None
