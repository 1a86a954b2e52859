"""Keys, the signed contexts of PROTOCOL 1.5, and the messages that are signed under them.

One key per job; every signature but those of notes carries "CENcomm/v1/<type>" (A13).
libsodium verifies everywhere: it refuses small-order and non-canonical keys (A12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import nacl.bindings as sodium
import nacl.exceptions

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import ID_SIZE, AdminId, DeviceId, PersonId
from cencomm_crypto.public.primitives import sha256, u64

KEY_SIZE = 32
SIGNATURE_SIZE = 64
_FIELD_PRIME = 2**255 - 19
_PROBE_SCALAR = sha256(b"CENcomm/v1/box key probe")  # any scalar shows a low-order point


class SigType(StrEnum):
    """What a signature is for; part of the signed bytes (A13)."""

    ENTRY = "entry"
    ENROL = "enrol"
    LOGIN = "login"
    GOVERNANCE = "governance"
    ADMIN_ROOT = "admin-root"


_PREFIXES = {kind: b"CENcomm/v1/" + kind.encode("ascii") + b"\x00" for kind in SigType}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair; the secret half never shows in a repr."""

    public: bytes
    _secret: bytes = field(repr=False)  # libsodium's 64-byte form: seed || public

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Make the pair from 32 random bytes."""
        _expect_size(seed, KEY_SIZE, "a signing seed")
        public, secret = sodium.crypto_sign_seed_keypair(seed)
        return cls(public, secret)

    @property
    def seed(self) -> bytes:
        """The 32 bytes to keep; secret."""
        return self._secret[:KEY_SIZE]

    def sign(self, kind: SigType, message: bytes) -> bytes:
        """SIG(key, kind, message); 64 bytes."""
        return self.sign_raw(_PREFIXES[kind] + message)

    def sign_raw(self, message: bytes) -> bytes:
        """Ed25519 without a prefix: only for notes, by keys that sign nothing else."""
        return sodium.crypto_sign(message, self._secret)[:SIGNATURE_SIZE]


@dataclass(frozen=True, slots=True)
class BoxKey:
    """An X25519 key pair; the secret half never shows in a repr."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> BoxKey:
        """crypto_box_seed_keypair of 32 bytes."""
        _expect_size(seed, KEY_SIZE, "a box seed")
        public, secret = sodium.crypto_box_seed_keypair(seed)
        return cls(public, secret)


def verify(public: bytes, kind: SigType, message: bytes, signature: bytes) -> None:
    """Verify SIG; raises ProtocolError(BAD_SIGNATURE)."""
    verify_raw(public, _PREFIXES[kind] + message, signature)


def verify_raw(public: bytes, message: bytes, signature: bytes) -> None:
    """Ed25519 verification by libsodium; raises ProtocolError(BAD_SIGNATURE).

    PyNaCl has no detached verify, and raises a bare RuntimeError on some bad points.
    """
    if len(public) == KEY_SIZE and len(signature) == SIGNATURE_SIZE:
        try:
            sodium.crypto_sign_open(signature + message, public)
        except (nacl.exceptions.CryptoError, RuntimeError, ValueError):
            pass
        else:
            return
    raise ProtocolError(ErrorCode.BAD_SIGNATURE, "the signature does not verify under this key")


def check_sign_key(public: bytes) -> None:
    """Refuse what is not a point of the main subgroup (A12); raises ProtocolError(BAD_KEY)."""
    try:
        good = len(public) == KEY_SIZE and sodium.crypto_core_ed25519_is_valid_point(public)
    except (nacl.exceptions.CryptoError, RuntimeError):
        good = False
    if not good:
        raise ProtocolError(
            ErrorCode.BAD_KEY, "a signing key must be a canonical point of the prime-order group"
        )


def check_box_key(public: bytes) -> None:
    """Refuse non-canonical and low-order box keys (A12, A47); raises ProtocolError(BAD_KEY)."""
    if len(public) == KEY_SIZE and int.from_bytes(public, "little") < _FIELD_PRIME:
        try:
            sodium.crypto_scalarmult(_PROBE_SCALAR, public)
        except (nacl.exceptions.CryptoError, RuntimeError):
            pass
        else:
            return
    raise ProtocolError(
        ErrorCode.BAD_KEY, "a box key must be below 2^255-19 and not of small order"
    )


def device_id(sign_pk: bytes) -> DeviceId:
    """First 16 bytes of H("CENcomm/v1/device" 0x00 || sign_pk)."""
    return DeviceId(sha256(b"CENcomm/v1/device\x00", sign_pk)[:ID_SIZE])


def admin_id(first_root_pk: bytes) -> AdminId:
    """First 16 bytes of H(the administration's first root key); kept through re-key."""
    return AdminId(sha256(first_root_pk)[:ID_SIZE])


def enrol_message(directory_id: bytes, person: PersonId, box_pk: bytes) -> bytes:
    """What a device signs (A41): directory id[32] || person[16] || box_pk[32]."""
    return directory_id + person + box_pk


def root_message(directory_id: bytes, body: Mapping[str, Value]) -> bytes:
    """What a root signs: directory id[32] (zeros in the genesis) || H(body without `sigs`)."""
    unsigned = {key: value for key, value in body.items() if key != "sigs"}
    return directory_id + sha256(encode(unsigned))


def login_message(
    nonce: bytes, directory_id: bytes, origin: str, token_hash: bytes, expiry_ms: int
) -> bytes:
    """H(nonce[32] || directory id[32] || origin || H(token)[32] || u64 expiry), DESIGN 3 Login."""
    return sha256(nonce, directory_id, origin.encode("utf-8"), token_hash, u64(expiry_ms))


def _expect_size(data: bytes, size: int, what: str) -> None:
    if len(data) != size:
        raise ProtocolError(ErrorCode.BAD_KEY, f"{what} has {len(data)} bytes, {size} expected")
