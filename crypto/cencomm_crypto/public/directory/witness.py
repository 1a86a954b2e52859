"""Witness policy: who must have cosigned a head before a client seals under it (DESIGN 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.keys import check_sign_key
from cencomm_crypto.public.note import is_key_name


class WitnessMode(StrEnum):
    """What a client does without fresh cosignatures: shows a notice, or refuses to seal."""

    WARN = "warn"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """`k` of `keys` (name, Ed25519 public key) within `fresh_s` seconds; no keys: no policy."""

    keys: tuple[tuple[str, bytes], ...] = ()
    k: int = 0
    fresh_s: int = 0
    mode: WitnessMode = WitnessMode.WARN


def read_witness_policy(value: Mapping[str, Value]) -> WitnessPolicy:
    """Read the `witness` map of a genesis or of witness.set; its shape was checked before.

    Raises BAD_THRESHOLD, BAD_VALUE, BAD_KEY or KEY_REUSED.
    """
    policy = WitnessPolicy(
        tuple((name, key) for name, key in value["keys"]),
        value["k"],
        value["fresh"],
        WitnessMode(value["mode"]),
    )
    if not policy.keys:
        if policy != WitnessPolicy():
            raise RuleViolation(
                ErrorCode.BAD_VALUE, "a policy without witnesses has k 0, fresh 0 and mode warn"
            )
        return policy
    if not 1 <= policy.k <= len(policy.keys):
        raise RuleViolation(
            ErrorCode.BAD_THRESHOLD, f"k is {policy.k}; 1 to {len(policy.keys)} expected"
        )
    if policy.fresh_s == 0:
        raise RuleViolation(ErrorCode.BAD_VALUE, "fresh is 0; a number of seconds expected")
    if not all(is_key_name(name) for name, _ in policy.keys):
        raise RuleViolation(
            ErrorCode.BAD_VALUE, "a witness's name is printable ASCII without spaces and plus signs"
        )
    if len({name for name, _ in policy.keys}) < len(policy.keys):
        raise RuleViolation(ErrorCode.BAD_VALUE, "two witnesses of one name")
    if len({key for _, key in policy.keys}) < len(policy.keys):
        raise RuleViolation(ErrorCode.KEY_REUSED, "two witnesses with one key")
    for _, key in policy.keys:
        check_sign_key(key)
    return policy
