"""Hears that this server signed more than its store holds, and takes it back (A50, ADR 0025).

A note under an own key with more entries than the store has is proof by itself: from then on the
log takes nothing. Members bring the lost entries; once all are here they are written as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from cencomm_config.errors import LogBehind, NotFound, UnknownLog
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.note import Checkpoint
from cencomm_crypto.public.primitives import equal
from cencomm_crypto.public.tail import TailPart
from cencomm_crypto.public.wire import WHOLE, Submission, decode_sequenced, split_sequence

from cencomm_server.engine.access import access
from cencomm_server.engine.gathering import Gathering
from cencomm_server.engine.logs import Logs, log_id_of
from cencomm_server.engine.lost_tail import LostTail
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import YIELD_EVERY, LogRuntime
from cencomm_server.engine.wraps import check_wraps, keep_wraps
from cencomm_server.store.documents import LogDoc, LogKind

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server holds of a log, and what it still wants of this device.

    `size` entries are in the store, `signed` were signed; equal where nothing is lost. `wanted`:
    the next form to tell, `signed` if none is. `lacks`: places without their entry, as [from, to).
    """

    size: int
    signed: int
    wanted: int
    lacks: Sequence[tuple[int, int]] = ()


class HandingBack:
    """Takes parts of lost tails from whoever may read the log."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.gathering = Gathering(logs.store)

    async def take(self, reader: Reader, log: LogId, part: TailPart) -> Standing:
        """Hear the note, take what proves itself, and write all of it once nothing lacks.

        Raises UnknownLog, INACTIVE, BAD_NOTE for a note that no key of this log signed,
        LOG_DAMAGED for one of a size that was signed twice, BAD_PROOF for what is not under it.
        """
        runtime = await self._open(reader, log, part)
        head = self._logs.signer.open(log, part.note)
        async with runtime.lock:
            await self._hear(runtime, head, part.note)
            tail = await self.gathering.tail_of(runtime)
            if tail is None:
                return Standing(runtime.size, runtime.size, runtime.size)
            if head == tail.head:
                forms = tail.tell(reader.device, part.start, part.forms)
                if forms is not None:
                    await self.gathering.learn(runtime, tail, forms)
            if tail.known:
                await self._take_items(tail, part.items)
            if tail.whole:
                await self._write(runtime, tail)
                return Standing(runtime.size, runtime.size, runtime.size)
            wanted = tail.wanted(reader.device)
            return Standing(tail.base, tail.head.size, wanted, tail.lacks(part.start))

    async def take_wraps(self, reader: Reader, log: LogId, submission: Submission) -> None:
        """Keep wraps again that the store lost with their rotate or grant, which is back.

        From whoever may read the log: they must be those that the entry committed to. Raises
        UnknownLog, INACTIVE, NotFound for an entry that is not in the log or has no effect,
        WRONG_TYPE, BAD_COUNT, BAD_COMMIT, MALFORMED.
        """
        runtime = await self._logs.operation(log)
        access(runtime, reader, self._logs.clock.wall_ms())
        entry = submission.entry()
        if entry.header.type not in ("channel.rotate", "channel.grant"):
            raise ProtocolError(ErrorCode.WRONG_TYPE, "wraps travel beside rotates and grants")
        device, id = entry.header.device, entry.header.id
        known = await self._logs.store.entry_by_id(log, entry.scope, device, id)
        state = runtime.state
        if state is None or known is None or known.inner != entry.inner:
            raise NotFound("this entry is not in the log")
        channel = state.channels.get(ChannelId(entry.scope))
        epochs = {} if channel is None else channel.epochs
        epoch = epochs.get(entry.header.epoch or 0)
        if epoch is None or (entry.header.type == "channel.rotate" and epoch.seq != known.seq):
            raise NotFound("this entry has no effect in the log")
        check_wraps(submission, entry, state, runtime.directory.at(epoch.watermark))
        await keep_wraps(self._logs.store, runtime, submission, entry)

    async def _open(self, reader: Reader, log: LogId, part: TailPart) -> LogRuntime:
        """The log, for who may read it; one that the backup does not know, for who proves it."""
        try:
            runtime = await self._logs.get(log)
        except UnknownLog:
            directory = await self._logs.open_directory()
            if not directory.state.active(reader.device):
                raise ProtocolError(ErrorCode.INACTIVE, "the device is not active") from None
            known = self._logs.known(log)
            if known is not None and known.behind is not None:
                return known  # its genesis is among what is being handed back
            return await self._found(log, part)
        access(runtime, reader, self._logs.clock.wall_ms())
        return runtime

    async def _found(self, log: LogId, part: TailPart) -> LogRuntime:
        """Begin an operation of after the backup anew, for a signed note and its genesis.

        Raises BAD_NOTE, or UnknownLog where the first item is not the genesis of this log.
        """
        self._logs.signer.open(log, part.note)
        first = next(split_sequence(part.items), b"")
        entry = decode_sequenced(first).entry if first else None
        if entry is None or entry.header.type != "operation.genesis":
            raise UnknownLog(f"no log {log.hex()} here")
        id32, now = log_id32(entry), self._logs.clock.now_ms()
        if log_id_of(id32) != log:
            raise UnknownLog(f"no log {log.hex()} here")
        await self._logs.store.create_log(log, LogKind.OPERATION, id32, now)
        return self._logs.register(LogDoc(log, LogKind.OPERATION, id32, now))

    # -- inside; the runtime's lock is held ---------------------------------------------------

    async def _hear(self, runtime: LogRuntime, head: Checkpoint, note: bytes) -> None:
        await runtime.ready()
        signed = runtime.size if runtime.behind is None else runtime.behind.size
        if head.size > signed:
            runtime.mark_stale()  # another process may have written it
            await runtime.ready()
        if head.size > runtime.size:
            if runtime.behind is None or head.size > runtime.behind.size:
                await runtime.fall_behind(head, note)
            elif head.size == runtime.behind.size:
                self._expect_same(runtime, head, runtime.behind.root)
        else:
            self._expect_same(runtime, head, runtime.replay.tree.root(head.size))

    @staticmethod
    def _expect_same(runtime: LogRuntime, head: Checkpoint, root: bytes) -> None:
        """Two heads of one size under own keys: a fork, which nothing mends (A4)."""
        if not equal(head.root, root):
            detail = f"another head of size {head.size} was signed too, root {head.root.hex()}"
            raise runtime.damage(ProtocolError(ErrorCode.LOG_DAMAGED, detail))

    @staticmethod
    async def _take_items(tail: LostTail, items: bytes) -> None:
        for count, data in enumerate(split_sequence(items)):
            if data[1:2] != bytes((WHOLE,)):  # a body that somebody left out would be lost (A49)
                raise ProtocolError(ErrorCode.MALFORMED, "only whole items are handed back")
            item = decode_sequenced(data)
            if item.seq >= tail.base:
                tail.take(item, len(data))
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _write(self, runtime: LogRuntime, tail: LostTail) -> None:
        """Append the entries as they were, the signed head last; then read them like any others."""
        items = list(tail.items())
        try:
            await runtime.rehearse(items)
        except ProtocolError as error:  # of the directory, say, which has to come back first
            raise LogBehind(f"the entries cannot be taken yet: {error.detail}") from error
        await self.gathering.write(runtime, items)
        _log.warning("tail_handed_back", log=runtime.log_id, entries=len(items), size=runtime.size)
