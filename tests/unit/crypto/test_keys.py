"""Keys are checked where they enter; a signature is good for one purpose (A12, A13, A47)."""

from __future__ import annotations

import itertools

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    admin_id,
    check_box_key,
    check_sign_key,
    device_id,
    login_message,
    verify,
)
from cencomm_crypto.public.primitives import kdf, keyed, sha256
from hypothesis import given
from hypothesis import strategies as st

KEY = SigningKey.from_seed(bytes(range(32)))

# the eight points of small order and their non-canonical forms (RFC 7748 6.1; Ed25519 CCTV)
SMALL_X25519 = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    2**255 - 20,
    2**255 - 19,
    2**255 - 18,
]
SMALL_ED25519 = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@given(st.binary(max_size=200), st.sampled_from(SigType))
def test_a_signature_verifies_for_its_own_purpose_and_no_other(
    message: bytes, kind: SigType
) -> None:
    signature = KEY.sign(kind, message)
    verify(KEY.public, kind, message, signature)
    for other in SigType:
        if other is not kind:
            with pytest.raises(ProtocolError):
                verify(KEY.public, other, message, signature)


def test_every_flipped_bit_of_signature_message_or_key_is_refused() -> None:
    message = b"a message"
    signature = KEY.sign(SigType.ENTRY, message)
    parts = {"public": KEY.public, "message": message, "signature": signature}
    for name, part in parts.items():
        for bit in range(len(part) * 8):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            changed = {**parts, name: bytes(flipped)}
            with pytest.raises(ProtocolError) as caught:
                verify(changed["public"], SigType.ENTRY, changed["message"], changed["signature"])
            assert caught.value.code == ErrorCode.BAD_SIGNATURE


@pytest.mark.parametrize("number", SMALL_X25519)
@pytest.mark.parametrize("high_bit", [0, 1])
def test_a12_a47_low_order_and_non_canonical_box_keys_are_refused(
    number: int, high_bit: int
) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_box_key((number + high_bit * 2**255).to_bytes(32, "little"))
    assert caught.value.code == ErrorCode.BAD_KEY


@pytest.mark.parametrize("point", SMALL_ED25519)
def test_a12_small_order_signing_keys_are_refused(point: str) -> None:
    with pytest.raises(ProtocolError):
        check_sign_key(bytes.fromhex(point))
    with pytest.raises(ProtocolError):
        verify(bytes.fromhex(point), SigType.ENTRY, b"x", bytes(64))


def test_a12_a_mixed_order_signing_key_is_refused() -> None:
    small = bytes.fromhex(SMALL_ED25519[4])
    mixed = sodium.crypto_core_ed25519_add(KEY.public, small)
    with pytest.raises(ProtocolError):
        check_sign_key(mixed)
    check_sign_key(KEY.public)


def test_keys_of_other_sizes_are_refused() -> None:
    for size, check in itertools.product((0, 31, 33), (check_box_key, check_sign_key)):
        with pytest.raises(ProtocolError):
            check(bytes(size))
    with pytest.raises(ProtocolError):
        SigningKey.from_seed(bytes(31))


def test_secrets_do_not_show_in_a_repr() -> None:
    box = BoxKey.from_seed(bytes(range(1, 33)))
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed)[2:-1] not in repr(KEY)
    assert repr(box.secret)[2:-1] not in repr(box)
    check_box_key(box.public)


def test_ids_are_the_first_16_bytes_of_their_hash() -> None:
    assert device_id(KEY.public) == sha256(b"CENcomm/v1/device\x00" + KEY.public)[:16]
    assert admin_id(KEY.public) == sha256(KEY.public)[:16]


def test_login_messages_differ_in_every_part() -> None:
    base = (bytes(32), bytes(32), "https://a.example", bytes(32), 5)
    other = (b"\1" * 32, b"\1" * 32, "https://b.example", b"\1" * 32, 6)
    seen = {login_message(*base)}
    for place in range(5):
        seen.add(login_message(*(*base[:place], other[place], *base[place + 1 :])))  # type: ignore[arg-type]  # one tuple of mixed parts
    assert len(seen) == 6


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1))
def test_kdf_is_a_function_of_key_and_index_alone(key: bytes, index: int) -> None:
    assert kdf(key, index) == kdf(key, index)
    assert len(kdf(key, index)) == 32
    assert kdf(key, index) != kdf(key, (index + 1) % 2**64)


def test_labels_keep_their_uses_apart() -> None:
    assert keyed(bytes(32), "a", b"bc") != keyed(bytes(32), "ab", b"c")
