"""What of lost tails is gathered in this process, and how it comes back into the store (A50).

Hold the runtime's lock around every call. Nothing here says who may bring or name what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.primitives import equal
from cencomm_crypto.public.tail import form_of, leaf_of_form
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from cencomm_server.engine.items import document, leaf_of, sequenced
from cencomm_server.engine.lost_tail import LostTail
from cencomm_server.engine.runtime import YIELD_EVERY, LogRuntime
from cencomm_server.store.documents import CheckpointDoc
from cencomm_server.store.port import LogStore, StoreConflict

WRITTEN_AT_ONCE = 256  # entries in one insert


class Gathering:
    """The lost tails of all logs, as far as members told of them to this process."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._tails: dict[LogId, LostTail] = {}

    async def tail_of(self, runtime: LogRuntime) -> LostTail | None:
        """What is being gathered; begun anew where the log or the proof has moved on."""
        if runtime.behind is None:
            self._tails.pop(runtime.log_id, None)
            return None
        tail = self._tails.get(runtime.log_id)
        if tail is None or (tail.base, tail.head) != (runtime.size, runtime.behind):
            tail = LostTail(runtime.size, runtime.behind)
            if runtime.named is not None:
                await self._recall(tail, runtime.log_id, runtime.named)
            self._tails[runtime.log_id] = tail
        return tail

    async def learn(self, runtime: LogRuntime, tail: LostTail, forms: list[bytes]) -> None:
        """Hold the forms against the signed root, over what the store holds."""
        tree, size = runtime.replay.tree, runtime.replay.size
        try:
            for count, form in enumerate(forms):
                tree.append(leaf_of_form(size + count, form))
                if count % (YIELD_EVERY * YIELD_EVERY) == 0:
                    await asyncio.sleep(0)
            root = tree.root()
        finally:
            tree.truncate(size)
        if not equal(root, tail.head.root):
            raise ProtocolError(
                ErrorCode.BAD_PROOF,
                f"the forms do not rebuild the head of size {tail.head.size} over the {size}"
                " entries that are here",
            )
        tail.learn(forms)

    async def _recall(self, tail: LostTail, log: LogId, named: frozenset[int]) -> None:
        """The store holds every place, some as lost: they are named one after the other."""
        docs = [
            doc
            for start in range(tail.base, tail.head.size, WRITTEN_AT_ONCE)
            for doc in await self._store.read_entries(
                log, start, min(start + WRITTEN_AT_ONCE, tail.head.size)
            )
        ]
        items = [sequenced(doc) for doc in docs]
        tail.learn([form_of(item) for item in items])
        tail.settle(named)
        for item in items:
            if not item.lost:
                tail.take(item, len(encode_sequenced(item)))

    async def write(
        self, runtime: LogRuntime, items: Sequence[Sequenced], head: CheckpointDoc | None = None
    ) -> None:
        """Put leaves into the store behind what is shown, `head` after the last of them.

        Cut off in between, a part of them stands under the note of all: nothing is signed, nobody
        is shown it, and the next hand-back goes on there. So it is where another process takes a
        place meanwhile: look at the log before a receipt is given.
        """
        log, store = runtime.log_id, self._store
        by_seq = {item.seq: item for item in items}
        stands = items[0].seq
        while held := await store.read_entries(log, stands, stands + WRITTEN_AT_ONCE):
            for doc in held:  # left by one that was cut off
                item = by_seq.get(doc.seq)
                if item is None or leaf_of(doc) != item.leaf:
                    detail = f"entry {doc.seq} is not the one that was signed"
                    raise runtime.damage(ProtocolError(ErrorCode.LOG_DAMAGED, detail))
                if doc.lost and not item.lost:
                    await store.fill_lost(log, document(item))
            stands = held[-1].seq + 1
        rest = [document(item) for item in items[stands - items[0].seq :]]
        for start in range(0, len(rest), WRITTEN_AT_ONCE):
            docs = rest[start : start + WRITTEN_AT_ONCE]
            last = head if start + len(docs) == len(rest) else None
            try:
                if await store.append_entries(log, docs, last) < len(docs):
                    break  # another process writes the same
            except StoreConflict as conflict:
                raise runtime.damage(conflict) from conflict
        self._tails.pop(log, None)
        runtime.mark_stale()
        await runtime.ready()
