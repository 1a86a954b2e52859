"""A bot seals to a channel that it cannot read (PROTOCOL 8.6, A31, A45)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.drop import open_drop, seal_drop
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import open_bytes, open_message, seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.primitives import sha256
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import Author, bytes16, bytes24, bytes32, epoch, few, fixed

BOT = Author("bot")
SECRET = epoch(2)
HIT = make_payload("HIT", fixed("mid", 16), {"source": "CTS", "score": 87})
MK, NONCE, SALT, EPHEMERAL = fixed("mk"), fixed("nonce", 24), fixed("salt", 16), fixed("ephemeral")


def dropped(payload: dict[str, Any] = HIT, **header: Any) -> Entry:
    written = BOT.header(SECRET, "drop", **header)
    body = seal_drop(written, SECRET.drop_keys.public, payload, MK, NONCE, SALT, EPHEMERAL)
    return BOT.entry(written, body)


def refuse(entry: Entry, secret: EpochSecret = SECRET) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_drop(entry, secret)
    assert caught.value.code is ErrorCode.CANNOT_OPEN
    assert caught.value.detail == "the sealed bytes do not open with this key"


@given(bytes32, bytes32, bytes24, bytes16, bytes32, st.binary(max_size=1200))
@few
def test_a_member_opens_what_a_bot_sealed(
    e: bytes, mk: bytes, nonce: bytes, salt: bytes, ephemeral: bytes, data: bytes
) -> None:
    secret = EpochSecret(e, SECRET.context)
    payload = make_payload("HIT", fixed("mid", 16), {"data": data})
    header = BOT.header(secret, "drop")
    body = seal_drop(header, secret.drop_keys.public, payload, mk, nonce, salt, ephemeral)
    assert open_drop(BOT.entry(header, body), secret) == payload


def test_the_box_is_a_stock_sealed_box_and_the_rest_as_in_a_message() -> None:
    entry = dropped()
    assert entry.body_bytes is not None
    keys = SECRET.drop_keys
    plain = sodium.crypto_box_seal_open(entry.body_bytes[:112], keys.public, keys.secret)
    assert plain == MK + entry.header_hash
    assert open_bytes(MK, entry.header_hash, entry.body_bytes[112:]) == encode(HIT)


def test_a_box_made_by_stock_libsodium_opens_too() -> None:
    entry = dropped()
    assert entry.body_bytes is not None
    stock = sodium.crypto_box_seal(MK + entry.header_hash, SECRET.drop_keys.public)
    assert open_drop(BOT.entry(entry.header, stock + entry.body_bytes[112:]), SECRET) == HIT


@given(st.data())
@few
def test_a_drop_with_any_flipped_bit_does_not_open(data: st.DataObject) -> None:
    entry = dropped()
    assert entry.body_bytes is not None
    bit = data.draw(st.integers(0, len(entry.body_bytes) * 8 - 1))
    flipped = bytearray(entry.body_bytes)
    flipped[bit // 8] ^= 1 << bit % 8
    refuse(BOT.entry(entry.header, bytes(flipped)))


@pytest.mark.parametrize("size", [0, 47, 111, 112, 113, 439, 441])
def test_a_drop_of_another_length_does_not_open(size: int) -> None:
    refuse(BOT.entry(BOT.header(SECRET, "drop"), bytes(size)))


def test_a_drop_posted_again_by_another_or_under_another_id_does_not_open_a45() -> None:
    entry = dropped()
    thief = Author("thief")
    assert entry.body_bytes is not None
    refuse(thief.entry(replace(entry.header, device=thief.id), entry.body_bytes))
    refuse(BOT.entry(BOT.header(SECRET, "drop", id=fixed("again", 16)), entry.body_bytes))


def test_the_header_in_the_box_is_checked_even_when_the_rest_was_made_anew_a45() -> None:
    """Somebody who learnt mk cannot move the drop under another header: the box says which."""
    entry = dropped()
    assert entry.body_bytes is not None
    moved = BOT.header(SECRET, "drop", id=fixed("again", 16))
    again = seal_drop(moved, SECRET.drop_keys.public, HIT, MK, NONCE, SALT, EPHEMERAL)
    refuse(BOT.entry(moved, entry.body_bytes[:112] + again[112:]))


def test_what_was_sealed_to_a_false_drop_key_opens_for_no_member_a45() -> None:
    header = BOT.header(SECRET, "drop")
    false_key = Author("server").box.public
    refuse(BOT.entry(header, seal_drop(header, false_key, HIT, MK, NONCE, SALT, EPHEMERAL)))


def test_another_epoch_does_not_open_it_a7() -> None:
    refuse(dropped(), epoch(1))
    refuse(dropped(epoch=3))


def test_a_bot_cannot_open_its_own_drop_with_what_it_holds_a31() -> None:
    entry = dropped()
    assert entry.body_bytes is not None
    with pytest.raises(Exception, match="decrypt"):
        sodium.crypto_box_seal_open(entry.body_bytes[:112], BOT.box.public, BOT.box.secret)


def test_a_message_is_no_drop_and_a_drop_no_message() -> None:
    header = BOT.header(SECRET)
    message = BOT.entry(header, seal_message(header, SECRET, HIT, NONCE, SALT))
    refuse(message)
    with pytest.raises(ProtocolError):
        open_message(dropped(), SECRET)
    with pytest.raises(ProtocolError):
        seal_drop(header, SECRET.drop_keys.public, HIT, MK, NONCE, SALT, EPHEMERAL)
    with pytest.raises(ProtocolError):
        seal_message(BOT.header(SECRET, "drop"), SECRET, HIT, NONCE, SALT)


def test_nothing_is_sealed_to_a_low_order_drop_key_a47() -> None:
    header = BOT.header(SECRET, "drop")
    with pytest.raises(ProtocolError) as caught:
        seal_drop(header, bytes(32), HIT, MK, NONCE, SALT, EPHEMERAL)
    assert caught.value.code is ErrorCode.BAD_KEY


def test_the_visible_fields_must_be_those_of_the_payload() -> None:
    header = BOT.header(SECRET, "drop", kind="WRN")
    with pytest.raises(ProtocolError) as caught:
        seal_drop(header, SECRET.drop_keys.public, HIT, MK, NONCE, SALT, EPHEMERAL)
    assert caught.value.code is ErrorCode.FORGED_METADATA


def test_header_hash_in_the_box_is_that_of_the_signed_bytes() -> None:
    entry = dropped(kind="HIT")
    assert sha256(entry.header_bytes) == entry.header_hash
    assert open_drop(entry, SECRET) == HIT
