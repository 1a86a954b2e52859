"""k of n auditors open a closed channel, fewer do not, and a liar is named (PROTOCOL 8.9)."""

from __future__ import annotations

from itertools import combinations

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import CloseKey, EpochSecret
from cencomm_crypto.member.escrow import (
    audit_grant_body,
    open_escrow,
    open_share,
    recover,
    seal_escrow,
    shares_of,
    wrap_share,
)
from cencomm_crypto.member.shamir import combine, split
from cencomm_crypto.public.bodies import parse_body
from cencomm_crypto.public.primitives import keyed, sha256
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import Author, box_keys, bytes32, epoch, few, fixed, secrets

AUDITOR = Author("auditor")


def multiply(left: int, right: int) -> int:
    """GF(2^8) with 0x11b, the slow way (FIPS 197 section 4.2)."""
    product = 0
    for bit in range(8):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


@st.composite
def sharings(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(2, 16))
    return draw(st.integers(2, n)), n


def test_the_field_is_that_of_fips_197() -> None:
    assert multiply(0x57, 0x83) == 0xC1  # the standard's own example
    secret, slope = bytes([0x57] * 32), bytes([0x83] * 32)
    shares = split(secret, [slope], 16)
    for x in range(1, 17):
        assert shares[x - 1] == bytes([0x57 ^ multiply(0x83, x)] * 32)


@given(bytes32, st.lists(bytes32, min_size=1, max_size=5), st.integers(6, 16))
@few
def test_each_byte_is_a_polynomial_of_its_own(
    secret: bytes, coefficients: list[bytes], n: int
) -> None:
    shares = split(secret, coefficients, n)
    for place in (0, 13, 31):
        for x in range(1, n + 1):
            power, value = 1, 0
            for term in [secret, *coefficients]:
                value ^= multiply(term[place], power)
                power = multiply(power, x)
            assert shares[x - 1][place] == value


@given(secrets, sharings(), st.randoms(use_true_random=False))
@few
def test_any_k_shares_give_the_secret_and_k_minus_1_do_not(
    secret: EpochSecret, sharing: tuple[int, int], random: object
) -> None:
    k, n = sharing
    shares = dict(enumerate(shares_of(secret, k, n), start=1))
    places = random.sample(sorted(shares), k)  # type: ignore[attr-defined]
    assert combine({x: shares[x] for x in places}) == secret.audit_secret
    assert combine({x: shares[x] for x in places[:-1]}) != secret.audit_secret


def test_every_k_subset_of_a_small_sharing_opens_the_escrow_and_no_smaller_one() -> None:
    secret = epoch()
    escrow = seal_escrow(secret)
    shares = dict(enumerate(shares_of(secret, 3, 5), start=1))
    for size in range(6):
        for places in combinations(shares, size):
            some = {x: shares[x] for x in places}
            if size < 3:
                with pytest.raises(ProtocolError) as caught:
                    recover(escrow, secret.close_key, some, 3, 5, secret.commit)
                assert caught.value.code is ErrorCode.CANNOT_OPEN
            else:
                opening = recover(escrow, secret.close_key, some, 3, 5, secret.commit)
                assert opening.secret == secret
                assert opening.liars == ()


def test_k_minus_1_shares_fit_every_secret_alike() -> None:
    """Perfect secrecy: for any other secret some last share explains the same k - 1 shares."""
    secret = epoch()
    shares = shares_of(secret, 2, 2)
    for guess in (bytes(32), fixed("a guess")):
        slope = bytes(a ^ b for a, b in zip(shares[0], guess, strict=True))  # f(1) = guess + slope
        assert split(guess, [slope], 2)[0] == shares[0]


@given(secrets, bytes32, st.sets(st.integers(1, 6), min_size=1, max_size=3))
@few
def test_false_shares_are_named_once_the_true_ones_opened(
    secret: EpochSecret, lie: bytes, liars: set[int]
) -> None:
    shares = dict(enumerate(shares_of(secret, 3, 6), start=1))
    for x in liars:
        shares[x] = bytes(a ^ b for a, b in zip(shares[x], lie, strict=True))
    expected = tuple(sorted(liars)) if any(lie) else ()
    opening = recover(seal_escrow(secret), secret.close_key, shares, 3, 6, secret.commit)
    assert opening.secret == secret
    assert opening.liars == expected


