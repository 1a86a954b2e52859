"""H, B and KDF of PROTOCOL 1.3, and big-endian integers."""

from __future__ import annotations

import hmac
from hashlib import blake2b
from hashlib import sha256 as _sha256

KDF_CONTEXT = b"CENcomm1"


def sha256(*parts: bytes) -> bytes:
    """H: SHA-256 over the concatenation of `parts`; 32 bytes."""
    return _sha256(b"".join(parts)).digest()


def keyed(key: bytes, label: str, *parts: bytes) -> bytes:
    """B(key, label, parts): BLAKE2b-256 keyed with `key` over label || 0x00 || parts; 32 bytes."""
    return blake2b(
        label.encode("ascii") + b"\x00" + b"".join(parts), key=key, digest_size=32
    ).digest()


def kdf(key: bytes, index: int) -> bytes:
    """libsodium's crypto_kdf_derive_from_key(32, index, "CENcomm1", key); 32 bytes.

    PyNaCl has no binding; a test holds this formula against libsodium itself.
    """
    return blake2b(
        b"",
        key=key,
        digest_size=32,
        salt=index.to_bytes(8, "little") + bytes(8),
        person=KDF_CONTEXT + bytes(8),
    ).digest()


def equal(left: bytes, right: bytes) -> bool:
    """Compare in time that does not depend on where the two differ."""
    return hmac.compare_digest(left, right)


def u8(number: int) -> bytes:
    """One byte."""
    return number.to_bytes(1, "big")


def u16(number: int) -> bytes:
    """Two bytes, big-endian."""
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return number.to_bytes(8, "big")


EMPTY_ROOT = sha256()  # RFC 6962 root of the empty tree
