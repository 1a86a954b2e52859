"""An entry is the bytes that were signed, read in one way only (PROTOCOL 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public import wire
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.entry import (
    MAX_BODY,
    Entry,
    Head,
    Header,
    author,
    leaf_hash,
    parse,
    parse_erased,
    parse_header,
    verify_signature,
)
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId
from cencomm_crypto.public.keys import SigningKey, device_id
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    Submission,
    decode_sequenced,
    decode_sequenced_stream,
    encode_sequenced,
    encode_withheld,
    sequence,
)

KEY = SigningKey.from_seed(bytes([7]) * 32)
HEADER = Header(
    type="message",
    device=device_id(KEY.public),
    id=EntryId(bytes([1]) * 16),
    time=1_700_000_000_000,
    seen=Head(3, EMPTY_ROOT),
    dir=Head(2, EMPTY_ROOT),
    log=LogId(bytes([2]) * 16),
    chan=ChannelId(bytes([3]) * 16),
    epoch=4,
    kind="WRN",
    re=bytes([5]) * 32,
    prio="flash",
    ack_by=1_700_000_600_000,
    to=(bytes([6]) * 16,),
)
MESSAGE = author(HEADER, b"sealed bytes", KEY)
CONTROL = replace(
    HEADER, type="device.accept", chan=None, epoch=None, kind=None, re=None, prio=None,
    ack_by=None, to=None,
)  # fmt: skip


def refusal(header: bytes, body: bytes = b"", sig: bytes = bytes(64)) -> ErrorCode:
    with pytest.raises(ProtocolError) as caught:
        parse(header, body, sig)
    assert caught.value.detail
    return ErrorCode(caught.value.code)


def test_a_header_reads_back_with_every_field() -> None:
    assert parse_header(HEADER.encode()) == HEADER


def test_an_authored_entry_verifies_under_its_key_alone() -> None:
    verify_signature(MESSAGE, KEY.public)
    with pytest.raises(ProtocolError):
        verify_signature(MESSAGE, SigningKey.from_seed(bytes(32)).public)


def test_a_changed_header_or_body_breaks_the_signature() -> None:
    changed = parse(replace(HEADER, epoch=5).encode(), b"sealed bytes", MESSAGE.sig)
    with pytest.raises(ProtocolError):
        verify_signature(changed, KEY.public)
    changed = parse(MESSAGE.header_bytes, b"sealed byteZ", MESSAGE.sig)
    with pytest.raises(ProtocolError):
        verify_signature(changed, KEY.public)


def fields() -> dict[str, object]:
    value = decode(HEADER.encode(), max_size=4096)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, ErrorCode.UNKNOWN_VERSION),
        ({"suite": 9}, ErrorCode.UNKNOWN_VERSION),
        ({"extra": 1}, ErrorCode.MALFORMED),
        ({"device": bytes(15)}, ErrorCode.MALFORMED),
        ({"seen": [1]}, ErrorCode.MALFORMED),
        ({"seen": [1, bytes(31)]}, ErrorCode.MALFORMED),
        ({"time": True}, ErrorCode.MALFORMED),
        ({"to": [bytes(16)] * 201}, ErrorCode.MALFORMED),
        ({"to": []}, ErrorCode.MALFORMED),
        ({"kind": "\x1b[31m"}, ErrorCode.MALFORMED),
        ({"kind": "K" * 33}, ErrorCode.MALFORMED),
        ({"log": None}, ErrorCode.MALFORMED),
        ({"chan": None}, ErrorCode.WRONG_SCOPE),
        ({"epoch": None}, ErrorCode.MALFORMED),
        ({"dir": None}, ErrorCode.MALFORMED),
    ],
)
def test_headers_of_another_shape_are_refused(change: dict[str, object], code: ErrorCode) -> None:
    value = {key: item for key, item in {**fields(), **change}.items() if item is not None}
    assert refusal(encode(value)) == code


def test_a_header_over_4_kib_is_refused_before_parsing() -> None:
    assert refusal(b"\xff" * 4097) == ErrorCode.TOO_LARGE


def test_a_body_over_56_kib_is_refused() -> None:
    assert refusal(HEADER.encode(), bytes(MAX_BODY + 1)) == ErrorCode.TOO_LARGE


def test_a_signature_of_another_size_is_refused() -> None:
    assert refusal(HEADER.encode(), b"x", bytes(63)) == ErrorCode.MALFORMED


def test_an_unknown_type_stops_the_reader() -> None:
    header = replace(CONTROL, type="channel.teleport")
    assert refusal(header.encode(), encode({})) == ErrorCode.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "fields",
    [{"chan": bytes(16)}, {"dir": None}, {"log": None}, {"chan": bytes(16), "epoch": 1}],
    ids=["a channel's", "the directory's", "a genesis", "an epoch's"],
)
def test_an_unknown_type_stops_the_reader_whatever_its_header_holds(
    fields: dict[str, Any],
) -> None:
    header = replace(CONTROL, type="channel.teleport", **fields)
    assert refusal(header.encode(), b"a body of a later version") == ErrorCode.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "body", [{}, {"device": bytes(15)}, {"device": bytes(16), "more": 1}, {"device": "text"}]
)
def test_a_control_body_of_another_shape_is_refused_with_its_path(body: object) -> None:
    with pytest.raises(ProtocolError, match=r"device\.accept"):
        parse(CONTROL.encode(), encode(body), bytes(64))


def test_only_messages_and_drops_can_be_read_without_their_body() -> None:
    erased = parse_erased(MESSAGE.header_bytes, MESSAGE.body_hash, MESSAGE.sig)
    assert erased.inner == MESSAGE.inner
    assert erased.body_bytes is None
    with pytest.raises(ProtocolError):
        parse_erased(CONTROL.encode(), bytes(32), bytes(64))


def test_a39_the_leaf_commits_to_place_time_scope_and_content() -> None:
    base = (1, 2, bytes(16), bytes(32))
    others = [(2, 2, *base[2:]), (1, 3, *base[2:]), (1, 2, b"\1" * 16, bytes(32))]
    others.append((1, 2, bytes(16), b"\1" * 32))
    assert len({leaf_hash(*base), *(leaf_hash(*other) for other in others)}) == 5


def items() -> list[Sequenced]:
    control = author(CONTROL, {"device": bytes(16)}, KEY)
    erased: Entry = parse_erased(MESSAGE.header_bytes, MESSAGE.body_hash, MESSAGE.sig)
    return [sequence(0, 10, control), sequence(1, 11, MESSAGE), sequence(2, 12, erased)]


def test_items_read_back_whole_withheld_and_erased_with_one_leaf_each() -> None:
    stream = b"".join(encode_sequenced(item) for item in items())
    assert decode_sequenced_stream(stream) == items()
    for item in items():
        withheld = decode_sequenced(encode_withheld(item))
        assert withheld.entry is None
        assert withheld.leaf == item.leaf


@pytest.mark.parametrize(
    "data",
    [b"\x80", b"\x81\x03", b"\x81\x00", b"\xa0", encode([True, 1, 2]), encode([1, 1, 2, b"", b""])],
)
def test_items_of_another_form_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_sequenced(data)


def test_a_cut_stream_is_refused() -> None:
    stream = b"".join(encode_sequenced(item) for item in items())
    with pytest.raises(ProtocolError):
        decode_sequenced_stream(stream[:-1])


def test_submissions_and_receipts_read_back() -> None:
    submission = Submission.of(MESSAGE, b"w" * 112)
    assert Submission.decode(submission.encode()) == submission
    assert submission.entry() == MESSAGE
    receipt = Receipt(5, 6, b"note", (bytes(32),))
    assert Receipt.decode(receipt.encode()) == receipt
    with pytest.raises(ProtocolError):
        Submission.decode(receipt.encode())


def test_a_large_submission_of_something_else_is_refused_by_its_heads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A megabyte of small items took the server more than a second, without a session (A35)."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError("it was read item by item")

    monkeypatch.setattr(wire, "decode", read)
    count = 900_000
    small = b"\x9a" + count.to_bytes(4, "big") + b"\x80" * count
    for data in (small, b"\x85" + b"\x40" * 4 + small, b"\x85" + b"\x40" * 5 + small):
        with pytest.raises(ProtocolError) as caught:
            wire.Submission.decode(data)
        assert caught.value.code is ErrorCode.MALFORMED


def test_a_submission_with_the_wraps_of_thousands_reads_back() -> None:
    submission = Submission.of(MESSAGE, b"w" * wire.MAX_WRAPS, b"s" * wire.MAX_SHARES)
    assert Submission.decode(submission.encode()) == submission
