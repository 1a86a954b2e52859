"""LogStore over document collections: entries with their checkpoints, wraps, grants.

The note of a size stands among the entries, under seq = -size: a batch and its note are one
insert and one sync, and the unique key (log, seq) is also that of (log, size).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from collections.abc import Collection as Some

from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId

from cencomm_server.store import schema
from cencomm_server.store.collection import Collection, Document, Records
from cencomm_server.store.documents import (
    CheckpointDoc,
    EntryDoc,
    GrantDoc,
    LogDoc,
    LogKind,
    WrapsDoc,
)
from cencomm_server.store.port import CheckpointConflict, DuplicateEntry, KeyTaken

_LOG = Records(LogDoc, schema.LOGS)
_ENTRY = Records(EntryDoc, schema.ENTRIES)
_WRAPS = Records(WrapsDoc, schema.WRAPS)
_GRANT = Records(GrantDoc, schema.GRANTS)
_CHUNK = 1_000  # ids in one delete
_NO_SIZE = 2**53  # above every size
_WINDOW = 16  # sizes looked at first below the end of a log, growing fourfold


class KeptLogs:
    """Reads by two-sided ranges and single keys alone (DESIGN 10.4)."""

    def __init__(
        self,
        logs: Collection,
        entries: Collection,
        wraps: Collection,
        grants: Collection,
        clock: Callable[[], int],
    ) -> None:
        """`clock`: Unix milliseconds, for the age of orphan wraps alone."""
        self._logs = logs
        self._entries = entries
        self._wraps = wraps
        self._grants = grants
        self._clock = clock
        self._seen_seq: dict[LogId, int] = {}  # a lower bound of last_seq, where the search starts

    async def create_log(self, log: LogId, kind: LogKind, id32: bytes, created: int) -> bool:
        try:
            await self._logs.insert(_LOG.document(LogDoc(log, kind, id32, created)))
        except KeyTaken:
            known = await self._logs.find_one({"_id": log})
            if known is None:
                raise KeyTaken("this store holds a directory already") from None
            if (known["kind"], known["id32"]) != (kind.value, id32):
                raise KeyTaken("this log id belongs to another log") from None
            return False
        return True

    async def logs(self) -> list[LogDoc]:
        found = await self._logs.find({}, "_id")
        docs = [_LOG.record(document) for document in found]
        return sorted(docs, key=lambda doc: (doc.created, doc.log))

    async def append_entries(
        self, log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        documents = [entry_document(log, doc) for doc in docs]
        if checkpoint is not None:
            documents.append(note_document(log, checkpoint.size, checkpoint.note))
        if not documents:
            return 0
        inserted = await self._entries.insert_many(documents)
        if inserted < len(docs):
            # Asked again and not read out of the error: no store's wording decides (A5).
            refused = docs[inserted]
            if not await self._stands(log, refused.seq):
                other = await self._by_id(log, refused.scope, refused.device, refused.id, ["seq"])
                if other is not None:
                    raise DuplicateEntry(int(other["seq"]), inserted)
        elif checkpoint is not None and inserted < len(documents):
            await self._expect_same(log, checkpoint.size, checkpoint.note)
        return min(inserted, len(docs))

    async def fill_lost(self, log: LogId, doc: EntryDoc) -> bool:
        where: Document = {"log": log, "seq": doc.seq, "header": b""}
        try:
            return await self._entries.update(where, {"$set": _ENTRY.document(doc)})
        except KeyTaken:
            other = await self._by_id(log, doc.scope, doc.device, doc.id, ["seq"])
            raise DuplicateEntry(-1 if other is None else int(other["seq"]), 0) from None

    async def read_entries(self, log: LogId, start: int, stop: int) -> list[EntryDoc]:
        if stop <= start:
            return []
        found = await self._entries.find({"log": log, "seq": {"$gte": start, "$lt": stop}}, "seq")
        return [_ENTRY.record(document) for document in found]

    async def entry_by_id(
        self, log: LogId, scope: bytes, device: DeviceId, id: EntryId
    ) -> EntryDoc | None:
        document = await self._by_id(log, scope, device, id)
        return None if document is None else _ENTRY.record(document)

    async def last_seq(self, log: LogId) -> int:
        # Doubling steps, then halving: single keys, where newest-first would read the whole log.
        low = self._seen_seq.get(log, -1)
        if low >= 0 and not await self._stands(log, low):
            low = -1  # the store was replaced under us
        step = 1
        while await self._stands(log, low + step):
            low, step = low + step, step * 2
        high = low + step  # low stands (or is -1), high does not
        while high - low > 1:
            middle = (low + high) // 2
            if await self._stands(log, middle):
                low = middle
            else:
                high = middle
        self._seen_seq[log] = low
        return low

    async def put_checkpoint(self, log: LogId, size: int, note: bytes) -> None:
        try:
            await self._entries.insert(note_document(log, size, note))
        except KeyTaken:
            await self._expect_same(log, size, note)

    async def checkpoint(self, log: LogId, size: int) -> bytes | None:
        document = await self._entries.find_one({"log": log, "seq": -size}, ["note"])
        return None if document is None else bytes(document["note"])

    async def newest_checkpoint(
        self, log: LogId, *, most: int | None = None
    ) -> CheckpointDoc | None:
        window = _WINDOW
        if most is None:
            stop = await self.last_seq(log) + 2
            lost = await self._newest_note(log, stop, _NO_SIZE)  # none, unless entries were lost
            if lost is not None:
                return lost
        else:
            stop = most + 1
        while stop > 1:
            start = max(1, stop - window)
            found = await self._newest_note(log, start, stop)
            if found is not None:
                return found
            stop, window = start, window * 4
        return None

    async def watch_checkpoints(self) -> AsyncIterator[tuple[LogId, int]]:
        notes = await self._entries.watch({"seq": {"$lt": 0}}, ("log", "seq"))
        return ((LogId(bytes(note["log"])), -int(note["seq"])) async for note in notes)

    async def put_wraps(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, wraps: bytes, shares: bytes
    ) -> None:
        doc = WrapsDoc(chan, n, inner, wraps, shares)
        await _insert_once(self._wraps, _WRAPS.document(doc, log=log, put=self._clock()))

    async def wraps(self, log: LogId, chan: ChannelId, n: int, inner: bytes) -> WrapsDoc | None:
        where: Document = {"log": log, "chan": chan, "n": n, "inner": inner}
        document = await self._wraps.find_one(where)
        return None if document is None else _WRAPS.record(document)

    async def put_grant(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, device: DeviceId, wrap: bytes
    ) -> None:
        doc = GrantDoc(chan, n, inner, device, wrap)
        await _insert_once(self._grants, _GRANT.document(doc, log=log, put=self._clock()))

    async def grants(self, log: LogId, chan: ChannelId, n: int, device: DeviceId) -> list[GrantDoc]:
        where: Document = {"log": log, "chan": chan, "n": n, "device": device}
        found = await self._grants.find(where, "put")
        return [_GRANT.record(document) for document in found]

    async def drop_orphan_wraps(
        self, log: LogId, known: Some[bytes], *, min_age_ms: int = 300_000
    ) -> int:
        before, dropped = self._clock() - min_age_ms, 0
        for collection in (self._wraps, self._grants):
            where: Document = {"log": log, "put": {"$lte": before}}
            found = await collection.find(where, "put", ["inner"])
            orphans = [document["_id"] for document in found if document["inner"] not in known]
            for start in range(0, len(orphans), _CHUNK):
                chunk = orphans[start : start + _CHUNK]
                dropped += await collection.delete({"_id": {"$in": chunk}})
        return dropped

    async def erase_bodies(self, log: LogId, seqs: Some[int]) -> int:
        erased, wanted = 0, sorted(seqs)
        for start in range(0, len(wanted), _CHUNK):
            where: Document = {"log": log, "seq": {"$in": wanted[start : start + _CHUNK]}}
            erased += await self._entries.update_all(where, {"$set": {"body": None}})
        return erased

    async def erase_wraps(self, log: LogId) -> int:
        erased = await self._wraps.delete({"log": log})
        return erased + await self._grants.delete({"log": log})

    async def _newest_note(self, log: LogId, start: int, stop: int) -> CheckpointDoc | None:
        """Of start <= size < stop, 0 < start."""
        where: Document = {"log": log, "seq": {"$gt": -stop, "$lte": -start}}
        found = await self._entries.find(where, "seq", ["seq", "note"])
        return CheckpointDoc(-int(found[0]["seq"]), bytes(found[0]["note"])) if found else None

    async def _expect_same(self, log: LogId, size: int, note: bytes) -> None:
        if await self.checkpoint(log, size) != note:
            raise CheckpointConflict(f"another note of size {size} is stored")

    async def _stands(self, log: LogId, seq: int) -> bool:
        return await self._entries.find_one({"log": log, "seq": seq}, ["seq"]) is not None

    async def _by_id(
        self, log: LogId, scope: bytes, device: DeviceId, id: EntryId, fields: Sequence[str] = ()
    ) -> Document | None:
        where: Document = {"log": log, "scope": scope, "device": device, "id": id}
        return await self._entries.find_one(where, fields)


def entry_document(log: LogId, doc: EntryDoc) -> Document:
    """An entry as it stands in its log."""
    return _ENTRY.document(doc, log=log)


def note_document(log: LogId, size: int, note: bytes) -> Document:
    """A checkpoint as it stands among the entries of its log."""
    # `id` only keeps it apart from other notes under (log, scope, device, id)
    return {"log": log, "seq": -size, "id": size.to_bytes(8, "big"), "note": note}


async def _insert_once(collection: Collection, document: Document) -> None:
    try:
        await collection.insert(document)
    except KeyTaken:
        return  # the key holds the entry's inner hash, which commits to the wraps: the same bytes
