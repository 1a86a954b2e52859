"""Takes the governance root's word for what a restore from backup lost for good (A50, ADR 0025).

A `log.restored` names places that nobody hands back whole. It is taken once the 56-byte forms of
all lost places are here, and the log goes on behind it once every place has its entry or is named.
"""

from __future__ import annotations

import structlog
from cencomm_config.errors import LogBehind, UnknownLog
from cencomm_crypto.errors import DirectoryBehind, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.root_signatures import check_governance_signatures
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Sequenced, sequence

from cencomm_server.engine.gathering import Gathering
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.lost_tail import LostTail
from cencomm_server.engine.runtime import LogRuntime

_log = structlog.get_logger()


class Restoring:
    """Takes entries that name what a log lost, while that log is behind."""

    def __init__(self, logs: Logs, gathering: Gathering) -> None:
        self._logs, self._gathering = logs, gathering

    async def take(self, log: LogId, entry: Entry) -> Receipt | None:
        """The receipt of a log.restored; None for a log that is not behind: append it there.

        Raises BAD_THRESHOLD or BAD_SIGNATURE for who is not k of the governance root, and
        then tells nothing of the log; UnknownLog; LogBehind while forms lack, or the directory's
        own lost part; BAD_VALUE where somebody brought an entry that it calls lost; and what the
        rules find.
        """
        directory = await self._logs.open_directory()
        if log != directory.log_id:  # of the directory's own root more may be handed back yet
            directory.expect_whole()
            check_governance_signatures(
                directory.state.governance, directory.id32, entry.body or {}
            )
        try:
            runtime = await self._logs.get(log)
        except UnknownLog:
            known = self._logs.known(log)
            if known is None or known.behind is None:
                raise
            runtime = known
        async with runtime.lock:
            await runtime.ready()
            tail = await self._gathering.tail_of(runtime)
            return None if tail is None else await self._take(runtime, tail, entry)

    async def _take(self, runtime: LogRuntime, tail: LostTail, entry: Entry) -> Receipt:
        if not tail.known:
            raise LogBehind("a member has to tell the forms of all lost places first: hand-back")
        _expect_lacking(tail, entry)
        items = list(tail.items())
        try:
            await runtime.rehearse(items)
            item = self._applied(runtime, entry)
        except DirectoryBehind as behind:
            raise LogBehind(f"the directory has to come back first: {behind.detail}") from behind
        finally:
            runtime.mark_stale()
        head = runtime.sign_head()
        receipt = Receipt(
            item.seq, item.at, head.note, runtime.replay.tree.inclusion(item.seq, head.size)
        )
        await self._gathering.write(runtime, [*items, item], head)
        if await self._logs.store.checkpoint(runtime.log_id, head.size) != head.note:
            raise LogBehind("another process took this place meanwhile; draft and publish anew")
        _log.warning(
            "places_named_lost", log=runtime.log_id, seq=item.seq, size=runtime.size,
            signed=head.size,
        )  # fmt: skip
        return receipt

    def _applied(self, runtime: LogRuntime, entry: Entry) -> Sequenced:
        """The entry at the place behind all that was signed, taken by the rules."""
        at = self._logs.clock.next_at(runtime.last_at)
        item = sequence(runtime.replay.size, at, entry)
        outcome = runtime.apply(item)
        if isinstance(outcome, Rejected):
            raise ProtocolError(outcome.code, outcome.detail)
        return item


def _expect_lacking(tail: LostTail, entry: Entry) -> None:
    """Nothing that a member brought is called lost, though the rules would take that."""
    body = entry.body or {}
    brought = tail.brought(range(body["from"], body["to"]))
    if brought:
        raise ProtocolError(
            ErrorCode.BAD_VALUE,
            f"{len(brought)} of the named places are here, the first is {brought[0]}: draft anew",
        )
