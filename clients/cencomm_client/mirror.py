"""The logs that this device reads: pulled, verified, kept, and told to whoever listens.

The only writer of the replica and of the vault's checkpoints. Order of a step: verify, commit
to the replica, advance the vault's checkpoint, tell listeners; so the vault never knows more
than the replica holds. The cursor is the truth, a push only saves a request (DESIGN 2
Delivery). Ask it anew for a log's state after every await: a log is rebuilt when a channel
opens to this person and its older entries come whole.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cencomm_crypto.errors import DirectoryBehind, Rejected
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import Entry, Head, parse_erased
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    decode_sequenced,
    encode_sequenced,
    sequence,
)

from cencomm_client.answers import EntriesPage, PushFrame
from cencomm_client.arriving import decode_items
from cencomm_client.collecting import all_of_it_stays
from cencomm_client.errors import AnswerTooLarge, FileError, LogAlarm, NewerProtocol
from cencomm_client.kept_alarms import KeptAlarms
from cencomm_client.lost_tails import LostTails, Notes
from cencomm_client.progress import EVERY, Progress, Stage, silent
from cencomm_client.replica import Evidence, Replica
from cencomm_client.signed_heads import claimed_size
from cencomm_client.unread import drop_read, keep_unread
from cencomm_client.vault import Vault
from cencomm_client.vault_contents import KnownHead, StoredReceipt
from cencomm_client.verified_logs import VerifiedLogs
from cencomm_client.verifier import Clock, LogVerifier, Outcome, Taken

MAX_UNVERIFIED = 512 * 1024 * 1024  # bytes held of pages that no checkpoint covers yet
MAX_UNVERIFIED_ITEMS = 2_000_000
SAVE_EVERY_S = 2.0  # pushed checkpoints reach the vault's file at least this often


class Source(Notes, Protocol):
    """What the mirror asks of the server; `transport.Transport` is one."""

    async def entries(self, log: LogId, after: int) -> EntriesPage:
        """Items from seq `after` on, at most 4 MiB."""


@dataclass(frozen=True, slots=True)
class Update:
    """One verified step of a log. `outcomes[i]` is what the rules said of `items[i]`.

    `completed` are older items that were withheld so far and came whole now (their rejected
    ones stand in `Mirror.rejected`). `rebuilt`: a log.restored took effects away, read all anew.
    """

    log: LogId
    items: tuple[Sequenced, ...]
    outcomes: tuple[Outcome, ...]
    alarms: tuple[LogAlarm, ...]
    completed: tuple[Sequenced, ...] = ()
    rebuilt: bool = False


Listener = Callable[[Update], None]


class Mirror:
    """All logs of one vault."""

    def __init__(
        self,
        vault: Vault,
        replica: Replica,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        progress: Progress = silent,
    ) -> None:
        """Use `load`."""
        self._vault = vault
        self._replica = replica
        self._clock = clock
        self._monotonic = monotonic
        self._progress = progress
        self._listeners: list[Listener] = []
        self._locks: defaultdict[LogId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._saved_at = 0.0
        self._logs = VerifiedLogs(vault, replica, clock, progress)
        self._alarms = KeptAlarms(
            vault, replica, clock, lambda log: self._logs.of(log).stopped is not None
        )
        self.tails = LostTails(vault, replica, self._logs, self._alarms)
        """What a server lost of these logs, and how it gets it back"""

    @classmethod
    def load(
        cls,
        vault: Vault,
        path: Path,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        progress: Progress = silent,
    ) -> Mirror:
        """Rebuild every log from the replica at `path`; nothing is written before all of it
        was verified. A missing file is made anew and fetched again from the server.

        Raises ReplicaDamaged, ReplicaFormat, ReplicaLocked, ReplicaBehind, NewerProtocol.
        """
        if not path.exists():
            replica = Replica.create(path, vault.directory_id)
            return cls(vault, replica, clock, monotonic, progress)
        replica = Replica.open(path, vault.directory_id)
        try:
            mirror = cls(vault, replica, clock, monotonic, progress)
            with all_of_it_stays():
                mirror._logs.replay_all()
            replica.unlock()
        except BaseException:
            replica.close()
            raise
        return mirror

    def close(self) -> None:
        """Close the replica; the vault stays open and is saved."""
        self._replica.close()
        self._vault.save()

    # -- what is verified ---------------------------------------------------------------------

    @property
    def directory(self) -> DirectoryLog:
        """The directory: `.state`, `.at(size)`."""
        return self._logs.directory_log

    @property
    def operations(self) -> tuple[LogId, ...]:
        """Operations of which at least the genesis is held."""
        return self._logs.operations

    def operation(self, log: LogId) -> OperationLog:
        """An operation's log: `.state`, `.root(size)`; raises KeyError if it is not held."""
        found = self._logs.held(log)
        if found is None or not isinstance(found.log, OperationLog):
            raise KeyError(log)
        return found.log

    def head(self, log: LogId) -> Head:
        """Newest verified (size, root), for a header's `seen` or `dir`."""
        return self._logs.of(log).head

    def items(self, log: LogId, start: int = 0, end: int | None = None) -> Iterator[Sequenced]:
        """Verified items from the replica, in order. Do not await while iterating."""
        decoded = self._logs.take_decoded(log)
        if start == 0 and end is None and len(decoded) == self._replica.size(log):
            return iter(decoded)
        return (decode_sequenced(data) for data in self._replica.items(log, start, end))

    def rejected(self, log: LogId) -> dict[int, Rejected]:
        """Entries that are in the log and have no effect: seq -> why."""
        return self._logs.of(log).rejected

    def alarms(self, log: LogId | None = None) -> tuple[Evidence, ...]:
        """What was kept as evidence so far."""
        return self._alarms.of(log)

    def stopped(self, log: LogId) -> LogAlarm | NewerProtocol | None:
        """The alarm, or the newer protocol, that stopped a log, if one did."""
        return self._logs.of(log).stopped

    def expect_going(self, log: LogId) -> None:
        """Raise Stopped if this log, or the directory that it rests on, was stopped: who goes on
        sealing after that seals for whom the server wants (A3)."""
        self._logs.directory.expect_going()
        self._logs.of(log).expect_going()

    def go_on(self, log: LogId) -> bool:
        """Lift the stop of a log, because a person decided so; whether there was one.

        It is replayed from what was verified before; the evidence stays, and a server that still
        does what it did raises the alarm again. If it was stopped by a log.restored, the person
        has read it: what it names counts for nothing from now on (A50).
        """
        if not self._alarms.lift(log):
            return False
        self._rebuild(log)
        return True

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each step, in order; the result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

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

    def receipt(
        self, entry: Entry, receipt: Receipt, log: LogId, *, keep: bool = True
    ) -> StoredReceipt:
        """Verify a receipt; keep its head and, if `keep`, itself (the caller saves the vault).

        Raises LogAlarm.
        """
        verifier = self._logs.of(log)
        with self._alarms.keeping():
            stored, promise = verifier.check_receipt(entry, receipt)
        if promise is not None:
            self._vault.put_promise(promise)
        if keep:
            if stored.seq >= verifier.head.size:
                item = encode_sequenced(sequence(stored.seq, receipt.at, entry))
                keep_unread(self._vault, log, stored.seq, item)
            self._vault.put_receipt(stored)
        return stored

    def forget_bodies(self, log: LogId) -> int:
        """Leave of every sealed entry what the log needs, without its body; how many had one.

        For `erasing`, once the rules let bodies go: replayed before, they would be an alarm (A49).
        """
        found = list(map(_without_body, self.items(log)))
        erased = [item for item in found if item is not None]
        if erased:
            self._replica.complete(log, ((item.seq, encode_sequenced(item)) for item in erased))
            self._logs.replay(log)
            self._tell(Update(log, (), (), (), tuple(erased)))
        return len(erased)

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

    def _decoded(self, data: bytes, log: LogId) -> list[Sequenced]:
        """Items as they were sent; bytes that no server may hold stop the log (A14, A28)."""
        with self._alarms.keeping(), self._logs.of(log).stopping():
            return decode_items(data, log)

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

    def _save_at_times(self) -> None:
        if self._monotonic() - self._saved_at > SAVE_EVERY_S:
            self._vault.save()
            self._saved_at = self._monotonic()

    def _keep(self, log: LogId, taken: Taken) -> None:
        if taken.items:
            self._logs.take_decoded(log)  # no longer all of it
            try:
                self._replica.append(
                    log,
                    taken.items[0].seq,
                    map(encode_sequenced, taken.items),
                    taken.head.note,
                )
            except FileError:  # what is held in memory goes no further than the disk
                self._rebuild(log)
                raise
        self._advance(taken.head)
        for alarm in taken.alarms:
            self._alarms.keep(alarm)
        if taken.items:
            self._tell(Update(log, taken.items, taken.outcomes, taken.alarms))

    def _rebuild(self, log: LogId) -> None:
        for rebuilt in self._logs.rebuild(log):
            self._tell(Update(rebuilt, (), (), (), rebuilt=True))

    def _advance(self, head: KnownHead) -> None:
        held = self._vault.head(head.log)
        if held is None or head.size >= held.size:
            self._vault.advance_head(head)
        self._vault.keep_promises_above(head.log, head.size)
        drop_read(self._vault, head.log, head.size)

    def _tell(self, update: Update) -> None:
        for listener in tuple(self._listeners):
            listener(update)


def _without_body(item: Sequenced) -> Sequenced | None:
    """The same place without the body of its message or drop; None where there is none to take."""
    entry = item.entry
    if entry is None or entry.body_bytes is None or entry.header.type not in OPAQUE_TYPES:
        return None
    return sequence(item.seq, item.at, parse_erased(entry.header_bytes, entry.body_hash, entry.sig))
