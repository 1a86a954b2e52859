"""Shamir's sharing over GF(2^8), polynomial 0x11b, byte by byte (PROTOCOL 8.9, RULES Shares).

A string of 32 field elements is one Python integer; multiplying it by a public place needs
shifts and masks only, so no secret byte is ever an index into a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cencomm_crypto.errors import ErrorCode, ProtocolError

SHARE_SIZE = 32
MAX_SHARES = 16
_LOW_BITS = int.from_bytes(b"\x7f" * SHARE_SIZE, "big")
_ONES = int.from_bytes(b"\x01" * SHARE_SIZE, "big")
_REDUCTION = 0x1B  # x^8 = x^4 + x^3 + x + 1


def split(secret: bytes, coefficients: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    """Shares f(1) .. f(count) of f(x) = secret + a1 x + a2 x^2 + ..., each 32 bytes.

    `coefficients` are a1 .. a(k-1), 32 bytes each; any k shares give the secret back.
    """
    k = len(coefficients) + 1
    if not 2 <= k <= count <= MAX_SHARES:
        raise ProtocolError(
            ErrorCode.BAD_AUDIT_SET, f"{k} of {count} read, 2 <= k <= n <= {MAX_SHARES} expected"
        )
    terms = [int.from_bytes(term, "big") for term in (secret, *coefficients)]
    return tuple(_evaluate(terms, x).to_bytes(SHARE_SIZE, "big") for x in range(1, count + 1))


def combine(shares: Mapping[int, bytes]) -> bytes:
    """f(0) from place -> share, by Lagrange; any k true shares of a k-sharing give the secret.

    With a false share or too few the result is 32 other bytes: the caller checks it against a
    commitment.
    """
    secret = 0
    for x, share in shares.items():
        weight = 1
        for other in shares:
            if other != x:
                weight = _multiply(_multiply(other, _inverse(other ^ x)), weight)
        secret ^= _multiply(int.from_bytes(share, "big"), weight)
    return secret.to_bytes(SHARE_SIZE, "big")


def _evaluate(terms: Sequence[int], x: int) -> int:
    """Horner's rule."""
    value = 0
    for term in reversed(terms):
        value = _multiply(value, x) ^ term
    return value


def _multiply(elements: int, factor: int) -> int:
    """Each byte of `elements` times the public `factor`, at once."""
    product = 0
    while factor:
        if factor & 1:
            product ^= elements
        overflow = (elements >> 7) & _ONES
        elements = ((elements & _LOW_BITS) << 1) ^ (overflow * _REDUCTION)
        factor >>= 1
    return product


def _inverse(element: int) -> int:
    """element^254 for one public field element that is not zero."""
    power = element
    for _ in range(6):
        power = _multiply(_multiply(power, power), element)
    return _multiply(power, power)
