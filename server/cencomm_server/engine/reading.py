"""What readers are given of the logs: items by cursor, heads, proofs, their own wraps.

Answers with what is committed, never with what is being written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from cencomm_config.errors import BadRequest, LogBehind, NotFound, UnknownLog
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import ChannelId, LogId

from cencomm_server.engine.access import Access, access, operation_access
from cencomm_server.engine.items import Item
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.wraps import OwnWraps, own_wraps
from cencomm_server.store.documents import LogKind

MAX_PAGE_BYTES = 4 << 20  # DESIGN 11
MAX_PAGE_ITEMS = 10_000
READ_CHUNK = 128  # documents of the first read of the store,
LARGEST_CHUNK = 1024  # and of the next ones while entries are small


@dataclass(frozen=True, slots=True)
class Page:
    """A CBOR sequence of items; `next` is the next cursor, `size` the newest checkpoint's."""

    items: bytes
    next: int
    size: int


@dataclass(frozen=True, slots=True)
class HeadNote:
    """A checkpoint: size, root and the signed note."""

    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class LogInfo:
    """A log that a reader may read, and its size for this reader."""

    log: LogId
    kind: LogKind
    size: int


class Reading:
    """Reads for authenticated devices; raises UnknownLog where a reader sees nothing of a log."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._wakes = _Wakes()

    async def read(
        self, reader: Reader, log: LogId, after: int, limit: int = MAX_PAGE_ITEMS
    ) -> Page:
        """Items from seq `after` on: at most `limit`, and 4 MiB unless the first alone is more."""
        runtime, seen = await self._open(reader, log)
        if after > seen.size == runtime.size and self._wakes.due(log):
            await self._logs.wake(log)  # the client has seen more: another process has appended
            runtime, seen = await self._open(reader, log)
        stop = min(seen.size, after + max(1, min(limit, MAX_PAGE_ITEMS)))
        items = await self._items(runtime, seen, after, stop)
        return Page(b"".join(items), after + len(items), seen.size)

    async def checkpoint(
        self, reader: Reader, log: LogId, size: int | None = None, *, least: int = 0
    ) -> bytes:
        """The signed note: the newest for this reader, or that of exactly `size`.

        `least`: what the reader knows there is; it may have it from another server process, and
        a smaller answer would be a rollback in its eyes (A3). `size` may be that of a head beyond
        what is here, which the server was told of (A50). Raises NotFound where no checkpoint of
        that size was stored.
        """
        runtime, seen = await self._open(reader, log)
        if least > seen.size == runtime.size:
            await self._logs.wake(log, least)
            runtime, seen = await self._open(reader, log)
        wanted = seen.size if size is None else size
        if wanted == runtime.size:
            return runtime.note_at(wanted)
        behind = runtime.behind
        proof = behind is not None and wanted == behind.size and seen.goes_on
        if 0 < wanted <= seen.size or proof:
            stored = await self._logs.store.checkpoint(log, wanted)
            if stored is not None:
                return stored
            if wanted == seen.size:  # where a former member's log ends: no batch need end there
                runtime.expect_whole()
                note = runtime.note_at(wanted)
                await self._logs.store.put_checkpoint(log, wanted, note)
                return note
        raise NotFound(f"no checkpoint of size {wanted}; the newest has {seen.size}")

    async def proof(self, reader: Reader, log: LogId, old: int, new: int) -> tuple[bytes, ...]:
        """RFC 6962 consistency between two sizes; raises BadRequest unless 0 <= old <= new."""
        runtime, seen = await self._open(reader, log)
        if not 0 <= old <= new <= seen.size:
            raise BadRequest(f"0 <= old <= new <= {seen.size} expected")
        return runtime.replay.tree.consistency(old, new)

    async def wraps(self, reader: Reader, log: LogId, chan: ChannelId, n: int) -> OwnWraps:
        """What was wrapped to the reader's device in one epoch: members, former ones, auditors.

        Auditors at any time, before the close too, their own shares only (DESIGN 2 Scope).
        """
        runtime = await self._logs.operation(log)
        state = runtime.state
        if state is None or not (
            state.role_of(reader.person) is not None
            or reader.person in state.former
            or state.was_auditor(reader.person)
        ):
            raise UnknownLog(f"no log {log.hex()} here")
        return await own_wraps(self._logs.store, runtime, reader.device, chan, n)

    async def logs_of(
        self, reader: Reader, after: LogId | None = None, limit: int = 100
    ) -> tuple[list[LogInfo], LogId | None]:
        """The logs that a reader may read, by id above `after`; and the cursor if there is more."""
        await self._logs.find()
        now = self._logs.clock.wall_ms()
        found: list[LogInfo] = []
        for runtime in self._logs.by_id():
            if after is not None and runtime.log_id <= after:
                continue
            if len(found) == limit:
                return found, found[-1].log
            size = await self._size_for(runtime, reader, now)
            if size is not None:
                found.append(LogInfo(runtime.log_id, runtime.kind, size))
        return found, None

    async def directory_head(self) -> HeadNote:
        """The directory's newest checkpoint, for everybody: hashes only."""
        directory = await self._logs.open_directory()
        size = directory.size
        return HeadNote(size, directory.replay.tree.root(size), directory.note_at(size))

    # -- inside -------------------------------------------------------------------------------

    async def _open(self, reader: Reader, log: LogId) -> tuple[LogRuntime, Access]:
        runtime = await self._logs.get(log)
        return runtime, access(runtime, reader, self._logs.clock.wall_ms())

    async def _size_for(self, runtime: LogRuntime, reader: Reader, now: int) -> int | None:
        if runtime.committed is None:
            try:
                await self._logs.load(runtime)
            except (ProtocolError, LogBehind):  # reported by whoever loaded it first
                return None
        if not isinstance(runtime, OperationRuntime):
            return runtime.size
        found = operation_access(runtime, reader, now)
        return None if found is None else found.size

    async def _items(self, runtime: LogRuntime, seen: Access, start: int, stop: int) -> list[bytes]:
        """Items from `start` up to `stop`, or up to 4 MiB if there is more than one.

        Who reads to the end of a log of which nothing is in memory brings it there, for all the
        others: after a restart everybody comes for the same entries.
        """
        page, read = _Filling(), list[Item]()
        position, chunk = start, READ_CHUNK
        while position < stop:
            in_memory = runtime.tail.first(runtime.size)
            if position >= in_memory:
                for item in runtime.tail.between(position, stop):
                    if not page.add(
                        item.whole if seen.whole(item.seq, item.scope) else item.withheld
                    ):
                        break
                break
            docs = await self._logs.store.read_entries(
                runtime.log_id, position, min(stop, in_memory, position + chunk)
            )
            for item in map(Item.stored, docs):
                if not page.add(item.whole if seen.whole(item.seq, item.scope) else item.withheld):
                    return page.items
                read.append(item)
            if not docs:
                raise ProtocolError(
                    ErrorCode.LOG_DAMAGED, f"entry {position} is missing in the store"
                )
            position += len(docs)
            chunk = LARGEST_CHUNK if page.size_bytes < MAX_PAGE_BYTES // 4 else READ_CHUNK
        if position == runtime.size and not runtime.tail:
            runtime.tail.extend(read)
        return page.items


class _Filling:
    """The items of one page."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.size_bytes = 0

    def add(self, item: bytes) -> bool:
        """Take one more if it fits; the first always does."""
        if self.items and self.size_bytes + len(item) > MAX_PAGE_BYTES:
            return False
        self.items.append(item)
        self.size_bytes += len(item)
        return True


class _Wakes:
    """At most one look at the store per log and second, whatever cursors clients claim."""

    def __init__(self) -> None:
        self._last: dict[LogId, float] = {}

    def due(self, log: LogId) -> bool:
        """Whether a second has passed since it last was; then the next one begins."""
        now = time.monotonic()
        if now - self._last.get(log, -1.0) < 1.0:
            return False
        self._last[log] = now
        return True
