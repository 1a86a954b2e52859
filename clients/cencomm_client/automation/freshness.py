"""Whether witnesses prove that a head is fresh enough to seal under (DESIGN 3 Witnesses, A46)."""

from __future__ import annotations

from cencomm_crypto.public.directory.witness import WitnessMode, WitnessPolicy
from cencomm_crypto.public.note import cosignatures


def cosigned_at(note: bytes, policy: WitnessPolicy) -> int | None:
    """The time, in ms, at or after which k witnesses had cosigned this head; None without k.

    Raises ProtocolError(BAD_NOTE) for a line of a known witness that does not verify.
    """
    if not policy.keys:
        return None
    times = sorted(cosignatures(note, dict(policy.keys)).values(), reverse=True)
    return times[policy.k - 1] * 1000 if len(times) >= policy.k else None


def unproven(note: bytes, policy: WitnessPolicy, now: int) -> bool:
    """Whether there is a policy and the head is not cosigned within it; `now` in ms."""
    if not policy.keys:
        return False
    cosigned = cosigned_at(note, policy)
    return cosigned is None or now - cosigned > policy.fresh_s * 1000


def forbids_sealing(note: bytes, policy: WitnessPolicy, now: int) -> bool:
    """Whether the operation's policy says to refuse, not only to warn."""
    return policy.mode is WitnessMode.STRICT and unproven(note, policy, now)
