"""Wraps: an epoch secret sealed to one device, deterministically (PROTOCOL 8.2).

Deterministic, so that every member recomputes every wrap and a rotator that hands out garbage
is seen by all (A18); stock crypto_box_seal_open opens it.
"""

from __future__ import annotations

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.epoch import SECRET_SIZE, EpochContext, EpochSecret
from cencomm_crypto.member.sealing import (
    SEALED_BOX_OVERHEAD,
    cannot_open,
    open_box,
    seal_box,
)
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import equal

_PLAIN_SIZE = SECRET_SIZE + 32
WRAP_SIZE = _PLAIN_SIZE + SEALED_BOX_OVERHEAD  # 112


def wrap(secret: EpochSecret, device: DeviceId, box_pk: bytes) -> bytes:
    """w = epk[32] || BOX(E || H(c)); 112 bytes, the same for everybody who computes it."""
    return seal_bound(secret.derive("wrap", device, box_pk), secret.secret, secret.context, box_pk)


def open_wrap(w: bytes, box_key: BoxKey, context: EpochContext, commit: bytes) -> EpochSecret:
    """E of `context` from a device's wrap, checked against the rotate's commit (WRAP-1, A7).

    Raises ProtocolError(CANNOT_OPEN) whatever is wrong.
    """
    secret = EpochSecret(open_bound(w, box_key, context), context)
    try:
        secret.check(commit)
    except ProtocolError as error:
        raise cannot_open() from error
    return secret


def seal_bound(seed: bytes, value: bytes, context: EpochContext, box_pk: bytes) -> bytes:
    """A sealed box of value[32] || H(c), ephemeral key from `seed`; the shape of every wrap."""
    return seal_box(seed, value + context.digest, box_pk)


def open_bound(w: bytes, box_key: BoxKey, context: EpochContext) -> bytes:
    """The 32-byte value of `seal_bound`; raises ProtocolError(CANNOT_OPEN)."""
    plain = open_box(w, box_key, _PLAIN_SIZE)
    if not equal(plain[SECRET_SIZE:], context.digest):
        raise cannot_open()
    return plain[:SECRET_SIZE]
