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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cencomm_crypto.errors import DirectoryBehind, ProtocolError, Rejected
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Receipt, Sequenced, decode_sequenced, encode_sequenced

from cencomm_client.answers import EntriesPage, PushFrame, Standing
from cencomm_client.collecting import all_of_it_stays
from cencomm_client.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    ClientCode,
    LogAlarm,
    LogBehind,
    NewerProtocol,
    Refused,
    ReplicaBehind,
    ReplicaDamaged,
    TryLater,
)
from cencomm_client.handing_back import Taker, hand_back, tell
from cencomm_client.replica import Evidence, Replica
from cencomm_client.signed_heads import LogKeys
from cencomm_client.stops import keep_losses, keep_stop, lift_stop, losses_of, stop_of
from cencomm_client.vault import Vault
from cencomm_client.vault_contents import KnownHead, StoredReceipt
from cencomm_client.verifier import Clock, LogVerifier, Outcome, Taken, decode_items

MAX_UNVERIFIED = 512 * 1024 * 1024  # bytes held of pages that no checkpoint covers yet
MAX_UNVERIFIED_ITEMS = 2_000_000
MOST_DECODED = 50_000  # items that are kept for the views after a replay, about 3 kB each
SAVE_EVERY_S = 2.0  # pushed checkpoints reach the vault's file at least this often


