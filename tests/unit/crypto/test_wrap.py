"""A wrap is opened by one device, made alike by everybody (PROTOCOL 8.2, A18)."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b, sha256

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.wrap import WRAP_SIZE, open_wrap, wrap
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import keyed
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import ELSEWHERE, Author, box_keys, bytes16, epoch, few, secrets

PHONE = Author("phone")


@given(secrets, bytes16, box_keys)
@few
def test_a_device_opens_its_wrap_and_gets_the_epoch(
    secret: EpochSecret, device: bytes, box: BoxKey
) -> None:
    w = wrap(secret, DeviceId(device), box.public)
    assert len(w) == WRAP_SIZE == 112
    assert open_wrap(w, box, secret.context, secret.commit) == secret


@given(secrets, bytes16, box_keys)
@few
def test_stock_crypto_box_seal_open_opens_a_wrap(
    secret: EpochSecret, device: bytes, box: BoxKey
) -> None:
    w = wrap(secret, DeviceId(device), box.public)
    plain = sodium.crypto_box_seal_open(w, box.public, box.secret)
    assert plain == secret.secret + sha256(secret.context.encoded).digest()


def test_a_wrap_is_the_one_of_the_specification_step_by_step() -> None:
    secret, pk = epoch(), PHONE.box.public
    seed = keyed(secret.secret, "wrap", secret.context.encoded + PHONE.id + pk)
    epk, esk = sodium.crypto_box_seed_keypair(seed)
    nonce = blake2b(epk + pk, digest_size=24).digest()
    plain = secret.secret + sha256(secret.context.encoded).digest()
    assert wrap(secret, PHONE.id, pk) == epk + sodium.crypto_box_easy(plain, nonce, pk, esk)


def test_two_who_hold_the_epoch_make_the_same_wrap_and_another_device_gets_another() -> None:
    secret, again = epoch(), epoch()
    pk = PHONE.box.public
    assert wrap(secret, PHONE.id, pk) == wrap(again, PHONE.id, pk)
    other = Author("other")
    wraps = {
        wrap(secret, PHONE.id, pk),
        wrap(secret, other.id, pk),
        wrap(secret, PHONE.id, other.box.public),
        wrap(epoch(2), PHONE.id, pk),
    }
    assert len({w[:32] for w in wraps}) == 4  # no ephemeral key is used twice


@given(st.integers(0, WRAP_SIZE * 8 - 1))
@few
def test_a_wrap_with_any_flipped_bit_does_not_open(bit: int) -> None:
    secret = epoch()
    flipped = bytearray(wrap(secret, PHONE.id, PHONE.box.public))
    flipped[bit // 8] ^= 1 << bit % 8
    refuse(bytes(flipped), PHONE.box, secret)


@pytest.mark.parametrize("size", [0, 47, 48, 80, 111, 113, 200])
def test_a_wrap_of_another_length_does_not_open(size: int) -> None:
    refuse(bytes(size), PHONE.box, epoch())


def test_another_device_does_not_open_it() -> None:
    secret = epoch()
    refuse(wrap(secret, PHONE.id, PHONE.box.public), Author("thief").box, secret)


@pytest.mark.parametrize("field", ELSEWHERE)
def test_a_wrap_of_another_log_channel_epoch_or_history_does_not_open_a7(field: str) -> None:
    secret = epoch(3)
    elsewhere = EpochSecret(secret.secret, replace(secret.context, **ELSEWHERE[field]))
    refuse(wrap(secret, PHONE.id, PHONE.box.public), PHONE.box, elsewhere)


def test_a_good_wrap_of_a_secret_that_the_rotate_does_not_commit_to_does_not_open() -> None:
    secret, other = epoch(1), epoch(1, "other")
    w = wrap(other, PHONE.id, PHONE.box.public)
    refuse(w, PHONE.box, secret)


def test_nothing_is_wrapped_to_a_low_order_key_a47() -> None:
    with pytest.raises(ProtocolError) as caught:
        wrap(epoch(), PHONE.id, bytes(32))
    assert caught.value.code is ErrorCode.BAD_KEY


def refuse(w: bytes, box: BoxKey, secret: EpochSecret) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_wrap(w, box, secret.context, secret.commit)
    assert caught.value.code is ErrorCode.CANNOT_OPEN
    assert caught.value.detail == "the sealed bytes do not open with this key"
