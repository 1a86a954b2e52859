"""An epoch's keys come from one secret and one context, and prove themselves (PROTOCOL 8.1)."""

from __future__ import annotations

from dataclasses import replace

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import CloseKey, EpochContext, EpochSecret
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.primitives import kdf, keyed
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import ELSEWHERE, bytes32, contexts, epoch, few, secrets


def derived(secret: EpochSecret) -> dict[str, bytes]:
    return {
        "commit": secret.commit,
        "message_key": secret.message_key,
        "link_key": secret.link_key,
        "drop": secret.drop_keys.secret,
        "close_key": secret.close_key.key,
        "close_commit": secret.close_commit,
        "audit": secret.audit_secret,
    }


def test_the_context_is_74_bytes_in_the_order_of_the_specification() -> None:
    context = EpochContext(LogId(b"L" * 16), ChannelId(b"C" * 16), 258, b"P" * 32, suite=1)
    assert context.encoded == b"\x00\x01" + b"L" * 16 + b"C" * 16 + b"\0" * 6 + b"\1\2" + b"P" * 32
    assert len(context.encoded) == 74


def test_the_first_epoch_has_zeros_for_the_commit_of_the_previous_one() -> None:
    assert epoch().context.encoded[-32:] == bytes(32)


def test_every_key_is_the_one_of_the_specification() -> None:
    secret = epoch(3)
    c = secret.context.encoded
    epoch_key = keyed(secret.secret, "epoch", c)
    assert secret.message_key == kdf(epoch_key, 1)
    assert secret.link_key == kdf(epoch_key, 2)
    assert secret.drop_keys.public == sodium.crypto_box_seed_keypair(kdf(epoch_key, 3))[0]
    assert secret.commit == keyed(secret.secret, "commit", c)
    assert secret.close_key.key == keyed(secret.secret, "close-key", c)
    assert secret.close_commit == keyed(secret.close_key.key, "close", c)


@given(bytes32, st.integers(0, 2**64 - 1))
@few
def test_kdf_is_crypto_kdf_as_libsodium_builds_it_on_its_own_blake2b(
    key: bytes, index: int
) -> None:
    # crypto_kdf_blake2b.c on libsodium's own generichash; PyNaCl exports no crypto_kdf
    built = sodium.crypto_generichash_blake2b_salt_personal(
        b"",
        digest_size=32,
        key=key,
        salt=index.to_bytes(8, "little") + bytes(8),
        person=b"CENcomm1" + bytes(8),
    )
    assert kdf(key, index) == built


@given(secrets)
@few
def test_no_two_keys_of_an_epoch_are_equal(secret: EpochSecret) -> None:
    assert len(set(derived(secret).values())) == len(derived(secret))


@pytest.mark.parametrize("field", ELSEWHERE)
def test_any_other_context_gives_other_keys_throughout_a7(field: str) -> None:
    secret = epoch(3)
    other = EpochSecret(secret.secret, replace(secret.context, **ELSEWHERE[field]))
    assert not set(derived(secret).values()) & set(derived(other).values())


@given(secrets, bytes32)
@few
def test_a_secret_passes_its_own_commit_only(secret: EpochSecret, other: bytes) -> None:
    secret.check(secret.commit)
    if other != secret.commit:
        with pytest.raises(ProtocolError) as caught:
            secret.check(other)
        assert caught.value.code is ErrorCode.BAD_COMMIT


@given(bytes32, contexts, contexts, bytes32)
@few
def test_links_lead_to_the_previous_epoch_and_its_close_key(
    e: bytes, context: EpochContext, before: EpochContext, previous_e: bytes
) -> None:
    previous = EpochSecret(previous_e, before)
    secret = EpochSecret(e, replace(context, previous_commit=previous.commit))
    link = secret.seal_link(previous)
    assert len(link) == 48
    assert secret.open_link(link, before, previous.commit) == previous
    close_link = secret.close_key.seal_previous(previous.close_key)
    assert len(close_link) == 48
    opened = secret.close_key.open_previous(close_link, before, previous.close_commit)
    assert opened == previous.close_key


@given(st.integers(0, 48 * 8 - 1))
@few
def test_a_link_with_any_flipped_bit_does_not_open(bit: int) -> None:
    previous = epoch(1)
    secret = epoch(2, previous_commit=previous.commit)
    for sealed, open_it in (
        (
            secret.seal_link(previous),
            lambda data: secret.open_link(data, previous.context, previous.commit),
        ),
        (
            secret.close_key.seal_previous(previous.close_key),
            lambda data: secret.close_key.open_previous(
                data, previous.context, previous.close_commit
            ),
        ),
    ):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError) as caught:
            open_it(bytes(flipped))
        assert caught.value.code is ErrorCode.CANNOT_OPEN


def test_a_link_to_another_secret_than_the_log_commits_to_is_refused() -> None:
    previous, stranger = epoch(1), epoch(1, "stranger")
    secret = epoch(2, previous_commit=previous.commit)
    with pytest.raises(ProtocolError) as caught:
        secret.open_link(secret.seal_link(stranger), previous.context, previous.commit)
    assert caught.value.code is ErrorCode.BAD_COMMIT
    sealed = secret.close_key.seal_previous(stranger.close_key)
    with pytest.raises(ProtocolError) as caught:
        secret.close_key.open_previous(sealed, previous.context, previous.close_commit)
    assert caught.value.code is ErrorCode.BAD_COMMIT


def test_a_close_key_opens_neither_messages_nor_the_link() -> None:
    secret = epoch()
    assert not {secret.message_key, secret.link_key, secret.secret} & {
        secret.close_key.key,
        kdf(secret.close_key.key, 1),
        kdf(secret.close_key.key, 2),
    }


def test_no_secret_shows_in_a_repr() -> None:
    secret = epoch()
    shown = repr(secret) + repr(secret.close_key) + repr(secret.drop_keys)
    for value in (secret.secret, secret.close_key.key, secret.drop_keys.secret):
        assert value.hex() not in shown
        assert repr(value) not in shown


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    context = epoch().context
    with pytest.raises(ProtocolError):
        EpochSecret(bytes(size), context)
    with pytest.raises(ProtocolError):
        CloseKey(bytes(size), context).check(bytes(32))
