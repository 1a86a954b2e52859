"""Signatures at the edges of Ed25519, built by the properties that C2SP's CCTV publishes for them.

Keys and commitments of small and of mixed order, encodings that are not canonical, S at and above
the group order: both implementations verify as libsodium does (KEY-1, KEY-3, A12).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha512
from itertools import product

import pytest
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.keys import SigType, check_sign_key, verify
from nacl import bindings as sodium

from tests.web.bridge import Bridge, Case, both

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
IDENTITY = (1).to_bytes(32, "little")
EIGHTH = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
PREFIX = b"CENcomm/v1/entry\0"
KEY, COMMITMENT = 0x1234567890ABCDEF**4 % ORDER, 0xFEDCBA0987654321**4 % ORDER


def times(number: int, point: bytes) -> bytes:
    """A multiple of a point of small order."""
    found = IDENTITY
    for _ in range(number % 8):
        found = sodium.crypto_core_ed25519_add(found, point)
    return found


TORSION = [times(number, EIGHTH) for number in range(8)]


def based(scalar: int) -> bytes:
    if scalar == 0:
        return IDENTITY
    return sodium.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))


def hashed(commitment: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(commitment + key + PREFIX + message).digest(), "little") % ORDER


def made(a: int, r: int, i: int, j: int, *, exact: bool) -> tuple[Case, bool] | None:
    """A = aB + iT, R = rB + jT, T of order 8, S = r + ha: cofactored verification takes it.

    With `exact` for a message by which it holds without the cofactor too, if there is one.
    """
    key = sodium.crypto_core_ed25519_add(based(a), TORSION[i])
    commitment = sodium.crypto_core_ed25519_add(based(r), TORSION[j])
    for number in range(64):
        message = number.to_bytes(4, "big")
        h = hashed(commitment, key, message)
        if ((j + h * i) % 8 == 0) is exact:
            s = (r + h * a) % ORDER
            return case(key, message, commitment + s.to_bytes(32, "little")), exact
    return None


def case(key: bytes, message: bytes, signature: bytes) -> Case:
    shown = {"public": key.hex(), "message": message.hex(), "signature": signature.hex()}
    return "verify", {"type": SigType.ENTRY.value, **shown}


def cases() -> Iterator[tuple[Case, bool]]:
    """Each with whether libsodium takes it: exact, and neither point of small order alone."""
    scalars = ((KEY, COMMITMENT), (0, COMMITMENT), (KEY, 0), (0, 0))
    for (a, r), i, j, exact in product(scalars, range(8), range(8), (True, False)):
        found = made(a, r, i, j, exact=exact)
        if found is not None:
            yield found[0], found[1] and a != 0 and r != 0


def test_small_and_mixed_order_are_verified_without_the_cofactor(bridge: Bridge) -> None:
    every = list(cases())
    taken = sum(expected for _, expected in every)
    assert len(every) > 300
    assert 20 < taken < len(every) // 4
    answers = both(bridge, [one for one, _ in every])
    for (one, expected), answer in zip(every, answers, strict=True):
        assert ("output" in answer) is expected, one
        assert expected or answer["failure"] == "bad_signature"


def test_s_is_below_the_group_order(bridge: Bridge) -> None:
    found = made(KEY, COMMITMENT, 0, 0, exact=True)
    assert found is not None
    (_, inputs), _ = found
    signature = bytes.fromhex(inputs["signature"])
    s = int.from_bytes(signature[32:], "little")
    asked = []
    for multiple in range(16):
        again = (s + multiple * ORDER).to_bytes(33, "little")[:32]
        shown = bytes.fromhex(inputs["message"])
        asked.append(case(bytes.fromhex(inputs["public"]), shown, signature[:32] + again))
    answers = both(bridge, asked)
    assert ["output" in answer for answer in answers] == [True] + [False] * 15


@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_an_encoding_that_is_not_canonical_is_no_key_and_no_commitment(
    bridge: Bridge, sign: int
) -> None:
    """All 19 of them; whatever point they would be."""
    for y in range(PRIME, 2**255):
        encoded = (y | sign).to_bytes(32, "little")
        with pytest.raises(ProtocolError, match="bad_key"):
            check_sign_key(encoded)
        refused = [("signing key", {"public": encoded.hex()})]
        for h in range(8):
            s = (h * KEY % ORDER).to_bytes(32, "little")
            refused.append(case(encoded, b"", based(COMMITMENT) + s))
            refused.append(case(based(KEY), bytes([h]), encoded + s))
        assert all("failure" in answer for answer in both(bridge, refused))


def test_a_key_of_mixed_order_is_none_though_its_signatures_verify(bridge: Bridge) -> None:
    taken = 0
    for i in range(1, 8):
        found = made(KEY, COMMITMENT, i, 0, exact=True)
        if found is None:
            continue
        (_, inputs), _ = found
        key = bytes.fromhex(inputs["public"])
        verify(
            key, SigType.ENTRY, bytes.fromhex(inputs["message"]), bytes.fromhex(inputs["signature"])
        )
        (answer,) = both(bridge, [("signing key", {"public": key.hex()})])
        assert answer == {"failure": "bad_key"}
        taken += 1
    assert taken > 0
