"""A message opens for its epoch, under its header, in one way only (PROTOCOL 8.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import (
    PADDED_SIZES,
    message_key,
    open_bytes,
    open_message,
    seal_bytes,
    seal_message,
)
from cencomm_crypto.member.payload import (
    MAX_PAYLOAD,
    VISIBLE_FIELDS,
    check_metadata,
    forged_fields,
    make_payload,
)
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, parse
from cencomm_crypto.public.primitives import kdf, keyed, sha256
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import ELSEWHERE, Author, bytes16, bytes24, bytes32, epoch, few, fixed
from tests.support.two_keys import collide

AGENT = Author("agent")
SECRET = epoch(3)
NONCE, SALT, MID = fixed("nonce", 24), fixed("salt", 16), fixed("mid", 16)
TEXT = make_payload("MSG", MID, {"text": "container TCLU4265447 left before control"})
METADATA: dict[str, Any] = {
    "kind": "WRN",
    "re": fixed("re"),
    "prio": "flash",
    "ack_by": 1_767_225_900_000,
    "to": (fixed("a", 16), fixed("b", 16)),
}

leaves = st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.just("text")
contents = st.dictionaries(
    st.from_regex(r"[a-z]{1,23}", fullmatch=True),
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=8),
    max_size=6,
)


def sealed(payload: dict[str, Any] = TEXT, secret: EpochSecret = SECRET, **header: Any) -> Entry:
    written = AGENT.header(secret, **header)
    return AGENT.entry(written, seal_message(written, secret, payload, NONCE, SALT))


def refuse(entry: Entry, secret: EpochSecret = SECRET) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_message(entry, secret)
    assert caught.value.code is ErrorCode.CANNOT_OPEN
    assert caught.value.detail == "the sealed bytes do not open with this key"


@given(contents, bytes32, bytes24, bytes16)
@few
def test_what_was_sealed_is_what_opens(
    content: dict[str, Any], e: bytes, nonce: bytes, salt: bytes
) -> None:
    secret = EpochSecret(e, SECRET.context)
    payload = make_payload("MSG", MID, content)
    header = AGENT.header(secret)
    body = seal_message(header, secret, payload, nonce, salt)
    assert open_message(AGENT.entry(header, body), secret) == payload


def test_a_body_is_the_one_of_the_specification_step_by_step() -> None:
    entry = sealed()
    header_hash = sha256(entry.header_bytes)
    mk = keyed(kdf(keyed(SECRET.secret, "epoch", SECRET.context.encoded), 1), "msg", header_hash)
    commit = keyed(mk, "commit", NONCE + header_hash)
    padded = sodium.sodium_pad(SALT + encode(TEXT), 256)
    ct = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, header_hash + commit, NONCE, mk)
    assert entry.body_bytes == NONCE + commit + ct


@pytest.mark.parametrize("size", PADDED_SIZES)
def test_a_payload_takes_exactly_the_least_size_that_is_longer_a17(size: int) -> None:
    header_hash, key = fixed("header"), fixed("key")
    fits = seal_bytes(key, header_hash, bytes(size - 17), NONCE, SALT)
    assert len(fits) == 24 + 32 + size + 16
    assert open_bytes(key, header_hash, fits) == bytes(size - 17)
    if size == PADDED_SIZES[-1]:
        with pytest.raises(ProtocolError) as caught:
            seal_bytes(key, header_hash, bytes(size - 16), NONCE, SALT)
        assert caught.value.code is ErrorCode.TOO_LARGE
        assert str(MAX_PAYLOAD) in caught.value.detail
    else:
        larger = PADDED_SIZES[PADDED_SIZES.index(size) + 1]
        spills = seal_bytes(key, header_hash, bytes(size - 16), NONCE, SALT)
        assert len(spills) == 24 + 32 + larger + 16


def test_all_short_messages_are_of_one_length_a17() -> None:
    lengths = {
        len(sealed(make_payload("MSG", MID, {"text": "x" * size})).body_bytes or b"")
        for size in range(190)
    }
    assert lengths == {24 + 32 + 256 + 16}


@given(st.data())
@few
def test_a_body_with_any_flipped_bit_does_not_open(data: st.DataObject) -> None:
    entry = sealed()
    assert entry.body_bytes is not None
    bit = data.draw(st.integers(0, len(entry.body_bytes) * 8 - 1))
    flipped = bytearray(entry.body_bytes)
    flipped[bit // 8] ^= 1 << bit % 8
    refuse(AGENT.entry(entry.header, bytes(flipped)))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 71, 72, 73, 88, 327, 329, 1000, 49_225])
def test_a_length_that_is_no_padded_size_does_not_open(size: int) -> None:
    refuse(AGENT.entry(AGENT.header(SECRET), bytes(size)))


def test_a_well_sealed_length_that_is_not_in_the_list_does_not_open() -> None:
    header = AGENT.header(SECRET)
    header_hash = sha256(header.encode())
    key = message_key(SECRET, header_hash)
    commit = keyed(key, "commit", NONCE, header_hash)
    padded = sodium.sodium_pad(SALT + encode(TEXT), 512)
    ct = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, header_hash + commit, NONCE, key)
    refuse(AGENT.entry(header, NONCE + commit + ct))


@pytest.mark.parametrize(
    "padded", [bytes(256), b"\x80" + bytes(255), SALT[:15] + b"\x80" + bytes(240)]
)
def test_bad_padding_or_a_missing_salt_does_not_open(padded: bytes) -> None:
    header = AGENT.header(SECRET)
    header_hash = sha256(header.encode())
    key = message_key(SECRET, header_hash)
    commit = keyed(key, "commit", NONCE, header_hash)
    ct = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, header_hash + commit, NONCE, key)
    refuse(AGENT.entry(header, NONCE + commit + ct))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xa0",
        b"not CBOR",
        encode([]),
        encode({**TEXT, "extra": 1}),
        encode({**TEXT, "mid": bytes(15)}),
        encode({**TEXT, "content": []}),
        encode({**TEXT, "to": []}),
        encode(TEXT) + b"\x00",
    ],
)
def test_a_payload_off_its_shape_does_not_open(payload: bytes) -> None:
    header = AGENT.header(SECRET)
    header_hash = sha256(header.encode())
    body = seal_bytes(message_key(SECRET, header_hash), header_hash, payload, NONCE, SALT)
    refuse(AGENT.entry(header, body))


@pytest.mark.parametrize("field", ["log", "chan", "n"])
def test_a_body_taken_to_another_log_channel_or_epoch_does_not_open_a7(field: str) -> None:
    entry = sealed()
    there = EpochSecret(SECRET.secret, replace(SECRET.context, **ELSEWHERE[field]))
    moved = AGENT.entry(AGENT.header(there, id=entry.header.id), entry.body_bytes or b"")
    refuse(moved)
    refuse(moved, there)


def test_an_epoch_does_not_open_what_names_another_one_even_if_the_key_would_fit_a7() -> None:
    header = replace(AGENT.header(SECRET), epoch=4)  # sealed with the key of epoch 3 all the same
    header_hash = sha256(header.encode())
    body = seal_bytes(message_key(SECRET, header_hash), header_hash, encode(TEXT), NONCE, SALT)
    refuse(AGENT.entry(header, body))
    with pytest.raises(ProtocolError) as caught:
        seal_message(header, SECRET, TEXT, NONCE, SALT)
    assert caught.value.code is ErrorCode.WRONG_EPOCH


def test_a_body_signed_again_by_another_author_does_not_open_a8_a11() -> None:
    entry = sealed()
    thief = Author("thief")
    assert entry.body_bytes is not None
    refuse(thief.entry(replace(entry.header, device=thief.id), entry.body_bytes))


@pytest.mark.parametrize("field", ["id", "time", "seen", "dir"])
def test_a_body_under_any_other_header_does_not_open_a5(field: str) -> None:
    entry = sealed()
    other: dict[str, Any] = {
        "id": fixed("id", 16),
        "time": 1,
        "seen": (8, fixed("r")),
        "dir": (4, fixed("r")),
    }
    header = AGENT.header(SECRET, **{field: other[field]})
    assert header != entry.header
    refuse(AGENT.entry(header, entry.body_bytes or b""))


def test_the_same_nonce_under_two_headers_uses_two_keys_a10() -> None:
    """A restored snapshot may draw the same nonce and salt again: the header differs."""
    one, two = sealed(), sealed(id=fixed("another id", 16))
    assert one.body_bytes is not None
    assert two.body_bytes is not None
    assert one.body_bytes[:24] == two.body_bytes[:24] == NONCE
    assert one.body_bytes[24:56] != two.body_bytes[24:56]
    streams = bytes(a ^ b for a, b in zip(one.body_bytes[56:], two.body_bytes[56:], strict=True))
    assert streams.count(0) < len(streams) // 8  # equal texts, unrelated ciphertexts


def test_one_ciphertext_under_two_keys_opens_under_one_a9() -> None:
    header_hash = fixed("header")
    for wins in (0, 1):
        commit = fixed("any commit")
        attack = collide(NONCE, header_hash + commit, 256)
        keys = (attack.first, attack.second)
        texts = {
            sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                attack.ciphertext, header_hash + commit, NONCE, key
            )
            for key in keys
        }
        assert len(texts) == 2  # the bare cipher opens it under both, to two texts
        for key in keys:  # the commitment in the body fits neither
            with pytest.raises(ProtocolError):
                open_bytes(key, header_hash, NONCE + commit + attack.ciphertext)
        honest = seal_bytes(keys[wins], header_hash, b"one text", NONCE, SALT)
        assert open_bytes(keys[wins], header_hash, honest) == b"one text"
        with pytest.raises(ProtocolError):
            open_bytes(keys[1 - wins], header_hash, honest)


def test_a_commitment_that_fits_one_key_shuts_the_other_out_a9() -> None:
    """The keys of the attack do not depend on the commitment, so it can be the first one's."""
    header_hash = fixed("header")
    first = collide(NONCE, header_hash + bytes(32), 256).first
    commit = keyed(first, "commit", NONCE, header_hash)
    attack = collide(NONCE, header_hash + commit, 256)
    assert attack.first == first
    body = NONCE + commit + attack.ciphertext
    assert open_bytes(attack.first, header_hash, body)
    with pytest.raises(ProtocolError) as caught:
        open_bytes(attack.second, header_hash, body)
    assert caught.value.code is ErrorCode.CANNOT_OPEN