class Source(Taker, Protocol):
    """What the mirror asks of the server; `transport.Transport` is one."""

    async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
        """The newest signed note of a log; `least`: the size that this reader knows there is."""

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
    ) -> None:
        """Use `load`."""
        self._vault = vault
        self._replica = replica
        self._clock = clock
        self._monotonic = monotonic
        self._listeners: list[Listener] = []
        self._locks: defaultdict[LogId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._saved_at = 0.0
        self.lost_from: dict[LogId, int] = {}
        """Logs of which a server had lost what lies from here on; `Operations.mend` takes them"""
        self._directory_log = DirectoryLog(
            vault.directory_id, losses_of(vault, vault.directory_log)
        )
        self._keys = LogKeys(self._directory_log)
        self._directory = self._new_directory()
        self._operations: dict[LogId, LogVerifier] = {}
        self._warm: dict[LogId, Sequence[Sequenced]] = {}  # after a replay, until they are read

    @classmethod
    def load(
        cls,
        vault: Vault,
        path: Path,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Mirror:
        """Rebuild every log from the replica at `path`; nothing is written before all of it
        was verified. A missing file is made anew and fetched again from the server.

        Raises ReplicaDamaged, ReplicaFormat, ReplicaLocked, ReplicaBehind, NewerProtocol.
        """
        if not path.exists():
            return cls(vault, Replica.create(path, vault.directory_id), clock, monotonic)
        replica = Replica.open(path, vault.directory_id)
        try:
            mirror = cls(vault, replica, clock, monotonic)
            with all_of_it_stays():
                mirror._replay_all()
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
        return self._directory_log

    @property
    def operations(self) -> tuple[LogId, ...]:
        """Operations of which at least the genesis is held."""
        return tuple(log for log, verifier in self._operations.items() if verifier.log.size)

    def operation(self, log: LogId) -> OperationLog:
        """An operation's log: `.state`, `.root(size)`; raises KeyError if it is not held."""
        found = self._operations[log].log
        if not isinstance(found, OperationLog):
            raise KeyError(log)
        return found

    def head(self, log: LogId) -> Head:
        """Newest verified (size, root), for a header's `seen` or `dir`."""
        return self._verifier(log).head

    def items(self, log: LogId, start: int = 0, end: int | None = None) -> Iterator[Sequenced]:
        """Verified items from the replica, in order. Do not await while iterating."""
        decoded = self._warm.pop(log, ())
        if start == 0 and end is None and len(decoded) == self._replica.size(log):
            return iter(decoded)
        return (decode_sequenced(data) for data in self._replica.items(log, start, end))

    def rejected(self, log: LogId) -> dict[int, Rejected]:
        """Entries that are in the log and have no effect: seq -> why."""
        return self._verifier(log).rejected

    def alarms(self, log: LogId | None = None) -> tuple[Evidence, ...]:
        """What was kept as evidence so far."""
        return self._replica.evidence(log)

    def stopped(self, log: LogId) -> LogAlarm | NewerProtocol | None:
        """The alarm, or the newer protocol, that stopped a log, if one did."""
        return self._verifier(log).stopped

    def expect_going(self, log: LogId) -> None:
        """Raise Stopped if this log, or the directory that it rests on, was stopped: who goes on
        sealing after that seals for whom the server wants (A3)."""
        self._directory.expect_going()
        self._verifier(log).expect_going()

    def go_on(self, log: LogId) -> bool:
        """Lift the stop of a log, because a person decided so; whether there was one.

        It is replayed from what was verified before; the evidence stays, and a server that still
        does what it did raises the alarm again. If it was stopped by a log.restored, the person
        has read it: what it names counts for nothing from now on (A50).
        """
        stop = stop_of(self._vault, log)
        if stop is None or not lift_stop(self._vault, log):
            return False
        if stop.code == ClientCode.LOG_RESTORED:
            self._take_losses(log, stop.seq)
        if self._replica.size(log):
            self._rebuild(log)
        elif log == self._vault.directory_log:
            self._directory = self._new_directory()
        else:
            self._operations.pop(log, None)
        return True

    def _take_losses(self, log: LogId, seq: int) -> None:
        for kept in self._replica.evidence(log):
            if (kept.code, kept.seq) != (ClientCode.LOG_RESTORED, seq):
                continue
            entry = decode_sequenced(kept.data).entry
            if entry is not None and entry.body is not None:
                places = range(entry.body["from"], entry.body["to"])
                keep_losses(self._vault, log, losses_of(self._vault, log).and_of(seq, places))

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
        async with self._locks[log]:
            least = self._verifier(log).least_size
            note = await self._read_on(source, log)
            verifier = self._verifier(log)
            if not self._has_left(verifier):
                with self._keeping_evidence():
                    verifier.expect_reached(note, least)
            await self._complete(source, log)
        self._vault.save()

    async def hand_back(self, taker: Taker, log: LogId) -> Standing:
        """Tell a server what this device holds of a log, and bring what it lost of it (A50).

        Whether or not the log is stopped here. Raises TransportError or Refused.
        """
        notes = self._verifier(log).notes_beyond(0)
        if notes:
            before = await tell(taker, self._replica, log, notes[-1])
            if before.size < before.signed:
                self._lost(log, before.size)
        return await hand_back(taker, self._replica, log, notes)

    def _lost(self, log: LogId, size: int) -> None:
        self.lost_from[log] = min(size, self.lost_from.get(log, size))

    def push(self, frame: PushFrame) -> bool:
        """Take a pushed frame; False if the cursor must be pulled instead. Raises LogAlarm."""
        verifier = self._operations.get(frame.log)
        if frame.log == self._vault.directory_log:
            verifier = self._directory
        if verifier is None or self._locks[frame.log].locked():
            return False
        if not verifier.is_signed(frame.note):
            return False  # by a key that is not known yet, or by nobody: pulling will tell
        items = self._decoded(frame.items, frame.log)
        with self._keeping_evidence():
            if not items or items[0].seq > verifier.log.size:
                return self._head(verifier, frame.note)
            try:
                taken = verifier.take(items, frame.note)
            except DirectoryBehind:
                return False
        self._keep(frame.log, taken)
        if self._opened_scopes(verifier):
            return False
        if self._monotonic() - self._saved_at > SAVE_EVERY_S:
            self._vault.save()
            self._saved_at = self._monotonic()
        return True

    def notice(self, log: LogId, note: bytes) -> bool:
        """Take a signed head that came alone; False if there is something to pull."""
        if log != self._vault.directory_log and log not in self._operations:
            return False
        verifier = self._verifier(log)
        if not verifier.is_signed(note):
            return False
        with self._keeping_evidence():
            return self._head(verifier, note)

    def knows_signer(self, log: LogId, note: bytes) -> bool:
        """Whether the directory, as far as it was read, names the key that signed the note."""
        return self._verifier(log).is_signed(note)

    def receipt(self, entry: Entry, receipt: Receipt, log: LogId) -> StoredReceipt:
        """Verify a receipt; keep it and its head (the caller saves the vault). Raises LogAlarm."""
        verifier = self._verifier(log)
        with self._keeping_evidence():
            stored, promise = verifier.check_receipt(entry, receipt)
        if promise is not None:
            self._vault.put_promise(promise)
        self._vault.put_receipt(stored)
        return stored

    # -- inside -------------------------------------------------------------------------------

    def _verifier(self, log: LogId) -> LogVerifier:
        if log == self._vault.directory_log:
            return self._directory
        if log not in self._operations:
            self._operations[log] = self._new_operation(log)
        return self._operations[log]

    def _new_directory(self) -> LogVerifier:
        log = self._vault.directory_log
        return LogVerifier(
            self._directory_log,
            log,
            self._keys,
            self._clock,
            known=self._vault.head(log),
            promises=self._vault.promises(log),
            stopped=stop_of(self._vault, log),
        )

    def _new_operation(self, log: LogId) -> LogVerifier:
        known = self._vault.head(log)
        id32 = None if known is None else known.log_id32
        return LogVerifier(
            OperationLog(self._directory_log, id32, losses_of(self._vault, log)),
            log,
            self._keys,
            self._clock,
            known=known,
            promises=self._vault.promises(log),
            stopped=stop_of(self._vault, log),
        )

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
            await asyncio.sleep(0)
        return items

    def _decoded(self, data: bytes, log: LogId) -> list[Sequenced]:
        """Items as they were sent; bytes that no server may hold stop the log (A14, A28)."""
        with self._keeping_evidence(), self._verifier(log).stopping():
            return decode_items(data, log)

    async def _read_on(self, source: Source, log: LogId) -> bytes:
        """Take all that lies before the newest checkpoint, which is given back."""
        least = self._verifier(log).least_size
        note = await source.checkpoint(log, least=least)
        if log != self._vault.directory_log and not self._verifier(log).is_signed(note):
            await self.pull_directory(source)  # it may name a newer log key
        if _claimed_size(note) < least:
            note = await self._handed_back(source, log, note, least)
        start = self._verifier(log).log.size
        items = await self._pages(source, log, start, _claimed_size(note))
        await self._take(source, log, items, note)
        return note

    async def _handed_back(self, source: Source, log: LogId, note: bytes, least: int) -> bytes:
        """Hand over what the newest checkpoint of a restored server lacks; the newest one then.

        Raises LogBehind if the server says that it still lacks some: nothing is read before it is
        back. Both notes are kept as evidence. A server that takes nothing back is judged.
        """
        verifier, claimed = self._verifier(log), _claimed_size(note)
        notes = verifier.notes_beyond(claimed)
        reached = self._has_left(verifier) and claimed >= verifier.head.size
        if not notes or reached or not verifier.is_signed(note):
            return note
        try:
            standing = await hand_back(source, self._replica, log, notes)
        except TryLater:
            raise
        except Refused:
            return note
        evidence = verifier.restored_behind(claimed, note)
        if standing.size < standing.signed:
            self._lost(log, claimed)
            self._keep_alarm(evidence)
            raise LogBehind(
                "log_behind",
                f"log {log.hex()}: {standing.size} entries are there, {standing.signed} were"
                " signed; members who read what lacks have to hand it back",
            )
        newest = await source.checkpoint(log, least=least)
        if _claimed_size(newest) >= least:  # else it was never behind, and is judged
            self._lost(log, claimed)
            self._keep_alarm(evidence)
        return newest

    async def _take(self, source: Source, log: LogId, items: list[Sequenced], note: bytes) -> None:
        while True:
            verifier = self._verifier(log)  # anew after every await: logs may have been rebuilt
            try:
                with self._keeping_evidence():
                    taken = verifier.take(items, note, newest=not self._has_left(verifier))
                break
            except DirectoryBehind as behind:
                await self.pull_directory(source)
                if self._directory.head.size < behind.size:
                    with self._keeping_evidence():
                        raise self._verifier(log).directory_withheld(behind.size) from behind
        self._keep(log, taken)

    async def _complete(self, source: Source, log: LogId, looks: int = 3) -> None:
        """Fetch whole what was withheld of channels that this person may read by now (A39).

        Where it does not come, this person may have left meanwhile: read on before crying.
        """
        verifier = self._verifier(log)
        due = self._opened_scopes(verifier)
        hoped = [scope for scope in self._opened_scopes(verifier, now=True) if scope not in due]
        seqs = [seq for scope in (*due, *hoped) for seq in verifier.withheld[scope]]
        if not seqs:
            return
        items = await self._pages(source, log, min(seqs), max(seqs) + 1)
        verifier = self._verifier(log)
        if looks > 1 and verifier.lacking(items, due):
            await self._read_on(source, log)
            await self._complete(source, log, looks - 1)
            return
        with self._keeping_evidence():
            complete = set(verifier.check_complete(items, due, hoped))
        whole = [item for item in items if item.seq in complete]
        if whole:
            self._warm.pop(log, None)
            self._replica.complete(log, ((item.seq, encode_sequenced(item)) for item in whole))
            self._operations[log] = self._replayed(log)
            self._tell(Update(log, (), (), (), tuple(whole)))

    def _rebuild(self, log: LogId) -> None:
        """Replay a log from the replica; of the directory, every operation too."""
        if log != self._vault.directory_log:
            self._operations[log] = self._replayed(log)
        else:
            self._replay_directory()
            for operation in tuple(self._operations):
                self._operations[operation] = self._replayed(operation)
        for rebuilt in self.operations if log == self._vault.directory_log else (log,):
            self._tell(Update(rebuilt, (), (), (), rebuilt=True))

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
        if not isinstance(verifier.log, OperationLog) or not verifier.withheld:
            return []
        state, person = verifier.log.state, self._vault.person
        at = self._clock() if now else None
        return [scope for scope in verifier.withheld if visible(state, person, scope, at=at)]

    def _head(self, verifier: LogVerifier, note: bytes) -> bool:
        promise = verifier.notice(note)
        if promise is None:
            return True
        self._vault.put_promise(promise)
        return False

    def _keep(self, log: LogId, taken: Taken) -> None:
        if taken.items:
            self._warm.pop(log, None)
            self._replica.append(
                log,
                taken.items[0].seq,
                map(encode_sequenced, taken.items),
                taken.head.note,
            )
        self._advance(taken.head)
        for alarm in taken.alarms:
            self._keep_alarm(alarm)
        if taken.items:
            self._tell(Update(log, taken.items, taken.outcomes, taken.alarms))

    def _advance(self, head: KnownHead) -> None:
        held = self._vault.head(head.log)
        if held is None or head.size >= held.size:
            self._vault.advance_head(head)
        self._vault.keep_promises_above(head.log, head.size)

    def _tell(self, update: Update) -> None:
        for listener in tuple(self._listeners):
            listener(update)

    @contextmanager
    def _keeping_evidence(self) -> Iterator[None]:
        """Keep the bytes of an alarm in the replica before it goes on its way up."""
        try:
            yield
        except LogAlarm as alarm:
            self._keep_alarm(alarm)
            log = LogId(alarm.log)
            if log and self._verifier(log).stopped is not None:
                keep_stop(self._vault, log, alarm, self._clock())
                self._give_losses_back(log, alarm)
            raise

    def _give_losses_back(self, log: LogId, alarm: LogAlarm) -> None:
        """A log.restored that does not hold after all takes nothing away."""
        losses = losses_of(self._vault, log)
        if alarm.code == ClientCode.ENTRY_REJECTED and alarm.seq in losses.named:
            keep_losses(self._vault, log, losses.without(alarm.seq))

    def _keep_alarm(self, alarm: LogAlarm) -> None:
        for data in alarm.evidence or (b"",):
            self._replica.keep_evidence(
                Evidence(
                    alarm.log,
                    alarm.seq,
                    str(alarm.code),
                    alarm.row,
                    alarm.detail,
                    self._clock(),
                    data,
                )
            )

    def _replay_all(self) -> None:
        logs = self._replica.logs()
        directory = self._vault.directory_log
        for head in self._vault.heads():
            if self._replica.size(head.log) < head.size:
                raise ReplicaBehind(
                    f"the replica holds {self._replica.size(head.log)} entries of log"
                    f" {head.log.hex()}, this device verified {head.size}"
                )
        if directory in logs:
            self._replay_directory()
        for log in logs:
            if log != directory:
                self._operations[log] = self._replayed(log)

    def _replay_directory(self) -> None:
        log = self._vault.directory_log
        self._directory_log = DirectoryLog(self._vault.directory_id, losses_of(self._vault, log))
        self._keys = LogKeys(self._directory_log)
        self._directory = self._new_directory()
        self._replay(self._directory)

    def _replayed(self, log: LogId) -> LogVerifier:
        verifier = self._new_operation(log)
        self._replay(verifier)
        return verifier

    def _replay(self, verifier: LogVerifier) -> None:
        log = verifier.log_id
        if not self._replica.size(log):
            return
        note = self._replica.note(log)
        if note is None:
            raise ReplicaDamaged(f"log {log.hex()} has no checkpoint")
        try:
            verifier.replay(self._decoding(log), note)
        except (LogAlarm, ProtocolError, DirectoryBehind) as error:
            raise ReplicaDamaged(f"log {log.hex()} does not verify: {error}") from error

    def _decoding(self, log: LogId) -> Iterator[Sequenced]:
        """The items of an operation, kept for its view, which reads them next: to decode them a
        second time is a quarter of opening. More than planned are not kept."""
        kept: list[Sequenced] = []
        held = self._replica.size(log) + sum(map(len, self._warm.values()))
        keep = log != self._vault.directory_log and held <= MOST_DECODED
        for item in self.items(log):
            if keep:
                kept.append(item)
            yield item
        if keep:
            self._warm[log] = kept


def _claimed_size(note: bytes) -> int:
    """The size a note claims, before its signature is checked: only how far to read."""
    lines = note.split(b"\n", 2)
    try:
        return int(lines[1])
    except (IndexError, ValueError) as error:
        raise AnswerMalformed("the checkpoint is no signed note") from error
