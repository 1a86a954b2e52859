"""Own entries on their way: kept in the vault before they are sent, until a receipt is verified.

So nothing is lost when the server or this process dies, and nothing is there twice: the same
bytes are sent again, and the log takes an id once (A5, A6). Waiting posts share one write of
the vault.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client.errors import (
    AnswerMalformed,
    EpochSuperseded,
    NotAuthenticated,
    Refused,
    TransportError,
    TryLater,
)
from cencomm_client.mirror import Mirror
from cencomm_client.vault import Vault
from cencomm_client.vault_contents import OutboxItem, StoredReceipt
from cencomm_client.verifier import Clock

PATIENCE_S = 60.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
MOST_PUZZLED = 3  # receipts by an unknown key in a row, before that is an alarm

Send = Callable[[LogId, Submission], Awaitable[Receipt]]
"""Sends by whichever way is open; raises TransportError or Refused."""


class Outbox:
    """Sends what this vault's device signed."""

    def __init__(
        self,
        vault: Vault,
        mirror: Mirror,
        send: Send,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        read_directory: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`read_directory` reads it to its newest checkpoint: it may name another log key."""
        self._vault = vault
        self._mirror = mirror
        self._send = send
        self._clock = clock
        self._jitter = jitter
        self._read_directory = read_directory
        self._saving: asyncio.Task[None] | None = None

    async def submit(
        self,
        log: LogId,
        entry: Entry,
        *,
        wraps: bytes = b"",
        shares: bytes = b"",
        patience_s: float = PATIENCE_S,
    ) -> StoredReceipt:
        """Keep, send, verify the receipt, keep that; returns the entry's place.

        Raises Refused when the server says no for good (the bytes are given up, except a
        message whose epoch it calls superseded: the log has to show that first), or
        TransportError, TryLater, NotAuthenticated after `patience_s`: then the bytes stay, to be
        submitted again.
        Raises LogAlarm for a receipt that proves nothing (A6).
        """
        submission = Submission.of(entry, wraps, shares)
        item = OutboxItem(log, entry.header.id, submission.encode(), self._clock())
        self._vault.put_outbox(item)
        await self._saved()
        return await self._deliver(item, entry, submission, patience_s)

    async def _deliver(
        self, item: OutboxItem, entry: Entry, submission: Submission, patience_s: float
    ) -> StoredReceipt:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        pause_s, puzzled = FIRST_PAUSE_S, 0
        while True:
            try:
                receipt = await self._send(item.log, submission)
                known = self._mirror.knows_signer(item.log, receipt.note)
                if not known and puzzled < MOST_PUZZLED and loop.time() + pause_s < deadline:
                    puzzled += 1
                    await self._look_for_signer(item.log, receipt)
                return self._mirror.receipt(entry, receipt, item.log)
            except (TransportError, TryLater) as error:
                asked_s = error.retry_after_s if isinstance(error, TryLater) else 0.0
                wait_s = max(asked_s, pause_s * (0.5 + self._jitter()))
                if loop.time() + wait_s > deadline:
                    raise
                await asyncio.sleep(wait_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            except NotAuthenticated:
                raise
            except Refused as refusal:
                sealed = entry.header.type in OPAQUE_TYPES
                if not (sealed and isinstance(refusal, EpochSuperseded)):
                    self._vault.drop_outbox(item.log, item.id)
                raise

    async def offer(self, log: LogId, entry: Entry, submission: Submission) -> StoredReceipt:
        """Send once what the caller keeps itself, and verify the receipt; nothing goes into the
        vault but the head that it promises. Raises Refused, TransportError, LogAlarm."""
        receipt = await self._send(log, submission)
        if not self._mirror.knows_signer(log, receipt.note):
            await self._look_for_signer(log, receipt)
        return self._mirror.receipt(entry, receipt, log, keep=False)

    async def _look_for_signer(self, log: LogId, receipt: Receipt) -> None:
        """The directory that names the key may be on its way: read it; AnswerMalformed if not."""
        if self._read_directory is not None:
            await self._read_directory()
        if not self._mirror.knows_signer(log, receipt.note):
            raise AnswerMalformed("a receipt by a key that no directory names yet")

    async def _saved(self) -> None:
        """Wait for one write of the vault that covers all that was put in by now."""
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_soon())
        await asyncio.shield(self._saving)

    async def _save_soon(self) -> None:
        await asyncio.sleep(0)
        self._saving = None
        self._vault.save()
