"""Hits that somebody decided about and whose bot was not told, kept in step with a feed.

A step costs what came with it, however long the log is: 20,000 hits a day are all looked through
once, when this device first has a reason to.
"""

from __future__ import annotations

from collections.abc import Iterable

from cencomm_crypto.public.operation.results import result_place
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.follow import Cursor, Feed
from cencomm_client.items import Item, Message
from cencomm_client.triage import Triaged, triaged
from cencomm_client.work.threads import Threads


class Decided:
    """What a feed says of hits; `owed` before anybody asks what is due."""

    def __init__(self, feed: Feed) -> None:
        self._cursor = Cursor(feed)
        self.forget()

    def forget(self) -> None:
        """Let go of what was read; the next `owed` reads anew."""
        self._threads = Threads()
        self._cursor.rewind()
        self._owed: dict[bytes, Triaged] = {}  # by leaf

    def owed(self, state: OperationState) -> tuple[Triaged, ...]:
        """Decided hits without a result in the log, in the log's order."""
        items, anew = self._cursor.came()
        if anew:
            self._threads, self._owed = Threads(), {}
        self._take(items)
        for leaf, one in list(self._owed.items()):
            channel = state.channels[one.hit.channel]
            if result_place(leaf, one.hit.author.device) in channel.answered:
                del self._owed[leaf]
        return tuple(sorted(self._owed.values(), key=lambda one: one.hit.place.seq))

    # -- inside -------------------------------------------------------------------------------

    def _take(self, items: Iterable[Item]) -> None:
        threads = self._threads
        for item in items:
            if isinstance(item, Message):
                threads.take(item)
        touched, threads.touched = threads.touched, set()
        for root in touched:
            for message in filter(None, (threads.message(root), *threads.members(root))):
                self._judge(message)

    def _judge(self, message: Message) -> None:
        found = triaged(message, self._threads)
        if found is None or found.open:
            self._owed.pop(message.place.leaf, None)
        else:
            self._owed[message.place.leaf] = found
