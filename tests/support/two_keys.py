"""The attack of A9: one XChaCha20-Poly1305 ciphertext that opens under two keys.

Poly1305 is a polynomial over 2^130 - 5 in a key that the attacker knows, so one free block is
enough to give both keys the same tag (Dodis, Grubbs, Ristenpart, Woodage, CRYPTO 2018).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

import nacl.bindings as sodium

_P = 2**130 - 5
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")


class TwoKeys(NamedTuple):
    """`ciphertext` (with its tag) opens under both keys, to two texts that both unpad."""

    first: bytes
    second: bytes
    ciphertext: bytes


def collide(nonce: bytes, aad: bytes, size: int) -> TwoKeys:
    """Two keys and one ciphertext of `size` bytes (a multiple of 16), for one nonce and AAD."""
    first = sha256(b"first key").digest()
    stream = _keystream(first, nonce, size)
    for number in range(100_000):
        second = sha256(b"second key %d" % number).digest()
        other = _keystream(second, nonce, size)
        if other[-1] != stream[-1]:  # both texts must end in the padding's 0x80
            continue
        body = bytearray(sha256(b"body %d" % number).digest() * (size // 32))
        body[-1] = stream[-1] ^ 0x80
        found = _solve(first, second, nonce, aad, body)
        if found is not None:
            return TwoKeys(first, second, found)
    raise AssertionError("no collision found")


def collide_with(
    text: bytes, first: bytes, seconds: Iterable[bytes], nonce: bytes, aad: bytes
) -> TwoKeys:
    """A ciphertext of `text` under `first` (but for its first 16 bytes, which are the price)
    that opens under one of `seconds` too."""
    stream = _keystream(first, nonce, len(text))
    for second in seconds:
        body = bytearray(left ^ right for left, right in zip(text, stream, strict=True))
        found = _solve(first, second, nonce, aad, body)
        if found is not None:
            return TwoKeys(first, second, found)
    raise AssertionError("no collision found")


def _solve(first: bytes, second: bytes, nonce: bytes, aad: bytes, body: bytearray) -> bytes | None:
    """Choose the first block of `body` so that both keys give one tag; None if out of luck."""
    (r1, s1), (r2, s2) = (_poly_key(key, nonce) for key in (first, second))
    body[:16] = bytes(16)
    blocks = _blocks(aad, bytes(body))
    place = len(blocks) - len(aad) // 16  # power of r at the first block of the ciphertext
    h1, h2 = _evaluate(blocks, r1), _evaluate(blocks, r2)
    slope = (pow(r1, place, _P) - pow(r2, place, _P)) % _P
    free = (s2 - s1 - (h1 - h2)) * pow(slope, -1, _P) % _P
    if free >= 2**128:
        return None
    body[:16] = free.to_bytes(16, "little")
    blocks = _blocks(aad, bytes(body))
    tag1 = (_evaluate(blocks, r1) + s1) % 2**128
    tag2 = (_evaluate(blocks, r2) + s2) % 2**128
    return bytes(body) + tag1.to_bytes(16, "little") if tag1 == tag2 else None


def _blocks(aad: bytes, ciphertext: bytes) -> list[int]:
    """Poly1305 input of RFC 8439 2.8 as numbers; both parts are multiples of 16 here."""
    lengths = struct.pack("<QQ", len(aad), len(ciphertext))
    data = aad + ciphertext + lengths
    return [
        int.from_bytes(data[start : start + 16], "little") + 2**128
        for start in range(0, len(data), 16)
    ]


def _evaluate(blocks: Iterable[int], r: int) -> int:
    value = 0
    for block in blocks:
        value = (value + block) * r % _P
    return value


def _keystream(key: bytes, nonce: bytes, size: int) -> bytes:
    zeros = bytes(size)
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(zeros, b"", nonce, key)[:size]


def _poly_key(key: bytes, nonce: bytes) -> tuple[int, int]:
    """r and s: block 0 of XChaCha20 (draft-irtf-cfrg-xchacha 2.3)."""
    subkey = _core(key, struct.unpack("<4I", nonce[:16]), feed_forward=False)
    words = (0, 0, *struct.unpack("<2I", nonce[16:]))
    block = _core(struct.pack("<8I", *subkey[:4], *subkey[12:]), words, feed_forward=True)
    raw = struct.pack("<8I", *block[:8])
    return int.from_bytes(raw[:16], "little") & _CLAMP, int.from_bytes(raw[16:], "little")


def _core(key: bytes, tail: Iterable[int], *, feed_forward: bool) -> list[int]:
    start = [*_SIGMA, *struct.unpack("<8I", key), *tail]
    state = list(start)
    for _ in range(10):
        for a, b, c, d in (
            *((i, i + 4, i + 8, i + 12) for i in range(4)),
            *((i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) for i in range(4)),
        ):
            turns = ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7))
            for left, right, target, turn in turns:
                state[left] = (state[left] + state[right]) & 0xFFFFFFFF
                mixed = state[target] ^ state[left]
                state[target] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF
    if not feed_forward:
        return state
    return [(x + y) & 0xFFFFFFFF for x, y in zip(state, start, strict=True)]
