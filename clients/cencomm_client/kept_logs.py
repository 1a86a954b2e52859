"""What this device keeps of the logs that it reads: verified, on the disk, told to who listens.

The only writer of the replica and of the vault's checkpoints. Order of a step: verify, commit
to the replica, advance the vault's checkpoint, tell listeners; so the vault never knows more
than the replica holds. Ask it anew for a log's state after every await: a log is rebuilt when a
channel opens to this person and its older entries come whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import Entry, Head, parse_erased
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    decode_sequenced,
    encode_sequenced,
    sequence,
)

from cencomm_client.arriving import decode_items
from cencomm_client.collecting import all_of_it_stays
from cencomm_client.errors import FileError, LogAlarm, NewerProtocol
from cencomm_client.kept_alarms import KeptAlarms
from cencomm_client.lost_tails import LostTails
from cencomm_client.progress import Progress, silent
from cencomm_client.replica import Evidence, Replica
from cencomm_client.unread import drop_read, keep_unread
from cencomm_client.vault import Vault
from cencomm_client.vault_contents import KnownHead, StoredReceipt
from cencomm_client.verified_logs import VerifiedLogs
from cencomm_client.verifier import Clock, Outcome, Taken

SAVE_EVERY_S = 2.0  # pushed checkpoints reach the vault's file at least this often


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


class KeptLogs:
    """All logs of one vault, as far as they were verified."""

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
    ) -> Self:
        """Rebuild every log from the replica at `path`; nothing is written before all of it
        was verified. A missing file is made anew and fetched again from the server.

        Raises ReplicaDamaged, ReplicaFormat, ReplicaLocked, ReplicaBehind, NewerProtocol.
        """
        if not path.exists():
            replica = Replica.create(path, vault.directory_id)
            return cls(vault, replica, clock, monotonic, progress)
        replica = Replica.open(path, vault.directory_id)
        try:
            kept = cls(vault, replica, clock, monotonic, progress)
            with all_of_it_stays():
                kept._logs.replay_all()
            replica.unlock()
        except BaseException:
            replica.close()
            raise
        return kept

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

    def _decoded(self, data: bytes, log: LogId) -> list[Sequenced]:
        """Items as they were sent; bytes that no server may hold stop the log (A14, A28)."""
        with self._alarms.keeping(), self._logs.of(log).stopping():
            return decode_items(data, log)

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
