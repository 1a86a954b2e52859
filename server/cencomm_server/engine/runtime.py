"""How a log in memory follows the store: loaded, read on, and behind where the store lost some."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Sequence

import structlog
from cencomm_config.errors import LogBehind
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.lost import ReadAnew
from cencomm_crypto.public.note import Checkpoint
from cencomm_crypto.public.wire import Sequenced

from cencomm_server.engine.committed import CommittedLog, Listener, State
from cencomm_server.engine.items import leaf_of, sequenced
from cencomm_server.engine.signer import Signer
from cencomm_server.metrics import Alarm, Metrics
from cencomm_server.store.documents import CheckpointDoc
from cencomm_server.store.port import CheckpointConflict, LogStore

_log = structlog.get_logger()

READ_CHUNK = 256  # documents of one read of the store
YIELD_EVERY = 16  # entries validated between two looks at the event loop
VAIN_S = 1.0  # between two looks for more of a log than there is
_NO_END = 2**53
MAX_PUSHED = 1024  # leaves read from the store at once that are still pushed, not only announced


class LogRuntime(CommittedLog):
    """One log of this process; hold `lock` for whatever touches `replay`."""

    def __init__(
        self,
        log_id: LogId,
        id32: bytes,
        store: LogStore,
        signer: Signer,
        publish: Listener,
        metrics: Metrics,
    ) -> None:
        super().__init__(log_id, id32, store, signer, publish, metrics)
        self.behind: Checkpoint | None = None
        """A head that was signed of more than can be shown (A50); nothing is taken."""
        self.named: frozenset[int] | None = None
        """Lost places that a log.restored names, while the store holds a place up to `behind`'s
        end that none does; else None"""
        self._stale = True
        self._monotonic_s = time.monotonic
        self._vain_until = 0.0
        self._pinned: tuple[int, bytes] | None = None  # head that a reload must reproduce

    @abstractmethod
    def _restart(self) -> None:
        """Begin with an empty replay."""

    @abstractmethod
    async def _apply_stored(self, item: Sequenced) -> State | Rejected:
        """Apply a leaf that the store holds."""

    # -- following the store ------------------------------------------------------------------

    def mark_stale(self) -> None:
        """The store may hold something else than the replay: read again before anything."""
        self._stale = True

    async def ready(self) -> None:
        """Load at first use, and read again after a failure; raises StoreDown, LOG_DAMAGED."""
        if self.damaged is not None:
            raise ProtocolError(ErrorCode(self.damaged.code), self.damaged.detail)
        if self._stale:
            await self.catch_up()

    async def look_ahead(self) -> None:
        """Read on for an entry that has seen more of this log, by way of another process.

        Hold `lock`, between batches. Not within a second of a look that found nothing: anybody
        with a session can name a size that nobody has, and each would cost a read (A35).
        """
        now = self._monotonic_s()
        if now < self._vain_until:
            return
        before = self.size
        self.mark_stale()
        await self.ready()
        if self.size == before:
            self._vain_until = now + VAIN_S

    async def catch_up(self) -> None:
        """Take what the store holds beyond what is committed, and see that it has a checkpoint.

        Forgets what was applied and not written. The stored head is verified to be a prefix
        before anything is signed (DESIGN 2); entries beyond it get their checkpoint here.
        """
        self._stale = True
        try:
            stored = await self._store.newest_checkpoint(self.log_id)
            fresh = await self._read_on()
            if stored is not None and stored.size > self._showable():
                stored = await self._stay_behind(stored)
                fresh = []
            else:
                self._no_longer_behind()
            await self._settle(fresh, None if stored is None else stored.note)
        except ProtocolError as error:
            raise self.damage(error) from error
        self._stale = False

    # -- behind what was signed (A50, ADR 0025) -----------------------------------------------

    def expect_whole(self) -> None:
        """Raise LogBehind while the store holds less of this log than was signed."""
        if self.behind is not None:
            raise LogBehind(
                f"{self.size} entries are here, {self.behind.size} were signed; members'"
                " devices hand the rest back, or the governance root names it lost"
            )

    async def come_whole(self) -> None:
        """The same, after a look for what another process got back; hold `lock`."""
        if self.behind is not None:
            await self.look_ahead()
        self.expect_whole()

    async def fall_behind(self, head: Checkpoint, note: bytes) -> None:
        """Keep the proof that this log was signed up to `head`, beyond what the store holds.

        `note` is the head's, opened under an own key. It is stored as what it is, the checkpoint
        of its size: so every process finds it, and every later start. Hold `lock`.
        """
        try:
            await self._store.put_checkpoint(self.log_id, head.size, note)
        except CheckpointConflict as conflict:
            if await self._stored_root(head.size) != head.root:
                raise self.damage(conflict) from conflict
        self.mark_stale()
        await self.ready()

    async def rehearse(self, items: Sequence[Sequenced]) -> None:
        """Apply leaves that the store does not hold yet, before they are written; hold `lock`.

        The next `ready` forgets them again. Raises what the rules find impossible.
        """
        self.mark_stale()
        for count, item in enumerate(items):
            await self._take_stored(item)
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _stay_behind(self, stored: CheckpointDoc) -> CheckpointDoc | None:
        """Sign nothing, and show what is covered: the newest checkpoint of what is here."""
        head = self._signer.open(self.log_id, stored.note)
        if head.size != stored.size:
            raise _damaged(f"the checkpoint stored for size {stored.size} is of another")
        replay = self.replay
        if head.size < replay.size:
            head = await self._cover_unnamed(head)
        self.named = replay.lost.difference(replay.unnamed) if replay.size == head.size else None
        covered = await self._store.newest_checkpoint(self.log_id, most=self._showable())
        size = 0 if covered is None else covered.size
        if size < replay.size:  # shown once all of it is here, or named lost
            self._begin_anew()
            await self._read_on(size)
        if self.behind is None or self.behind.size != head.size:
            _log.critical("log_behind", log=self.log_id, size=size, signed=head.size)
            self._metrics.alarm(Alarm.LOG_BEHIND)
        self.behind = head
        return covered

    async def _cover_unnamed(self, head: Checkpoint) -> Checkpoint:
        """A log.restored stands without its note, others are due: cover it, and show nothing."""
        if self._root(head.size) != head.root:
            raise _damaged(f"the stored checkpoint of size {head.size} is not of these entries")
        doc = self.sign_head()
        try:
            await self._store.put_checkpoint(self.log_id, doc.size, doc.note)
        except CheckpointConflict as conflict:
            await self._same_head(doc.size, conflict)
        return self._signer.open(self.log_id, doc.note)

    def _no_longer_behind(self) -> None:
        if self.behind is not None:
            _log.warning("log_whole", log=self.log_id, size=self.replay.size)
        self.behind = self.named = None

    def _showable(self) -> int:
        """How far the replay could be shown: no reader takes a lost place that nothing names."""
        return min([self.replay.size, *self.replay.unnamed[:1]])

    async def _read_on(self, stop: int = _NO_END) -> list[Sequenced]:
        """Apply what the store holds; the new leaves, or none at first use or where too many."""
        base = self._rewind()
        start, fresh = max(base - 1, 0), list[Sequenced]()
        while True:
            end = min(start + READ_CHUNK, stop)
            docs = await self._store.read_entries(self.log_id, start, end)
            if start == base - 1 and not docs:
                raise _damaged(f"the store has lost entry {start}, which was acknowledged")
            for count, doc in enumerate(docs):
                if doc.seq < base:
                    if leaf_of(doc) != self.replay.tree.leaf(doc.seq):
                        raise _damaged(f"the store holds another entry {doc.seq} than it did")
                    continue
                item = sequenced(doc)
                await self._take_stored(item)
                if base and len(fresh) <= MAX_PUSHED:
                    fresh.append(item)
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            if len(docs) < READ_CHUNK or end == stop:
                return fresh if len(fresh) <= MAX_PUSHED else []
            start += READ_CHUNK

    def _rewind(self) -> int:
        """Forget what is not committed; the size from which to read on."""
        try:
            self._truncate(self.size)
        except ValueError:  # too far for the replay's own undo: begin anew, and compare the head
            self._pinned = (self.size, self._root(self.size))
            self._begin_anew()
        return self.size

    def _begin_anew(self) -> None:
        self.committed = None
        self._restart()
        self.forget(0)
        self.tail.clear()

    async def _take_stored(self, item: Sequenced) -> None:
        before = self.replay.state if self.replay.size else None
        try:
            outcome = await self._apply_stored(item)
        except ReadAnew as anew:
            raise _damaged(f"entry {item.seq} calls entries lost that the store holds") from anew
        if isinstance(outcome, Rejected):
            _log.error("rejected_entry_in_log", log=self.log_id, seq=item.seq, code=outcome.code)
            self._metrics.alarm(Alarm.REJECTED_ENTRY)
        self.remember(item, before, self.replay.state)

    async def _settle(self, fresh: Sequence[Sequenced], stored: bytes | None) -> None:
        """Hold the store's newest head against the tree, and cover what lies beyond it."""
        size = self.replay.size
        if self._pinned is not None:
            if size < self._pinned[0] or self._root(self._pinned[0]) != self._pinned[1]:
                raise _damaged(f"the store no longer holds the head of size {self._pinned[0]}")
            self._pinned = None
        covered = 0
        if stored is not None:
            head = self._signer.open(self.log_id, stored)
            if head.size > size or self._root(head.size) != head.root:
                raise _damaged(f"the stored checkpoint of size {head.size} is not of these entries")
            covered = head.size
            self._known(covered)
        if size > covered and self.behind is None:
            await self._cover(fresh)
        elif stored is not None and size > self.size:
            self._advance(fresh, stored)


def _damaged(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.LOG_DAMAGED, detail)
