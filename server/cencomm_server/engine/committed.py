"""A log in memory: its replay, and what of it is committed: durable, and under a stored checkpoint.

The replay runs ahead of what is committed only while `lock` is held: by the batch that is being
written. Everybody else reads what is committed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from cencomm_config.errors import NotFound
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.lost import ReadAnew
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Receipt, Sequenced

from cencomm_server.engine.items import Item
from cencomm_server.engine.signer import Signer
from cencomm_server.engine.tail import Tail
from cencomm_server.metrics import Alarm, Metrics
from cencomm_server.store.documents import CheckpointDoc, EntryDoc, LogKind
from cencomm_server.store.port import CheckpointConflict, LogStore

_log = structlog.get_logger()

State = DirectoryState | OperationState
Replay = DirectoryLog | OperationLog


@dataclass(frozen=True, slots=True)
class Committed:
    """The newest checkpoint, and the state at its size; `at` is the last entry's."""

    size: int
    at: int
    note: bytes
    state: State


@dataclass(frozen=True, slots=True)
class Commit:
    """What has just become durable, under the note of `size`.

    `entries` and `items` are empty where there would be too many to push: readers pull.
    """

    log: LogId
    kind: LogKind
    entries: tuple[Sequenced, ...]
    items: tuple[Item, ...]  # the same, encoded
    state: State
    size: int
    note: bytes


Listener = Callable[[Commit], None]


