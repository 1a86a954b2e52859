"""Replays a stored log from its first entry and holds it against its newest head; reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.lost import ReadAnew
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced

from cencomm_server.engine.items import sequenced
from cencomm_server.installation import Installation
from cencomm_server.store.documents import EntryDoc, LogDoc, LogKind
from cencomm_server.store.port import LogStore

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: sizes, server time of the last entry (ms), and what is not right."""

    log: DirectoryLog | OperationLog
    size: int
    at: int
    covered: int
    signed: int
    rejected: tuple[int, ...]
    missing_wraps: int
    unnamed: int
    """Places that stand as lost and that no log.restored names"""


async def replay(
    store: LogStore, doc: LogDoc, installation: Installation, directory: Replayed | None
) -> Replayed:
    """Apply every entry; `directory` is the replayed directory, for an operation.

    Raises ProtocolError: LOG_DAMAGED where the entries are not what the newest head covers,
    BAD_NOTE for a head that the deployment's key did not sign.
    """
    checkpoint = await store.newest_checkpoint(doc.log)
    log = _empty(doc, directory)
    rejected: list[int] = []
    at = missing = 0
    async for kept in stored_entries(store, doc):
        item = sequenced(kept)
        try:
            outcome = log.apply(item)
        except ReadAnew as anew:  # the append engine takes no such entry
            raise ProtocolError(
                ErrorCode.LOG_DAMAGED, f"entry {item.seq} calls entries lost that the store holds"
            ) from anew
        if isinstance(outcome, Rejected):
            rejected.append(item.seq)
        elif await _lacks_wraps(store, doc, item):
            missing += 1
        at = item.at
    covered = signed = 0
    if checkpoint is not None and checkpoint.size > log.size:  # a tail was lost (A50)
        signed = installation.signer().open(doc.log, checkpoint.note).size
        if signed != checkpoint.size:
            raise ProtocolError(ErrorCode.LOG_DAMAGED, f"the head of {signed} is stored elsewhere")
        checkpoint = await store.newest_checkpoint(doc.log, most=log.size)
    if checkpoint is not None:
        head = installation.signer().open(doc.log, checkpoint.note)
        covered = head.size
        if log.root(covered) != head.root:
            raise ProtocolError(
                ErrorCode.LOG_DAMAGED, f"the entries are not those of the head of size {covered}"
            )
    unexplained = tuple(seq for seq in rejected if not _after_loss(log, seq))
    signed = max(signed, covered)
    return Replayed(log, log.size, at, covered, signed, unexplained, missing, len(log.unnamed))


def _after_loss(log: DirectoryLog | OperationLog, seq: int) -> bool:
    """Whether an entry may count for nothing because what it was built on was lost (A50)."""
    return any(row.start <= seq < row.seq for row in log.state.restored)


async def stored_entries(store: LogStore, doc: LogDoc) -> AsyncIterator[EntryDoc]:
    """Every entry of a log, in order."""
    start = 0
    while docs := await store.read_entries(doc.log, start, start + CHUNK):
        for kept in docs:
            yield kept
        start += CHUNK


def _empty(doc: LogDoc, directory: Replayed | None) -> DirectoryLog | OperationLog:
    if doc.kind is LogKind.DIRECTORY:
        return DirectoryLog(doc.id32)
    if directory is None or not isinstance(directory.log, DirectoryLog):
        raise ProtocolError(ErrorCode.LOG_DAMAGED, "an operation cannot be read without directory")
    return OperationLog(directory.log, doc.id32)


async def _lacks_wraps(store: LogStore, doc: LogDoc, item: Sequenced) -> bool:
    if item.entry is None or item.entry.header.type != "channel.rotate":
        return False
    chan, n = ChannelId(item.scope), item.entry.header.epoch or 0
    return await store.wraps(doc.log, chan, n, item.inner) is None