def test_another_epoch_of_the_same_channel_opens_nothing() -> None:
    refuse(sealed(), epoch(2))
    refuse(sealed(), EpochSecret(fixed("guess"), SECRET.context))


def test_one_message_key_opens_one_message() -> None:
    """What a court gets proves one message and nothing else."""
    one, two = sealed(), sealed(id=fixed("another id", 16))
    published = message_key(SECRET, one.header_hash)
    assert open_bytes(published, one.header_hash, one.body_bytes or b"") == encode(TEXT)
    with pytest.raises(ProtocolError):
        open_bytes(published, two.header_hash, two.body_bytes or b"")


def test_an_erased_body_and_another_type_do_not_open() -> None:
    entry = sealed()
    refuse(replace(entry, body_bytes=None))
    drop = replace(entry.header, type="drop")
    refuse(AGENT.entry(drop, entry.body_bytes or b""))


def test_the_payload_repeats_what_the_header_shows() -> None:
    fields = dict(METADATA)
    payload = make_payload(fields.pop("kind"), MID, {}, **fields)
    entry = sealed(payload, **METADATA)
    opened = open_message(entry, SECRET)
    assert forged_fields(entry.header, opened) == ()
    hidden = sealed(payload)
    assert forged_fields(hidden.header, open_message(hidden, SECRET)) == ()  # metadata: minimal


