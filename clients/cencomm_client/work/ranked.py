"""Chains kept in an order while they come and go."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from cencomm_client.work.chain import Chain

Rank = Callable[[Chain], tuple[int, ...]]


class Ranked:
    """The chains of some kinds, by a rank that ends in the chain's place in the log."""

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self._order: list[tuple[int, ...]] = []
        self._chains: dict[tuple[int, ...], Chain] = {}

    def add(self, chain: Chain) -> None:
        """Put a chain in its place."""
        rank = self._rank(chain)
        insort(self._order, rank)
        self._chains[rank] = chain

    def remove(self, chain: Chain) -> None:
        """Take it out; nothing happens where it is not."""
        rank = self._rank(chain)
        if self._chains.pop(rank, None) is not None:
            del self._order[bisect_left(self._order, rank)]

    def first(self, most: int | None = None) -> tuple[Chain, ...]:
        """The first ones, at most so many."""
        return tuple(self._chains[rank] for rank in self._order[:most])

    def __len__(self) -> int:
        return len(self._order)
