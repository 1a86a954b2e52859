"""Servers that several rows meet: one that checks nothing, one that tells stories, one that holds.

Each changes one behaviour of one class that `cencomm_server.app` puts together; all else of the
server is the real one. They have what a hostile host has: the database, the log key, no device's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cencomm_config.errors import TooBusy
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    Submission,
    encode_sequenced,
    encode_withheld,
    sequence,
)
from cencomm_server.engine.admission import Admission, Offer, Rotations
from cencomm_server.engine.append import Appends
from cencomm_server.engine.items import sequenced
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import MAX_PAGE_ITEMS, Page, Reading
from cencomm_server.engine.runtime import LogRuntime

from tests.mallory.harness import Stage

# -- appending ----------------------------------------------------------------------------------


class _TakesAll(Admission):
    def admit(self, runtime: LogRuntime, offer: Offer) -> Sequenced:
        at = self._clock.next_at(runtime.last_at)
        item = sequence(runtime.replay.size, at, offer.entry)
        before = runtime.replay.state if runtime.replay.size else None
        outcome = runtime.replay.apply(item)
        if not isinstance(outcome, Rejected):
            runtime.remember(item, before, outcome)
        return item


class Careless(Appends):
    """Orders, signs, stores and pushes whatever parses: no rule and no right is looked at.

    In the place of `Appends`.
    """

    def __init__(self, logs: Logs, **limits: Any) -> None:
        super().__init__(logs, **limits)
        self._admission = _TakesAll(logs.clock, Rotations(10**6))

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        runtime = await self._logs.get(log)
        return await self._append(runtime, Offer(submission, submission.entry()))


honest_then_careless = pytest.mark.parametrize(
    "appends", [Appends, Careless], ids=["honest", "careless"]
)
"""The scene is played with the server's own `Appends`, then with `Careless` in its place."""


class Holding(Careless):
    """Keeps back what `holds` names and says that it is busy; plays it when it likes."""

    def __init__(self, logs: Logs, **limits: Any) -> None:
        super().__init__(logs, **limits)
        self.holds: Callable[[Entry], bool] = lambda entry: False
        self.held: list[Submission] = []

    async def append(self, log: LogId, submission: Submission, poster: Reader | None) -> Receipt:
        if not self.holds(submission.entry()):
            return await super().append(log, submission, poster)
        if submission not in self.held:
            self.held.append(submission)
        raise TooBusy("try again later")

    async def play(self) -> list[Receipt]:
        """Append all that was kept back, now."""
        held, self.held = self.held, []
        return [
            await super(Holding, self).append(
                submission.entry().header.log or LogId(b""), submission, None
            )
            for submission in held
        ]


# -- reading ------------------------------------------------------------------------------------

Lie = Callable[[list[Sequenced]], list[Sequenced]]
"""The true items of a log -> what is told in their place."""

Shape = Callable[[Reader, Sequenced, bytes], bytes]
"""(who reads, an item, its bytes as this reader is to get them) -> the bytes that are sent."""


class Telling(Reading):
    """Serves a log as a lie has it, under heads of its own that the real log key signed.

    In the place of `Reading`. `shape` changes bytes of items on their way, and `arrange` what a
    page holds, both under true heads.
    """

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)
        self._lies: dict[LogId, tuple[Lie, PersonId | None]] = {}
        self.shape: Shape | None = None
        self.arrange: Callable[[list[bytes]], list[bytes]] = list

    def tell(self, log: LogId, lie: Lie, to: PersonId | None = None) -> None:
        """From now on tell this of a log, to everybody or to one person."""
        self._lies[log] = lie, to

    async def read(
        self, reader: Reader, log: LogId, after: int, limit: int = MAX_PAGE_ITEMS
    ) -> Page:
        if self._lie(reader, log) is None and self.shape is None and self.arrange is list:
            return await super().read(reader, log, after, limit)
        items = await self._told(reader, log)
        sent = items[after : after + limit]
        _, seen = await self._open(reader, log)
        pieces: list[bytes] = []
        for item in sent:
            whole = seen.whole(item.seq, item.scope)
            data = encode_sequenced(item) if whole else encode_withheld(item)
            pieces.append(data if self.shape is None else self.shape(reader, item, data))
        return Page(b"".join(self.arrange(pieces)), after + len(sent), len(items))

    async def checkpoint(
        self, reader: Reader, log: LogId, size: int | None = None, *, least: int = 0
    ) -> bytes:
        if self._lie(reader, log) is None:
            return await super().checkpoint(reader, log, size, least=least)
        return self.note(log, (await self._told(reader, log))[:size])

    def note(self, log: LogId, items: list[Sequenced]) -> bytes:
        """A head over any items, signed with the real key."""
        runtime, root = self._logs.known(log), Tree(item.leaf for item in items).root()
        assert runtime is not None
        return self._logs.signer.sign(log, len(items), root, runtime.log_key())

    def _lie(self, reader: Reader, log: LogId) -> Lie | None:
        lie, to = self._lies.get(log, (None, None))
        return lie if to in (None, reader.person) else None

    async def _told(self, reader: Reader, log: LogId) -> list[Sequenced]:
        runtime, seen = await self._open(reader, log)
        docs = await self._logs.store.read_entries(log, 0, min(runtime.size, seen.size))
        true = [sequenced(doc) for doc in docs]
        lie = self._lie(reader, log)
        return true if lie is None else lie(true)


honest_then_telling = pytest.mark.parametrize(
    "reading", [Reading, Telling], ids=["honest", "telling"]
)
"""The scene is played with the server's own `Reading`, then with `Telling` in its place."""


def tell(stage: Stage, lie: Lie, *, log: LogId | None = None, to: str | None = None) -> None:
    """Let a server that tells stories tell this one, of MERIDIAN if no log is named; an honest
    one goes on as it is."""
    for part in stage.server.made:
        if isinstance(part, Telling):
            part.tell(log or stage.log, lie, None if to is None else stage.person(to))


def shape(stage: Stage, change: Shape) -> None:
    """Let it change the bytes of items on their way, under true heads."""
    for part in stage.server.made:
        if isinstance(part, Telling):
            part.shape = change


def arrange(stage: Stage, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Let it leave out, repeat or reorder the items of its pages, under true heads."""
    for part in stage.server.made:
        if isinstance(part, Telling):
            part.arrange = change


def renumbered(items: list[Sequenced]) -> list[Sequenced]:
    """Give items gapless places again."""
    return [
        Sequenced(seq, item.at, item.scope, item.inner, item.entry)
        for seq, item in enumerate(items)
    ]