@pytest.mark.parametrize("field", VISIBLE_FIELDS)
def test_a_header_that_shows_something_else_is_named_forged(field: str) -> None:
    fields = dict(METADATA)
    payload = make_payload(fields.pop("kind"), MID, {}, **fields)
    false = {"kind": "ACK", "re": bytes(32), "prio": "low", "ack_by": 1, "to": (bytes(16),)}
    header = AGENT.header(SECRET, **{**METADATA, field: false[field]})
    with pytest.raises(ProtocolError) as caught:
        seal_message(header, SECRET, payload, NONCE, SALT)
    assert caught.value.code is ErrorCode.FORGED_METADATA
    header_hash = sha256(header.encode())
    key = message_key(SECRET, header_hash)
    body = seal_bytes(key, header_hash, encode(payload), NONCE, SALT)
    opened = open_message(AGENT.entry(header, body), SECRET)  # it opens, and is shown as forged
    assert forged_fields(header, opened) == (field,)
    with pytest.raises(ProtocolError):
        check_metadata(header, opened)


def test_what_the_header_shows_and_the_payload_leaves_out_is_forged() -> None:
    header = AGENT.header(SECRET, to=(bytes(16),), prio="flash")
    assert forged_fields(header, TEXT) == ("prio", "to")


@pytest.mark.parametrize(("nonce", "salt"), [(23, 16), (25, 16), (24, 15), (24, 17)])
def test_randomness_of_another_size_is_refused(nonce: int, salt: int) -> None:
    with pytest.raises(ProtocolError):
        seal_message(AGENT.header(SECRET), SECRET, TEXT, bytes(nonce), bytes(salt))


def test_the_largest_body_fits_an_entry() -> None:
    room = MAX_PAYLOAD - len(encode(make_payload("MSG", MID, {"text": b""}))) - 2
    entry = sealed(make_payload("MSG", MID, {"text": bytes(room)}))
    again = parse(entry.header_bytes, entry.body_bytes or b"", entry.sig)
    assert open_message(again, SECRET)["content"] == {"text": bytes(room)}
