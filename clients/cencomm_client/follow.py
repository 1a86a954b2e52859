"""The stream of an operation's items: what was, then what comes, each as soon as it is verified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from cencomm_client.items import Alarm, Control, Item, Message, Notice


class Feed:
    """Items in the order in which this client made them; any number of readers at their own pace.

    A later version of an item (readable now, or flagged) takes the place of the first in
    `items`, and comes once more to those who follow.
    """

    def __init__(self) -> None:
        self._emitted: list[Item] = []
        self._placed: dict[int, Item] = {}
        self._more = asyncio.Event()
        self._ended = False
        self.generation = 0
        """How often the log was told anew from its start, or what was said was erased."""

    @property
    def size(self) -> int:
        """How many items there were so far, each version counted; a position for `since`."""
        return len(self._emitted)

    def since(self, position: int) -> tuple[list[Item], int]:
        """What came from a position on, as it came, and the next position."""
        return self._emitted[position:], len(self._emitted)

    async def moved(self, position: int) -> None:
        """Wait until something lies beyond a position, as `size` gave it: what came while its
        reader drew or slept has come."""
        while self.size <= position:
            await self._more.wait()

    def put(self, items: Iterable[Item]) -> None:
        """Add items and wake whoever follows."""
        before = len(self._emitted)
        for item in items:
            seq = place_of(item)
            if seq is not None and isinstance(item, Message | Control):
                if self._placed.get(seq) == item:
                    continue
                self._placed[seq] = item
            self._emitted.append(item)
        if len(self._emitted) > before:
            self._wake()

    def begin_anew(self) -> None:
        """What stood at its places counts no more; the log is told once more."""
        self._placed.clear()
        self.generation += 1

    def forget_replaced(self) -> None:
        """Let go of earlier versions of messages: what they said was erased.

        Who keeps what it read (the desk) begins anew, or it would keep that too.
        """
        self._emitted = [
            self._placed.get(item.place.seq, item) if isinstance(item, Message) else item
            for item in self._emitted
        ]
        self.generation += 1

    def end(self) -> None:
        """No more items will come; followers finish."""
        self._ended = True
        self._wake()

    def items(self, after: int = 0) -> list[Item]:
        """The present version of everything placed at `after` or later, in the log's order."""
        return [self._placed[seq] for seq in sorted(self._placed) if seq >= after]

    def told(self) -> list[Notice | Alarm]:
        """Every notice and alarm so far, in the order in which they came."""
        return [item for item in self._emitted if isinstance(item, Notice | Alarm)]

    def at(self, seq: int) -> Item | None:
        """The present version of the item at one place."""
        return self._placed.get(seq)

    async def follow(self, after: int = 0) -> AsyncIterator[Item]:
        """First what is placed at `after` or later, in order; then everything as it comes."""
        position = len(self._emitted)
        for item in self.items(after):
            yield item
        while True:
            while position < len(self._emitted):
                item = self._emitted[position]
                position += 1
                seq = place_of(item)
                if seq is None or seq >= after:
                    yield item
            if self._ended:
                return
            await self._more.wait()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class Cursor:
    """How far a reader has come in a feed that it keeps in step with."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.rewind()

    def rewind(self) -> None:
        """Forget the place: all comes anew."""
        self._generation = self._position = -1

    def came(self) -> tuple[list[Item], bool]:
        """What came since the last time, and whether it is all of it: the log was told anew, so
        what was read before counts no more."""
        feed = self._feed
        anew = feed.generation != self._generation
        if anew:
            self._generation, self._position = feed.generation, feed.size
            return feed.items(), True
        items, self._position = feed.since(self._position)
        return items, False


def place_of(item: Item) -> int | None:
    """The seq of an item, None for notices about no entry."""
    return item.place.seq if isinstance(item, Message | Control) else item.seq
