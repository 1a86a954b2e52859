"""How this device reads its logs on: pulled page by page, pushed, completed when a channel opens.

The cursor is the truth, a push only saves a request (DESIGN 2 Delivery). What is kept of it, and
in which order, `kept_logs` says.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import cached_property
from typing import Protocol

from cencomm_crypto.errors import DirectoryBehind
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from cencomm_client.answers import EntriesPage, PushFrame
from cencomm_client.errors import AnswerTooLarge
from cencomm_client.kept_logs import KeptLogs, Update
from cencomm_client.lost_tails import Notes
from cencomm_client.progress import EVERY, Stage
from cencomm_client.signed_heads import claimed_size
from cencomm_client.verifier import LogVerifier

MAX_UNVERIFIED = 512 * 1024 * 1024  # bytes held of pages that no checkpoint covers yet
MAX_UNVERIFIED_ITEMS = 2_000_000


class Source(Notes, Protocol):
    """What the mirror asks of the server; `transport.Transport` is one."""

    async def entries(self, log: LogId, after: int) -> EntriesPage:
        """Items from seq `after` on, at most 4 MiB."""


class Mirror(KeptLogs):
    """All logs of one vault, read on from a server."""

    @cached_property
    def _locks(self) -> defaultdict[LogId, asyncio.Lock]:
        """One reader of a log at a time."""
        return defaultdict(asyncio.Lock)

    # -- moving on ----------------------------------------------------------------------------

    async def pull_directory(self, source: Source) -> None:
        """Read the directory to its newest checkpoint."""
        await self.pull(source, self._vault.directory_log)

    async def pull(self, source: Source, log: LogId) -> None:
        """Read a log to its newest checkpoint, the directory before it as far as it is named.

        Raises LogAlarm (kept as evidence), NewerProtocol, Stopped, or what the source raises.
        """
        try:
            async with self._locks[log]:
                least = self._logs.of(log).least_size
                note = await self._read_on(source, log)
                verifier = self._logs.of(log)
                if not self._has_left(verifier):
                    with self._alarms.keeping():
                        verifier.expect_reached(note, least)
                await self._complete(source, log)
        finally:  # also what was promised before the reading broke off
            self._vault.save()

    def push(self, frame: PushFrame) -> bool:
        """Take a pushed frame; False if the cursor must be pulled instead. Raises LogAlarm."""
        verifier = self._logs.held(frame.log)
        if verifier is None or self._locks[frame.log].locked():
            return False
        if not verifier.is_signed(frame.note):
            return False  # by a key that is not known yet, or by nobody: pulling will tell
        items = self._decoded(frame.items, frame.log)
        with self._alarms.keeping():
            if not items or items[0].seq > verifier.log.size:
                return self._head(verifier, frame.note)
            try:
                taken = verifier.take(items, frame.note)
            except DirectoryBehind:
                self._head(verifier, frame.note)
                return False
        self._keep(frame.log, taken)
        if self._opened_scopes(verifier):
            return False
        self._save_at_times()
        return True

    def notice(self, log: LogId, note: bytes) -> bool:
        """Take a signed head that came alone; False if there is something to pull."""
        verifier = self._logs.held(log)
        if verifier is None or not verifier.is_signed(note):
            return False
        with self._alarms.keeping():
            return self._head(verifier, note)

    def knows_signer(self, log: LogId, note: bytes) -> bool:
        """Whether the directory, as far as it was read, names the key that signed the note."""
        return self._logs.of(log).is_signed(note)

    # -- inside -------------------------------------------------------------------------------

    async def _pages(self, source: Source, log: LogId, start: int, end: int) -> list[Sequenced]:
        items: list[Sequenced] = []
        held, cursor = 0, start
        while cursor < end:
            page = await source.entries(log, cursor)
            held += len(page.items)
            if held > MAX_UNVERIFIED or len(items) > MAX_UNVERIFIED_ITEMS:
                raise AnswerTooLarge("more than this device holds without a checkpoint over it")
            fresh = self._decoded(page.items, log)
            items += fresh
            if not fresh or fresh[0].seq != cursor:
                break  # the verifier names the gap
            cursor = max(cursor + 1, fresh[-1].seq + 1)
            if end - start >= EVERY:
                self._progress(Stage.FETCHING, min(cursor, end) - start, end - start)
            await asyncio.sleep(0)
        return items

    async def _read_on(self, source: Source, log: LogId) -> bytes:
        """Take all that lies before the newest checkpoint, which is given back."""
        least = self._logs.of(log).least_size
        note = await source.checkpoint(log, least=least)
        if log != self._vault.directory_log and not self._logs.of(log).is_signed(note):
            await self.pull_directory(source)  # it may name a newer log key
        claimed, verifier = claimed_size(note), self._logs.of(log)
        reached = self._has_left(verifier) and claimed >= verifier.head.size
        if claimed < least and not reached:
            note = await self.tails.notice(source, log, note, claimed, least)
        self._promised(log, note)
        start = self._logs.of(log).log.size
        items = await self._pages(source, log, start, claimed_size(note))
        await self._take(source, log, items, note)
        return note

    async def _take(self, source: Source, log: LogId, items: list[Sequenced], note: bytes) -> None:
        while True:
            verifier = self._logs.of(log)  # anew after every await: logs may have been rebuilt
            try:
                with self._alarms.keeping():
                    taken = verifier.take(items, note, newest=not self._has_left(verifier))
                break
            except DirectoryBehind as behind:
                await self.pull_directory(source)
                if self._logs.directory.head.size < behind.size:
                    with self._alarms.keeping():
                        raise self._logs.of(log).directory_withheld(behind.size) from behind
        self._keep(log, taken)

    async def _complete(self, source: Source, log: LogId, looks: int = 3) -> None:
        """Fetch whole what was withheld of channels that this person may read by now (A39).

        Where it does not come, this person may have left meanwhile: read on before crying.
        """
        verifier = self._logs.of(log)
        due = self._opened_scopes(verifier)
        hoped = [scope for scope in self._opened_scopes(verifier, now=True) if scope not in due]
        seqs = verifier.withheld.places((*due, *hoped))
        if not seqs:
            return
        items = await self._pages(source, log, min(seqs), max(seqs) + 1)
        verifier = self._logs.of(log)
        if looks > 1 and verifier.withheld.lacking(items, due):
            await self._read_on(source, log)
            await self._complete(source, log, looks - 1)
            return
        with self._alarms.keeping():
            complete = set(verifier.check_complete(items, due, hoped))
        whole = [item for item in items if item.seq in complete]
        if whole:
            self._logs.take_decoded(log)  # no longer all of it
            self._replica.complete(log, ((item.seq, encode_sequenced(item)) for item in whole))
            self._logs.replay(log)
            self._tell(Update(log, (), (), (), tuple(whole)))

    def _has_left(self, verifier: LogVerifier) -> bool:
        """Whether the verified log says that this person was removed: its log ends there."""
        log = verifier.log
        return (
            isinstance(log, OperationLog)
            and log.size > 0
            and self._vault.person in log.state.former
        )

    def _opened_scopes(self, verifier: LogVerifier, *, now: bool = False) -> list[bytes]:
        """Withheld scopes that this person may read by now: by the log's own time, which the
        server cannot deny, or by this device's clock, before which it may be a little."""
        if not isinstance(verifier.log, OperationLog):
            return []
        state, person = verifier.log.state, self._vault.person
        at = self._clock() if now else None
        return [scope for scope in verifier.withheld if visible(state, person, scope, at=at)]

    def _promised(self, log: LogId, note: bytes) -> None:
        """Remember what was shown, before it is read: it must come true, whatever comes between.

        A server that is restored meanwhile and signs other content of this size is found out."""
        verifier = self._logs.of(log)
        if verifier.stopped is None and verifier.is_signed(note):
            with self._alarms.keeping():
                promise = verifier.notice(note)
            if promise is not None:
                self._vault.put_promise(promise)

    def _head(self, verifier: LogVerifier, note: bytes) -> bool:
        promise = verifier.notice(note)
        if promise is None:
            return True
        self._vault.put_promise(promise)
        self._save_at_times()
        return False
