"""Results of own hits: found in the verified log, opened with this device's box keys, told once.

A result that does not open is counted and never raised: one bad entry must not stop a bot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.result import TYPE, open_result
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.bots.dropping import Disk
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.source import Result
from cencomm_client.errors import QueueUnwritable
from cencomm_client.follow import Cursor
from cencomm_client.items import Control, Message
from cencomm_client.station import Station
from cencomm_client.triage import DECIDED, HIT, WARNING, Decision
from cencomm_client.view import OperationView

_ANY = frozenset([HIT, WARNING])
_KINDS = {DECIDED[one]: frozenset([HIT]) for one in (Decision.DISMISS, Decision.MERGE)}
"""What an entry that decides so is; what a later version calls it, any."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A result for one hit of this bot, and the source that gave the hit."""

    source: str
    result: Result


class Answers:
    """Looks for results addressed to this device."""

    def __init__(self, station: Station, view: OperationView, disk: Disk) -> None:
        self._station, self._view, self._disk = station, view, disk
        self._cursor = Cursor(view.feed)
        self._told: set[bytes] | None = None
        self._decided: dict[bytes, list[tuple[int, str]]] = {}  # drop -> (seq, kind) of answers
        self._waiting: dict[bytes, Result] = {}  # the queue does not know yet that it was posted
        self._named: dict[bytes, tuple[str, str]] = {}  # source and key of those that it knows
        self._unkept: list[bytes] = []  # told, and not on the disk yet: it was full
        self.unopened = 0

    async def new(self) -> list[Answer]:
        """Results that were not told yet; each comes again until `told`."""
        if self._told is None:
            self._told = set(await self._disk(Queue.answered))
        await self._keep()
        self._look(self._told)
        unnamed = [leaf for leaf in self._waiting if leaf not in self._named]
        if unnamed:  # of others it is known by now, however long they wait for their source
            self._named |= await self._disk(_places(unnamed))
        found: list[Answer] = []
        for leaf, result in self._waiting.items():
            if leaf in self._named:
                source, key = self._named[leaf]
                found.append(Answer(source, replace(result, key=key)))
        return found

    async def told(self, answer: Answer) -> None:
        """The source has heard it: durably, so that a restart does not tell it again; on a full
        disk as soon as that takes it."""
        leaf = answer.result.leaf
        self._unkept.append(leaf)
        if self._told is not None:
            self._told.add(leaf)
        self._waiting.pop(leaf, None)
        self._named.pop(leaf, None)
        await self._keep()

    # -- inside -------------------------------------------------------------------------------

    async def _keep(self) -> None:
        with suppress(QueueUnwritable):
            while self._unkept:
                leaf = self._unkept[0]
                await self._disk(_kept(leaf))
                del self._unkept[0]

    def _look(self, told: set[bytes]) -> None:
        """Read what came since the last look; all of it where the log was told anew."""
        items, anew = self._cursor.came()
        if anew:
            self._waiting.clear()
            self._decided.clear()
            self.unopened = 0
        mirror, device, log = self._station.mirror, self._station.vault.device, self._view.log
        for item in items:
            if not isinstance(item, Message) or item.type != "message" or item.re is None:
                continue
            if item.kind in (HIT, WARNING):
                self._decided.setdefault(item.re, []).append((item.place.seq, item.kind))
        for item in items:  # accepted ones: the others are alarms
            if not isinstance(item, Control) or item.type != TYPE:
                continue
            seq, drop = item.place.seq, item.body.get("re")
            if item.body.get("device") != device or drop in told or drop in self._waiting:
                continue
            for found in mirror.items(log, seq, seq + 1):
                self._open(found)

    def _open(self, found: Sequenced) -> None:
        entry = found.entry
        if entry is None or entry.body is None:
            return
        said = self._opened(entry)
        if said is None:
            self.unopened += 1
            return
        drop: bytes = entry.body["re"]
        reason = str(said.get("reason", ""))
        outcome = str(said["outcome"])
        decision = self._decision(drop, outcome, found.seq)
        self._waiting[drop] = Result("", outcome, reason, drop, found.seq, found.at, decision)

    def _decision(self, drop: bytes, outcome: str, before: int) -> int | None:
        """The first entry before a result by which it may have been decided so: of a warning
        nobody is told that its hit was dismissed."""
        kinds = _KINDS.get(outcome, _ANY)
        return next(
            (seq for seq, kind in self._decided.get(drop, ()) if seq < before and kind in kinds),
            None,
        )

    def _opened(self, entry: Entry) -> Mapping[str, Value] | None:
        """With the present key, or a former one that a re-key left here."""
        for key in self._station.vault.box_keys:
            try:
                return open_result(entry, key)
            except ProtocolError:
                continue
        return None


def _kept(leaf: bytes) -> Callable[[Queue], None]:
    return lambda queue: queue.keep_answered(leaf)


def _places(leaves: Sequence[bytes]) -> Callable[[Queue], dict[bytes, tuple[str, str]]]:
    def look(queue: Queue) -> dict[bytes, tuple[str, str]]:
        found = ((leaf, queue.hit_at(leaf)) for leaf in leaves)
        return {leaf: named for leaf, named in found if named is not None}

    return look