class CommittedLog(ABC):
    """Applies, writes and publishes; hold `lock` for whatever touches `replay`."""

    kind: LogKind

    def __init__(
        self,
        log_id: LogId,
        id32: bytes,
        store: LogStore,
        signer: Signer,
        publish: Listener,
        metrics: Metrics,
    ) -> None:
        self.log_id, self.id32 = log_id, id32
        self.lock = asyncio.Lock()
        self.committed: Committed | None = None
        self.damaged: ProtocolError | None = None
        self.tail = Tail()
        self._store, self._signer, self._publish = store, signer, publish
        self._metrics = metrics
        self._sizes: list[int] = []  # checkpoints known here, ascending

    @property
    @abstractmethod
    def replay(self) -> Replay:
        """The tree and the states, up to what is being written."""

    @abstractmethod
    def log_key(self) -> bytes:
        """The public key under which this log's notes are signed now."""

    def remember(self, item: Sequenced, before: State | None, after: State) -> None:  # noqa: B027 optional
        """Keep what readers need of an applied leaf; nothing, for most logs."""

    def forget(self, size: int) -> None:  # noqa: B027 optional
        """Drop what `remember` kept of leaves from `size` on."""

    # -- what is committed --------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Size of the newest checkpoint; 0 while not loaded, or before the genesis."""
        return 0 if self.committed is None else self.committed.size

    @property
    def last_at(self) -> int:
        """Server time of the replay's last entry, ms; 0 before the genesis."""
        return self.replay.state.at if self.replay.size else 0

    def receipt(self, seq: int, at: int) -> Receipt:
        """The receipt of a committed entry, under the first checkpoint known to cover it.

        The note of a size is one byte string, so the same entry has the same receipt (WIRE-2).
        """
        size = self._sizes[bisect_right(self._sizes, seq)]
        return Receipt(seq, at, self.note_at(size), self.replay.tree.inclusion(seq, size))

    def note_at(self, size: int) -> bytes:
        """The note of a committed size; raises NotFound beyond."""
        if self.committed is not None and size == self.committed.size:
            return self.committed.note
        if not 0 < size <= self.size:
            raise NotFound(f"no checkpoint of size {size}; the newest has {self.size}")
        return self._sign(size)

    # -- committing ---------------------------------------------------------------------------

    def apply(self, item: Sequenced) -> State | Rejected:
        """Apply a new leaf; a rejected one leaves no trace. May raise DirectoryBehind."""
        before = self.replay.state if self.replay.size else None
        try:
            outcome = self.replay.apply(item)
        except ReadAnew as anew:
            raise ProtocolError(
                ErrorCode.BAD_VALUE, "this server holds entries that the body calls lost"
            ) from anew
        if isinstance(outcome, Rejected):
            self.replay.truncate(item.seq)
        else:
            self.remember(item, before, outcome)
        return outcome

    def undo(self, item: Sequenced) -> None:
        """Take back the last `apply`."""
        self._truncate(item.seq)

    def _truncate(self, size: int) -> None:
        if size < self.replay.size:
            self.replay.truncate(size)
            self.forget(size)

    async def commit(self, items: Sequence[Sequenced], docs: Sequence[EntryDoc]) -> int:
        """Write applied leaves and their checkpoint at once; publish if all of them stand.

        How many do: fewer where another process took the next place; then the note, which left
        this process nowhere, is not stored either. Raises DuplicateEntry, StoreDown, and
        LOG_DAMAGED where another head of this size stands (A4, A50).
        """
        head = self.sign_head()
        note = head.note
        try:
            inserted = await self._store.append_entries(self.log_id, docs, head)
        except CheckpointConflict as conflict:
            inserted, note = len(docs), await self._same_head(head.size, conflict)
        if inserted == len(docs):
            self._advance(items, note)
        return inserted

    async def _cover(self, items: Sequence[Sequenced]) -> None:
        """Sign the head over entries that stand without one, store it, then publish.

        Another process may have signed the same head: one byte string. Raises as `commit`.
        """
        size = self.replay.size
        note = self._sign(size)
        try:
            await self._store.put_checkpoint(self.log_id, size, note)
        except CheckpointConflict as conflict:
            note = await self._same_head(size, conflict)
        self._advance(items, note)

    async def _same_head(self, size: int, conflict: CheckpointConflict) -> bytes:
        """The note that stands: the same head under an earlier or later log key is no fork."""
        stored = await self._store.checkpoint(self.log_id, size)
        if stored is None or await self._stored_root(size) != self._root(size):
            raise self.damage(conflict)
        return stored

    async def _stored_root(self, size: int) -> bytes | None:
        """Root of the checkpoint that is stored for a size; LOG_DAMAGED if no own key signed it."""
        stored = await self._store.checkpoint(self.log_id, size)
        try:
            return None if stored is None else self._signer.open(self.log_id, stored).root
        except ProtocolError as error:
            raise self.damage(error) from error

    def _advance(self, entries: Sequence[Sequenced], note: bytes) -> None:
        size = self.replay.size
        self.committed = Committed(size, self.last_at, note, self.replay.state)
        self._known(size)
        items = tuple(map(Item.of, entries))
        if not items:  # more than were kept: the next ones will not follow on
            self.tail.clear()
        self.tail.extend(items)
        state = self.committed.state
        self._publish(Commit(self.log_id, self.kind, tuple(entries), items, state, size, note))

    def _known(self, size: int) -> None:
        place = bisect_right(self._sizes, size)
        if self._sizes[place - 1 : place] != [size]:
            self._sizes.insert(place, size)

    def sign_head(self) -> CheckpointDoc:
        """The signed head of the whole replay, not stored yet; hold `lock`."""
        return CheckpointDoc(self.replay.size, self._sign(self.replay.size))

    def _sign(self, size: int) -> bytes:
        return self._signer.sign(self.log_id, size, self._root(size), self.log_key())

    def _root(self, size: int) -> bytes:
        return self.replay.tree.root(size)

    def damage(self, error: CencommError) -> ProtocolError:
        """Stop this log for good: what the store holds contradicts what was signed (A4, A36).

        Or a newer program wrote there what this one does not know: it never skips (RULES Skew).
        """
        newer = error.code in (ErrorCode.UNKNOWN_VERSION, ErrorCode.UNKNOWN_TYPE)
        code = ErrorCode(error.code) if newer else ErrorCode.LOG_DAMAGED
        self.damaged = ProtocolError(code, error.detail)
        _log.critical("log_damaged", log=self.log_id, reason=str(error))
        self._metrics.alarm(Alarm.LOG_DAMAGED)
        return self.damaged