def test_a_share_of_another_length_or_from_no_place_is_a_lie() -> None:
    secret = epoch()
    shares = dict(enumerate(shares_of(secret, 2, 3), start=1)) | {2: b"short", 4: bytes(32)}
    opening = recover(seal_escrow(secret), secret.close_key, shares, 2, 3, secret.commit)
    assert opening.liars == (2, 4)


def test_shares_open_nothing_before_the_close_key_is_known_a23() -> None:
    secret = epoch()
    shares = dict(enumerate(shares_of(secret, 2, 3), start=1))
    guessed = CloseKey(fixed("not the close key"), secret.context)
    with pytest.raises(ProtocolError) as caught:
        recover(seal_escrow(secret), guessed, shares, 2, 3, secret.commit)
    assert caught.value.code is ErrorCode.CANNOT_OPEN


@given(st.integers(0, 48 * 8 - 1))
@few
def test_an_escrow_with_any_flipped_bit_does_not_open(bit: int) -> None:
    secret = epoch()
    flipped = bytearray(seal_escrow(secret))
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProtocolError) as caught:
        open_escrow(bytes(flipped), secret.close_key, secret.audit_secret)
    assert caught.value.code is ErrorCode.CANNOT_OPEN


def test_escrow_and_shares_are_those_of_the_specification() -> None:
    secret = epoch()
    c = secret.context.encoded
    audit_secret = keyed(secret.secret, "audit", c)
    key = keyed(secret.close_key.key, "escrow", audit_secret + c)
    assert seal_escrow(secret) == sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        secret.secret, sha256(c), bytes(24), key
    )
    slope = keyed(secret.secret, "share", c + b"\x01")
    assert shares_of(secret, 2, 3) == split(audit_secret, [slope], 3)


@given(secrets, bytes32, box_keys)
@few
def test_an_auditors_device_opens_its_share_and_stock_libsodium_too(
    secret: EpochSecret, share: bytes, box: object
) -> None:
    w = wrap_share(secret, share, AUDITOR.id, AUDITOR.box.public)
    assert len(w) == 112
    assert open_share(w, AUDITOR.box, secret.context) == share
    plain = sodium.crypto_box_seal_open(w, AUDITOR.box.public, AUDITOR.box.secret)
    assert plain == share + sha256(secret.context.encoded)


def test_a_share_wrap_is_bound_to_device_share_and_epoch() -> None:
    secret, share = epoch(), fixed("share")
    w = wrap_share(secret, share, AUDITOR.id, AUDITOR.box.public)
    assert w == wrap_share(epoch(), share, AUDITOR.id, AUDITOR.box.public)
    with pytest.raises(ProtocolError):
        open_share(w, Author("other").box, secret.context)
    with pytest.raises(ProtocolError):
        open_share(w, AUDITOR.box, epoch(2).context)
    other = wrap_share(secret, fixed("another share"), AUDITOR.id, AUDITOR.box.public)
    assert other[:32] != w[:32]  # the share is in the seed: no key pair seals two texts


def test_an_audit_grant_carries_the_share_to_the_opening_device() -> None:
    secret, opener = epoch(4), Author("opener")
    share = shares_of(secret, 2, 3)[1]
    body = audit_grant_body(
        fixed("request"), 2, share, secret.context, opener.box.public, fixed("ephemeral")
    )
    assert parse_body("audit.grant", body) == body
    assert (body["x"], body["n"], body["chan"]) == (2, 4, secret.context.chan)
    assert open_share(body["share"], opener.box, secret.context) == share


@pytest.mark.parametrize(("k", "n"), [(1, 3), (4, 3), (2, 17), (0, 2)])
def test_only_two_to_sixteen_auditors_share(k: int, n: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        shares_of(epoch(), k, n)
    assert caught.value.code is ErrorCode.BAD_AUDIT_SET
