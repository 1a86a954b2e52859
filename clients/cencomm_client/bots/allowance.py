"""How many drops the bot may still sign: what its admission says of an hour, across restarts.

The server counts too and refuses more (A31); who counts here himself is not refused, and what is
too much waits on the disk. A sliding hour, counted in slots: a slot leaves when all of it is over
an hour old, so this allows a little less than the truth for a few seconds, and never more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

HOUR_MS = 3_600_000
SLOT_MS = 5_000


class Allowance:
    """Counts what was signed; times in ms of the device's clock."""

    def __init__(self, rate: int, signed: Iterable[tuple[int, int]] = ()) -> None:
        """`rate`: drops an hour; `signed`: (time, how many) of the last hour, oldest first."""
        self.rate = rate
        self._slots: deque[tuple[int, int]] = deque()
        self._used = 0
        for at, count in signed:
            self.spend(at, count)

    def left(self, now: int) -> int:
        """How many may be signed now."""
        self._not_ahead(now)
        while self._slots and self._slots[0][0] + SLOT_MS + HOUR_MS <= now:
            self._used -= self._slots.popleft()[1]
        return max(self.rate - self._used, 0)

    def spend(self, now: int, count: int) -> None:
        """So many were signed."""
        start = now - now % SLOT_MS
        self._not_ahead(now)
        if self._slots and self._slots[-1][0] >= start:
            last, before = self._slots.pop()
            start, count_before = last, before
        else:
            count_before = 0
        self._slots.append((start, count_before + count))
        self._used += count

    def _not_ahead(self, now: int) -> None:
        """What a clock that was wrong dated ahead counts as signed now: else nothing would go out
        until that day."""
        start, ahead = now - now % SLOT_MS, 0
        while self._slots and self._slots[-1][0] > start:
            ahead += self._slots.pop()[1]
        if ahead:
            self._used -= ahead
            self.spend(now, ahead)

    def next_at(self, now: int) -> int:
        """When the next one may be signed: `now`, or when the oldest slot leaves."""
        if self.left(now):
            return now
        return self._slots[0][0] + SLOT_MS + HOUR_MS
