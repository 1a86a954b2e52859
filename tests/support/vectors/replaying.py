"""What a reader computes from items, entry by entry: a state hash, or the code of a rejection."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced

from tests.support.vectors.notation import Json


def directory_results(items: Iterable[Sequenced]) -> list[Json]:
    """One row per item: [state hash, or code; ""]: a rejected entry has both."""
    log = DirectoryLog()
    rows: list[Json] = []
    for item in items:
        result = log.apply(item)
        code = str(result.code) if isinstance(result, Rejected) else ""
        rows.append([directory_hash(log.state), code])
    return rows


def operation_results(
    directory: DirectoryLog,
    items: Iterable[Sequenced],
    channels: Collection[ChannelId] | None = None,
    skip: int = 0,
) -> list[Json]:
    """The same of an operation; `channels`: as their readers compute it, the rest withheld.

    The first `skip` items are applied without a row.
    """
    log = OperationLog(directory)
    rows: list[Json] = []
    for place, item in enumerate(items):
        hidden = channels is not None and item.scope != bytes(16) and item.scope not in channels
        if hidden:
            item = Sequenced(item.seq, item.at, item.scope, item.inner, None)
        result = log.apply(item)
        if place >= skip:
            code = str(result.code) if isinstance(result, Rejected) else ""
            rows.append([state_hash(log.state, channels), code])
    return rows


def phases(directory: DirectoryLog, items: Iterable[Sequenced], skip: int = 0) -> list[str]:
    """The phase after each item, by entries and by the item's time."""
    log = OperationLog(directory)
    rows = []
    for place, item in enumerate(items):
        log.apply(item)
        if place >= skip:
            rows.append(str(log.state.effective_phase(item.at)))
    return rows
