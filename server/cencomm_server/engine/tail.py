"""The newest items of a log in memory, encoded: for readers that are nearly up to date."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from cencomm_server.engine.items import Item

TAIL_BYTES = 2 << 20  # per log


class Tail:
    """Without a gap, and bounded: the oldest go first."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def size_bytes(self) -> int:
        """What the kept items weigh."""
        return self._bytes

    def first(self, size: int) -> int:
        """Seq of the oldest item kept; `size`, the log's, if there is none."""
        return self._items[0].seq if self._items else size

    def between(self, start: int, stop: int) -> Iterator[Item]:
        """Items with start <= seq < stop; `start` is not before the oldest."""
        if not self._items:
            return iter(())
        first = self._items[0].seq
        return islice(self._items, start - first, stop - first)

    def extend(self, items: Sequence[Item]) -> None:
        """Keep what has just been committed."""
        self._items.extend(items)
        self._bytes += sum(item.size_bytes for item in items)
        while self._bytes > TAIL_BYTES:
            self._bytes -= self._items.popleft().size_bytes

    def clear(self) -> None:
        """Forget all: the next items will not follow on."""
        self._items.clear()
        self._bytes = 0
