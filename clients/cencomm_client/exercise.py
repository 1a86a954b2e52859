"""An exercise never mixes with what is real: neither its entries nor what they refer to (DOMAIN).

The genesis says whether an operation is one, for ever. This client refers to no entry of the other
world, and releases nothing from an exercise; every item of one is flagged, and what another client
released from one all the same is of no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.errors import ExerciseMixed
from cencomm_client.station import Station

LEAF_SIZE = 32
RELEASING = frozenset(["release", "release.receipt"])
"""Entries that the rules take in an exercise too; here they let nothing out."""


def is_exercise(state: OperationState) -> bool:
    """Whether the operation was founded as an exercise."""
    return bool(state.genesis["exercise"])


def expect_unmixed(
    station: Station, log: LogId, referred: bytes | None, content: Mapping[str, Any]
) -> None:
    """Raise ExerciseMixed if a message of `log` names an entry of the other world, in `re` or in
    its content; as far as this device knows the entry."""
    mirror = station.mirror
    own = mirror.operation(log).state
    named = {leaf for leaf in _leaves([referred, content]) if leaf not in own.messages}
    for other in mirror.operations if named else ():
        state = mirror.operation(other).state
        if is_exercise(state) == is_exercise(own):
            continue
        posted = {receipt.leaf for receipt in station.vault.receipts(other)}  # read or not yet
        for leaf in named:
            if leaf in state.messages or leaf in posted:
                kind = "an exercise" if is_exercise(state) else "a real operation"
                raise ExerciseMixed(
                    f"{leaf.hex()} stands in {state.genesis['name']!a}, which is {kind}; this"
                    f" is {'an exercise' if is_exercise(own) else 'a real operation'}"
                )


def expect_real(state: OperationState) -> None:
    """Raise ExerciseMixed for a release out of an exercise."""
    if is_exercise(state):
        raise ExerciseMixed(f"{state.genesis['name']!a} is an exercise: nothing of it is released")


def _leaves(values: Iterable[Any]) -> Iterable[bytes]:
    """Every byte string in these values that may be a leaf hash."""
    for value in values:
        if isinstance(value, bytes) and len(value) == LEAF_SIZE:
            yield value
        elif isinstance(value, Mapping):
            yield from _leaves(value.values())
        elif isinstance(value, list | tuple):
            yield from _leaves(value)
