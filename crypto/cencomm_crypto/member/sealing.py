"""The seals that epochs, wraps, shares and messages are made of (PROTOCOL 1.3, 8).

Every failure to open is the same error with the same sentence: a stranger learns that, not why.
"""

from __future__ import annotations

from hashlib import blake2b

import nacl.bindings as sodium
import nacl.exceptions

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.keys import BoxKey

ONE_TIME_OVERHEAD = 16  # the tag
SEALED_BOX_OVERHEAD = 48  # ephemeral key[32] || tag[16]
_ZERO_NONCE = bytes(24)


def cannot_open() -> ProtocolError:
    """The one error for sealed bytes that do not open (PROTOCOL 1.6)."""
    return ProtocolError(ErrorCode.CANNOT_OPEN, "the sealed bytes do not open with this key")


def seal_once(key: bytes, context_hash: bytes, plaintext: bytes) -> bytes:
    """once(key, H(c), plaintext) for a key that seals one value in its life: ct || tag[16].

    The zero nonce is safe only because the key is derived from an epoch secret that is drawn
    for one rotate (PROTOCOL 8.1 EPO-2).
    """
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plaintext, context_hash, _ZERO_NONCE, key
    )


def open_once(key: bytes, context_hash: bytes, sealed: bytes) -> bytes:
    """Open `seal_once`; raises ProtocolError(CANNOT_OPEN).

    The seal does not commit to its key: the caller checks the result against its commit (A9).
    """
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, context_hash, _ZERO_NONCE, key
        )
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise cannot_open() from error


def seal_box(ephemeral_seed: bytes, plaintext: bytes, box_pk: bytes) -> bytes:
    """crypto_box_seal with its ephemeral key pair made from `ephemeral_seed` (32 bytes).

    Shape: epk[32] || tag[16] || ciphertext; stock crypto_box_seal_open opens it. Raises
    ProtocolError(BAD_KEY) for a low-order `box_pk`, which `apply` refuses already (A47).
    """
    epk, esk = sodium.crypto_box_seed_keypair(ephemeral_seed)
    nonce = blake2b(epk + box_pk, digest_size=24).digest()
    try:
        return epk + sodium.crypto_box_easy(plaintext, nonce, box_pk, esk)
    except (nacl.exceptions.CryptoError, RuntimeError, ValueError) as error:
        raise ProtocolError(
            ErrorCode.BAD_KEY, "nothing can be sealed to this box key; a checked one expected"
        ) from error


def open_box(sealed: bytes, box_key: BoxKey, size: int) -> bytes:
    """crypto_box_seal_open, for a plaintext of `size` bytes; raises ProtocolError(CANNOT_OPEN)."""
    if len(sealed) != size + SEALED_BOX_OVERHEAD:
        raise cannot_open()
    try:
        return sodium.crypto_box_seal_open(sealed, box_key.public, box_key.secret)
    except (nacl.exceptions.CryptoError, RuntimeError, ValueError, TypeError) as error:
        raise cannot_open() from error
