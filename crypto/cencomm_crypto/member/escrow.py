"""Escrow: k of n auditors open a closed channel, no fewer, and not before it is closed.

Everything is computed from E, so every member recomputes it before it sends (PROTOCOL 8.9,
A22); no key is ever whole in one hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.epoch import SECRET_SIZE, CloseKey, EpochContext, EpochSecret
from cencomm_crypto.member.sealing import cannot_open, open_once, seal_once
from cencomm_crypto.member.shamir import combine, split
from cencomm_crypto.member.wrap import open_bound, seal_bound
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import equal, keyed, u8


@dataclass(frozen=True, slots=True)
class Opening:
    """What k true shares gave: the epoch secret, and the places whose share was false."""

    secret: EpochSecret
    liars: tuple[int, ...]  # places in the audit list, rising


def seal_escrow(secret: EpochSecret) -> bytes:
    """escrow = once(B(KC, "escrow", S || c), H(c), E); 48 bytes."""
    key = _escrow_key(secret.close_key, secret.audit_secret)
    return seal_once(key, secret.context.digest, secret.secret)


def open_escrow(escrow: bytes, close_key: CloseKey, audit_secret: bytes) -> EpochSecret:
    """E from the escrow; raises ProtocolError(CANNOT_OPEN).

    The caller checks the result against the rotate's commit (`recover` does).
    """
    context = close_key.context
    plain = open_once(_escrow_key(close_key, audit_secret), context.digest, escrow)
    if len(plain) != SECRET_SIZE:
        raise cannot_open()
    return EpochSecret(plain, context)


def shares_of(secret: EpochSecret, k: int, n: int) -> tuple[bytes, ...]:
    """The n shares of S, 32 bytes each; share x (1 = first place in the audit list) is at x - 1."""
    coefficients = [secret.derive("share", u8(j)) for j in range(1, k)]
    return split(secret.audit_secret, coefficients, n)


def wrap_share(secret: EpochSecret, share: bytes, device: DeviceId, box_pk: bytes) -> bytes:
    """A share sealed to one device of its auditor, deterministically; 112 bytes."""
    seed = secret.derive("audit-wrap", device, box_pk, share)
    return seal_bound(seed, share, secret.context, box_pk)


def open_share(w: bytes, box_key: BoxKey, context: EpochContext) -> bytes:
    """The share in a share wrap or in an audit grant; raises ProtocolError(CANNOT_OPEN)."""
    return open_bound(w, box_key, context)


def audit_grant_body(
    request: bytes,
    x: int,
    share: bytes,
    context: EpochContext,
    opener_box_pk: bytes,
    ephemeral_seed: bytes,
) -> dict[str, Value]:
    """Body of an audit.grant: the share re-sealed to the opening device (ESC-4).

    `request` is the leaf hash of the audit.request; `ephemeral_seed` is 32 random bytes.
    """
    return {
        "request": request,
        "x": x,
        "chan": context.chan,
        "n": context.n,
        "share": seal_bound(ephemeral_seed, share, context, opener_box_pk),
    }


def recover(
    escrow: bytes,
    close_key: CloseKey,
    shares: Mapping[int, bytes],
    k: int,
    n: int,
    commit: bytes,
) -> Opening:
    """Open a closed epoch from the shares at hand, some of which may be false (ESC-3).

    `shares` is place -> share. Tries k-subsets until one gives the E that the rotate commits
    to, then recomputes all shares and names each place that lied. Raises
    ProtocolError(CANNOT_OPEN) when no subset opens, too few shares included.
    """
    usable = {x: share for x, share in shares.items() if len(share) == SECRET_SIZE}
    for places in combinations(sorted(usable), k):
        try:
            secret = open_escrow(escrow, close_key, combine({x: usable[x] for x in places}))
            secret.check(commit)
        except ProtocolError:
            continue
        true_shares = shares_of(secret, k, n)
        return Opening(secret, _liars(shares, true_shares))
    raise cannot_open()


def _liars(shares: Mapping[int, bytes], true_shares: Sequence[bytes]) -> tuple[int, ...]:
    return tuple(
        x
        for x in sorted(shares)
        if not 1 <= x <= len(true_shares) or not equal(shares[x], true_shares[x - 1])
    )


def _escrow_key(close_key: CloseKey, audit_secret: bytes) -> bytes:
    return keyed(close_key.key, "escrow", audit_secret, close_key.context.encoded)
