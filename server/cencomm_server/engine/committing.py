"""Group commit: what queued while the last write ran becomes the next batch (DESIGN 2, 10).

One task per log writes while there is something to write; nothing lingers for company. A batch
is one insert, its checkpoint the last document of it; then one publication, and only then the
receipts.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from cencomm_config.errors import Internal, ShuttingDown, StoreDown, TooBusy
from cencomm_crypto.errors import CencommError, DirectoryBehind, ErrorCode, ProtocolError
from cencomm_crypto.public.wire import Receipt, Sequenced

from cencomm_server.engine.admission import Admission, Offer
from cencomm_server.engine.items import document
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.runtime import YIELD_EVERY, LogRuntime
from cencomm_server.engine.wraps import keep_wraps
from cencomm_server.metrics import Limit, Metrics
from cencomm_server.store.port import DuplicateEntry, LogStore

_log = structlog.get_logger()

BATCH_ENTRIES = 256  # below the replay's UNDO_DEPTH
BATCH_BYTES = 4 << 20
QUEUE_ENTRIES = 2048
QUEUE_BYTES = 32 << 20


@dataclass(eq=False, slots=True)
class _Waiting:
    """One offer in the queue, and what became of it in the batch under way."""

    offer: Offer
    outcome: asyncio.Future[Receipt]
    item: Sequenced | None = None
    refusal: CencommError | None = None
    judged_at: int = 0  # size of the log when it was taken or refused


@dataclass(slots=True)
class _Batch:
    """What one round has taken from the queue, in order; refused offers among the rest."""

    taken: list[_Waiting] = field(default_factory=list)
    bytes: int = 0

    @property
    def accepted(self) -> list[_Waiting]:
        return [waiting for waiting in self.taken if waiting.item is not None]


class Committer:
    """The queue of one log, and the task that writes it."""

    def __init__(
        self, runtime: LogRuntime, store: LogStore, admission: Admission, metrics: Metrics
    ) -> None:
        self._runtime, self._store, self._admission = runtime, store, admission
        self._metrics = metrics
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def submit(self, offer: Offer) -> Receipt:
        """Queue an offer and wait for its receipt; raises what it was refused with.

        Whoever stops waiting stops nothing: the entry is in the log, or not, all the same.
        """
        if self._stopping:
            raise ShuttingDown("the server takes nothing new")
        if len(self._queue) >= QUEUE_ENTRIES or self._queued_bytes >= QUEUE_BYTES:
            self._metrics.limited(Limit.QUEUE)
            raise TooBusy(f"{len(self._queue)} entries wait for this log")
        waiting = _Waiting(offer, asyncio.get_running_loop().create_future())
        waiting.outcome.add_done_callback(_retrieved)
        self._queue.append(waiting)
        self._queued_bytes += offer.size_bytes
        if self._task is None:
            self._task = asyncio.create_task(self._write_queue())
        return await asyncio.shield(waiting.outcome)

    def waiting(self) -> tuple[int, int]:
        """Entries in the queue, and their bytes."""
        return len(self._queue), self._queued_bytes

    async def stop(self) -> None:
        """Take nothing new, and wait until what is queued is written or refused."""
        self._stopping = True
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _write_queue(self) -> None:
        try:
            while self._queue:
                async with self._runtime.lock:
                    await self._write_batch()
        finally:
            self._task = None

    # -- one batch ----------------------------------------------------------------------------

    async def _write_batch(self) -> None:
        batch, began, inserted = _Batch(), time.monotonic(), 0
        try:
            await self._runtime.ready()
            seen = max((one.offer.entry.header.seen.size for one in self._queue), default=0)
            if seen > self._runtime.size:
                await self._runtime.look_ahead()
            await self._runtime.come_whole()
            await self._fill(batch)
            accepted = batch.accepted
            items = [waiting.item for waiting in accepted if waiting.item is not None]
            if items:
                inserted = await self._insert(accepted, items)
                if inserted < len(items):
                    await self._yield_to_others(batch, items, inserted)
        except BaseException as error:
            self._fail(batch, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._answer(batch)
            if inserted:
                self._metrics.commit(inserted, batch.bytes, time.monotonic() - began)

    async def _fill(self, batch: _Batch) -> None:
        """Validate what is queued, in order, each on the state that the one before gave."""
        followed = False
        while self._queue and len(batch.taken) < BATCH_ENTRIES and batch.bytes < BATCH_BYTES:
            waiting = self._queue.popleft()
            self._queued_bytes -= waiting.offer.size_bytes
            batch.taken.append(waiting)
            waiting.item, waiting.refusal = None, None
            try:
                waiting.item = self._admission.admit(self._runtime, waiting.offer)
            except DirectoryBehind as behind:
                waiting.refusal = behind
                if not followed and isinstance(self._runtime, OperationRuntime):
                    followed = True
                    await self._runtime.follow_directory()
                    self._retry(waiting)
            except CencommError as refusal:
                waiting.refusal = refusal
            waiting.judged_at = self._runtime.replay.size
            batch.bytes += waiting.offer.size_bytes
            if len(batch.taken) % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _retry(self, waiting: _Waiting) -> None:
        try:
            waiting.item = self._admission.admit(self._runtime, waiting.offer)
            waiting.refusal = None
        except CencommError as refusal:
            waiting.refusal = refusal

    async def _insert(self, accepted: list[_Waiting], items: list[Sequenced]) -> int:
        """Write wraps, then entries and their checkpoint; how many of the entries stand."""
        if isinstance(self._runtime, OperationRuntime):
            await asyncio.gather(
                *(
                    keep_wraps(
                        self._store, self._runtime, waiting.offer.submission, waiting.offer.entry
                    )
                    for waiting in accepted
                    if waiting.offer.submission.wraps
                )
            )
        try:
            return await self._runtime.commit(items, [document(item) for item in items])
        except DuplicateEntry as clash:
            accepted[clash.inserted].refusal = ProtocolError(
                ErrorCode.DUPLICATE_ID, "the device used this entry id before"
            )
            return clash.inserted

    async def _yield_to_others(self, batch: _Batch, items: list[Sequenced], inserted: int) -> None:
        """Another process took the next place: what went in before stands, the rest is judged anew.

        What the other wrote is read, applied and covered by the same checkpoint.
        """
        stands = items[inserted].seq
        await self._runtime.catch_up()
        again: list[_Waiting] = []
        for waiting in batch.taken:
            clashed = waiting.item is not None and waiting.refusal is not None
            if waiting.judged_at > stands and not clashed:
                again.append(waiting)
        self._requeue(again)
        batch.taken = [waiting for waiting in batch.taken if waiting not in again]

    def _requeue(self, again: Iterable[_Waiting]) -> None:
        for waiting in reversed(list(again)):
            self._withdraw(waiting)
            self._queue.appendleft(waiting)
            self._queued_bytes += waiting.offer.size_bytes

    # -- answers ------------------------------------------------------------------------------

    def _answer(self, batch: _Batch) -> None:
        for waiting in batch.taken:
            try:
                self._answer_one(waiting)
            except Exception as error:
                _log.error("receipt_failed", log=self._runtime.log_id, exc_info=error)
                waiting.outcome.set_exception(Internal(""))

    def _answer_one(self, waiting: _Waiting) -> None:
        if waiting.refusal is not None:
            self._withdraw(waiting)  # the store refused what the rules had taken
            waiting.outcome.set_exception(waiting.refusal)
        elif waiting.item is not None:
            self._admission.accepted(waiting.offer.entry)
            waiting.outcome.set_result(self._runtime.receipt(waiting.item.seq, waiting.item.at))

    def _fail(self, batch: _Batch, error: BaseException) -> None:
        """The batch fails as a whole; what of it is durable shows when the log is read again."""
        self._runtime.mark_stale()
        if not isinstance(error, CencommError):
            if isinstance(error, Exception):
                _log.error("batch_failed", log=self._runtime.log_id, exc_info=error)
            error = Internal("")
        elif isinstance(error, StoreDown):
            _log.warning("store_down", log=self._runtime.log_id, entries=len(batch.taken))
        if not batch.taken:  # the log could not even be read: nothing that waits can be judged
            batch.taken, self._queue, self._queued_bytes = list(self._queue), deque(), 0
        for waiting in batch.taken:
            self._withdraw(waiting)
            if not waiting.outcome.done():
                waiting.outcome.set_exception(error)

    def _withdraw(self, waiting: _Waiting) -> None:
        if waiting.item is not None:
            self._admission.withdrawn(self._runtime, waiting.offer.entry)
            waiting.item = None


def _retrieved(outcome: asyncio.Future[Receipt]) -> None:
    """Look at the exception, so that nobody complains where the waiter has gone."""
    if not outcome.cancelled():
        outcome.exception()
