"""Hits that somebody decided about and whose bot was not told, kept in step with a feed.

A step costs what came with it, however long the log is: 20,000 hits a day are all looked through
once, when this device first has a reason to.
"""

from __future__ import annotations

from collections.abc import Callable

from cencomm_crypto.public.operation.results import result_place
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.items import Message
from cencomm_client.triage import Triaged, triaged
from cencomm_client.work.threads import KeptThreads, Threads


class Decided:
    """What threads say of hits; `owed` before anybody asks what is due."""

    def __init__(self, threads: Callable[[], KeptThreads]) -> None:
        """`threads` gives the operation's (`OperationView.threads`), asked at first need."""
        self._find = threads
        self.forget()

    def forget(self) -> None:
        """Let go of what was read; the next `owed` reads anew."""
        self._kept: KeptThreads | None = None
        self._read: tuple[Threads | None, int] = (None, 0)  # up to which mark
        self._owed: dict[bytes, Triaged] = {}  # by leaf

    def owed(self, state: OperationState) -> tuple[Triaged, ...]:
        """Decided hits without a result in the log, in the log's order."""
        self._kept = self._kept or self._find()
        self._judge(self._kept.refresh())
        for leaf, one in list(self._owed.items()):
            channel = state.channels[one.hit.channel]
            if result_place(leaf, one.hit.author.device) in channel.answered:
                del self._owed[leaf]
        return tuple(sorted(self._owed.values(), key=lambda one: one.hit.place.seq))

    # -- inside -------------------------------------------------------------------------------

    def _judge(self, threads: Threads) -> None:
        """Look again at the chains that something came to."""
        known, mark = self._read
        if threads is not known:  # the log was told anew
            mark, self._owed = 0, {}
        touched, mark = threads.touched_since(mark)
        self._read = threads, mark
        for root in touched:
            for message in filter(None, (threads.message(root), *threads.members(root))):
                self._judge_one(message, threads)

    def _judge_one(self, message: Message, threads: Threads) -> None:
        found = triaged(message, threads)
        if found is None or found.open:
            self._owed.pop(message.place.leaf, None)
        else:
            self._owed[message.place.leaf] = found
