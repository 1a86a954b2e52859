"""Envelopes are bounded before they are parsed (PROTOCOL 9.1, A35)."""

from __future__ import annotations

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.wire import (
    MAX_SHARES,
    MAX_WRAPS,
    Receipt,
    Submission,
    decode_sequenced,
    decode_sequenced_stream,
    split_sequence,
)

LARGEST = 61_696 + MAX_WRAPS + MAX_SHARES
BOUNDS = {
    "item": (61_696, decode_sequenced),
    "receipt": (32_768, Receipt.decode),
    "submission": (LARGEST, Submission.decode),
}


def refusal(read: object, data: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        read(data)  # type: ignore[operator]  # any of the readers
    return caught.value.code


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_too_large_is_refused_before_it_is_parsed(name: str) -> None:
    limit, read = BOUNDS[name]
    assert refusal(read, b"\x9f" * (limit + 1)) == ErrorCode.TOO_LARGE
    assert refusal(read, b"\x9f" * limit) == ErrorCode.MALFORMED


def test_the_largest_submission_is_read() -> None:
    parts = [bytes(4096), bytes(57_344), bytes(64), bytes(MAX_WRAPS), bytes(MAX_SHARES)]
    data = encode(parts)
    assert len(data) <= LARGEST
    assert Submission.decode(data) == Submission(*parts)
    assert Submission.decode(data).encode() == data


@pytest.mark.parametrize("place", range(5))
def test_a_part_beyond_its_limit_is_refused(place: int) -> None:
    parts = [bytes(4096), bytes(57_344), bytes(64), bytes(MAX_WRAPS), bytes(112)]
    parts[place] = bytes([4097, 57_345, 65, MAX_WRAPS + 1, MAX_SHARES + 1][place])
    assert refusal(Submission.decode, encode(parts)) == ErrorCode.MALFORMED


def test_a_stream_is_cut_at_the_ends_of_its_items_and_bounded_item_by_item() -> None:
    items = [encode([n, bytes(n)]) for n in range(30)]
    assert list(split_sequence(b"".join(items))) == items
    with pytest.raises(ProtocolError) as caught:
        list(split_sequence(b"".join(items), max_item=20))
    assert caught.value.code == ErrorCode.TOO_LARGE
    assert decode_sequenced_stream(b"") == []
