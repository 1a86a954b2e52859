"""The decoder takes exactly what the encoder makes (PROTOCOL 1.4, A14, A35)."""

from __future__ import annotations

import time

import cbor2
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.scan import MAX_DEPTH, check_item
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(max_size=12).map(lambda text: __import__("unicodedata").normalize("NFC", text))
LEAVES = (
    st.integers(-(2**64), 2**64 - 1)
    | st.booleans()
    | st.binary(max_size=40)
    | TEXT.filter(lambda text: text.isprintable() or text.isascii())
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh", max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


@given(VALUES)
def test_what_was_encoded_decodes_to_itself(value: object) -> None:
    if depth(value) <= MAX_DEPTH:
        assert decode(encode(value), max_size=10**6) == value


@given(st.binary(max_size=60))
def test_bytes_that_decode_are_the_only_form_of_their_value(data: bytes) -> None:
    try:
        value = decode(data, max_size=64)
    except ProtocolError:
        return
    assert encode(value) == data


@given(VALUES, st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_never_reads_as_the_same_value(value: object, place: int, x: int) -> None:
    if depth(value) > MAX_DEPTH:
        return
    data = bytearray(encode(value))
    data[place % len(data)] ^= x
    try:
        changed = decode(bytes(data), max_size=10**6)
    except ProtocolError:
        return
    assert encode(changed) == bytes(data)
    assert encode(changed) != encode(value)


REFUSED = {
    "float": (cbor2.dumps(1.5), ErrorCode.WRONG_TYPE),
    "nan": (cbor2.dumps(float("nan")), ErrorCode.WRONG_TYPE),
    "null": (b"\xf6", ErrorCode.WRONG_TYPE),
    "undefined": (b"\xf7", ErrorCode.WRONG_TYPE),
    "simple value": (b"\xe0", ErrorCode.WRONG_TYPE),
    "tag": (b"\xc1\x00", ErrorCode.WRONG_TYPE),
    "bignum": (cbor2.dumps(2**70), ErrorCode.WRONG_TYPE),
    "indefinite array": (b"\x9f\xff", ErrorCode.MALFORMED),
    "indefinite text": (b"\x7f\x61a\xff", ErrorCode.MALFORMED),
    "long form of a small integer": (b"\x18\x01", ErrorCode.NOT_CANONICAL),
    "keys out of order": (b"\xa2\x61b\x01\x61a\x01", ErrorCode.NOT_CANONICAL),
    "duplicate key": (b"\xa2\x61a\x01\x61a\x02", ErrorCode.MALFORMED),
    "integer key": (b"\xa1\x01\x01", ErrorCode.WRONG_TYPE),
    "bytes as key": (b"\xa1\x41a\x01", ErrorCode.WRONG_TYPE),
    "long key": (cbor2.dumps({"k" * 24: 1}), ErrorCode.TOO_LARGE),
    "text not in NFC": (cbor2.dumps("e\u0301"), ErrorCode.NOT_CANONICAL),
    "broken UTF-8": (b"\x62\xc3\x28", ErrorCode.MALFORMED),
    "trailing byte": (b"\x01\x00", ErrorCode.MALFORMED),
    "cut short": (b"\x58\x20abc", ErrorCode.MALFORMED),
    "empty": (b"", ErrorCode.MALFORMED),
    "nine levels": (b"\x81" * 9 + b"\x01", ErrorCode.TOO_DEEP),
    "a thousand levels": (b"\x81" * 1000 + b"\x01", ErrorCode.TOO_DEEP),
    "a huge announced array": (b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff", ErrorCode.MALFORMED),
    "a huge announced string": (b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff", ErrorCode.MALFORMED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_outside_the_subset_is_refused(name: str) -> None:
    data, code = REFUSED[name]
    with pytest.raises(ProtocolError) as caught:
        decode(data, max_size=4096)
    assert caught.value.detail
    assert caught.value.code == code


@given(st.binary(max_size=60) | VALUES.map(cbor2.dumps), st.integers(0, 10**6), st.integers(0, 255))
def test_the_parser_and_the_scanner_take_the_same_bytes(data: bytes, place: int, x: int) -> None:
    """Which code bad bytes get must not depend on the library (PROTOCOL 1.4)."""
    changed = bytearray(data)
    if changed:
        changed[place % len(changed)] ^= x
    verdicts: list[ErrorCode | None] = []
    for read in (lambda raw: decode(raw, max_size=10**6), check_item):
        try:
            read(bytes(changed))
            verdicts.append(None)
        except ProtocolError as refused:
            verdicts.append(ErrorCode(refused.code))
    assert verdicts[0] == verdicts[1]


def test_a35_shared_references_do_not_make_few_bytes_grow() -> None:
    """A list of twelve references to a list of twelve references to ...: 12^6 items to walk."""
    items = [bytes.fromhex("d81c8100")]
    for level in range(6):
        items.append(bytes.fromhex("d81c8c") + bytes([0xD8, 0x1D, level]) * 12)
    data = bytes([0x80 + len(items)]) + b"".join(items)
    started = time.perf_counter()
    with pytest.raises(ProtocolError) as caught:
        decode(data, max_size=4096)
    assert caught.value.code == ErrorCode.WRONG_TYPE
    assert time.perf_counter() - started < 0.1


def test_size_is_checked_before_parsing() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(b"\x9f" * 100, max_size=99)
    assert caught.value.code == ErrorCode.TOO_LARGE


def test_eight_levels_are_allowed() -> None:
    assert decode(b"\x81" * 8 + b"\x01", max_size=64) == [[[[[[[[1]]]]]]]]


@pytest.mark.parametrize("value", [1.5, None, {1: 2}, {"k" * 24: 1}, 2**65, "e\u0301", object()])
def test_the_encoder_refuses_what_the_decoder_would(value: object) -> None:
    with pytest.raises(ProtocolError):
        encode(value)
