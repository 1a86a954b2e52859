"""What is owed, in the order of its time: what is overdue now, with whom, how many of each.

Advances with the clock by the few duties whose stage changes, however many wait.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass
from heapq import heappop, heappush

from cencomm_client.work.chain import Chain
from cencomm_client.work.clocks import Due, Stage
from cencomm_client.work.duties import Duty, What
from cencomm_client.work.snapshot import Overdue

_Order = tuple[int, int, str, str, int]  # due, seq, administration, what, number


@dataclass(slots=True)
class _Item:
    """A duty that waits; `number` is its own."""

    duty: Duty
    due: Due
    chain: Chain
    number: int
    stage: Stage | None = None

    @property
    def order(self) -> _Order:
        place = self.chain.root.place.seq
        return self.due.at, place, self.duty.administration, self.duty.what, self.number


class Agenda:
    """Pending duties of chains. Its clock never goes back."""

    def __init__(self) -> None:
        self.now = 0
        self.stages: dict[str, Counter[Stage]] = {}
        """How much is overdue, by administration and stage."""
        self.missing: Counter[tuple[str, What]] = Counter()
        """How much is overdue, by administration and what is owed."""
        self.touched: set[str] = set()
        """Administrations of which one of both has changed; who reads it clears it."""
        self._items: dict[int, _Item] = {}
        self._of_chain: dict[bytes, list[int]] = {}
        self._changes: list[tuple[int, int]] = []  # heap of (when the stage changes, number)
        self._late: list[_Order] = []
        self._given = 0

    def add(self, chain: Chain) -> None:
        """Take up the pending duties of a chain."""
        numbers: list[int] = []
        for duty in chain.pending:
            if duty.times is not None:
                self._given += 1
                item = _Item(duty, duty.times, chain, self._given)
                self._items[item.number] = item
                numbers.append(item.number)
                self._judge(item)
        if numbers:
            self._of_chain[chain.leaf] = numbers

    def remove(self, chain: Chain) -> None:
        """Let go of them: the chain is made anew, or is no more."""
        for number in self._of_chain.pop(chain.leaf, ()):
            item = self._items.pop(number)
            self._set(item, None)

    def advance(self, now: int) -> int:
        """Go on to `now`; gives the time that counts: never an earlier one than before."""
        self.now = max(self.now, now)
        while self._changes and self._changes[0][0] <= self.now:
            item = self._items.get(heappop(self._changes)[1])
            if item is not None:
                self._judge(item)
        return self.now

    def overdue(self, most: int | None = None) -> list[Overdue]:
        """What is overdue, the longest first, at most so many."""
        rows: list[Overdue] = []
        for order in self._late[:most]:
            item = self._items[order[-1]]
            if item.stage is not None:
                rows.append(Overdue(item.duty.administration, item.duty, item.stage, item.chain))
        return rows

    def __len__(self) -> int:
        """How much is overdue."""
        return len(self._late)

    def _judge(self, item: _Item) -> None:
        stage = item.duty.stage(self.now)
        self._set(item, stage)
        changes = item.due.changes(stage)
        if changes is not None:
            heappush(self._changes, (changes, item.number))

    def _set(self, item: _Item, stage: Stage | None) -> None:
        code, what, before = item.duty.administration, item.duty.what, item.stage
        if before is stage:
            return
        item.stage = stage
        self.touched.add(code)
        if before is not None:
            counts = self.stages[code]
            counts[before] -= 1
            if not counts[before]:
                del counts[before]
            if not counts:
                del self.stages[code]
        if stage is not None:
            self.stages.setdefault(code, Counter())[stage] += 1
        if before is None:
            insort(self._late, item.order)
            self.missing[code, what] += 1
        elif stage is None:
            del self._late[bisect_left(self._late, item.order)]
            self.missing[code, what] -= 1
