"""Places whose content a restore from backup lost for good: log.restored (PROTOCOL 11.2, A50).

What such an entry names counts for nothing, from the beginning: also for who still holds it, so
that all compute one state. A reader that has applied a place which is then named reads its log
anew; `Losses` is what it knows better the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import leaf_hash
from cencomm_crypto.public.history import Roots
from cencomm_crypto.public.ids import ID_SIZE, LogId

LEAF_BYTES = 56  # u64 at || scope[16] || inner[32]
_AT, _SCOPE, _INNER = slice(0, 8), slice(8, 8 + ID_SIZE), slice(8 + ID_SIZE, LEAF_BYTES)


@dataclass(frozen=True, slots=True)
class Losses:
    """What a replay knows beforehand: by seq of a log.restored, the places that it names."""

    named: Mapping[int, range] = field(default_factory=lambda: MappingProxyType({}))

    def void(self) -> frozenset[int]:
        """All places that count for nothing; what a lost log.restored named is not among them."""
        places: set[int] = set()
        for seq in sorted(self.named, reverse=True):
            if seq not in places:
                places.update(self.named[seq])
        return frozenset(places)

    def and_of(self, seq: int, places: range) -> Losses:
        """These, and what the log.restored at `seq` names."""
        return Losses(MappingProxyType({**self.named, seq: places}))

    def without(self, seq: int) -> Losses:
        """These, but for what the log.restored at `seq` names."""
        named = {known: places for known, places in self.named.items() if known != seq}
        return Losses(MappingProxyType(named))


NO_LOSSES = Losses()


class ReadAnew(Exception):
    """A log.restored names places that this replay has applied: replay the log with `losses`.

    If the log is the directory, every operation is replayed over it too.
    """

    def __init__(self, losses: Losses) -> None:
        super().__init__("the log must be replayed without what it calls lost")
        self.losses = losses


def named_places(body: Mapping[str, Value], log: LogId, seen: int, roots: Roots) -> range:
    """The places that a log.restored names, whose leaves must be this log's own.

    Raises WRONG_LOG, BAD_VALUE, BAD_COUNT, BAD_PROOF (PROTOCOL RES-3).
    """
    if body["log"] != log:
        raise RuleViolation(ErrorCode.WRONG_LOG, "the body was signed for another log")
    start, end, leaves = body["from"], body["to"], body["leaves"]
    if not 1 <= start < end <= seen:
        raise RuleViolation(
            ErrorCode.BAD_VALUE,
            f"entries {start} to {end} read; 1 <= from < to <= {seen}, the seen size, expected",
        )
    if len(leaves) != end - start:
        raise RuleViolation(
            ErrorCode.BAD_COUNT, f"{len(leaves)} leaves read, {end - start} expected"
        )
    for seq, leaf in enumerate(leaves, start):
        at = int.from_bytes(leaf[_AT], "big")
        if roots.leaf(seq) != leaf_hash(seq, at, leaf[_SCOPE], leaf[_INNER]):
            raise RuleViolation(
                ErrorCode.BAD_PROOF, f"the leaf of entry {seq} is not the one in this log's tree"
            )
    return range(start, end)
