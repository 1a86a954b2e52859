"""Judging what the server sent: bytes and notes in, verified items out, or a named alarm.

No I/O: it drives the same `DirectoryLog` and `OperationLog` as every other reader and decides
whether a checkpoint is the log's, covers just these items, continues what was verified before
and keeps what was promised (A3, A4, A6, A28, A36, A39, A43, A48, A49). The root is checked
before the rules run, so state never rests on items that no checkpoint covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry, Head, leaf_hash, log_id32
from cencomm_crypto.public.ids import DeviceId, LogId
from cencomm_crypto.public.lost import ReadAnew
from cencomm_crypto.public.note import Checkpoint
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.operation.views import erasable, erased_by_date
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.tree import verify_inclusion
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    encode_sequenced,
)

from cencomm_client.ahead import verified_ahead
from cencomm_client.arriving import NEWER, expect_next, expect_past
from cencomm_client.errors import ClientCode, LogAlarm, NewerProtocol, Stopped
from cencomm_client.progress import Progress, Stage, counted, silent
from cencomm_client.restoration import expect_named, not_read, restores
from cencomm_client.rows import row_of
from cencomm_client.signed_heads import HeadNote, LogKeys, SignedHeads
from cencomm_client.vault_contents import KnownHead, PromisedHead, StoredReceipt
from cencomm_client.withheld import Withheld

Clock = Callable[[], int]
"""The device's clock: ms since 1970 UTC."""

Outcome = DirectoryState | OperationState | Rejected


@dataclass(frozen=True, slots=True)
class Taken:
    """What one call verified. `outcomes[i]` is what the rules said of `items[i]`.

    `alarms` holds one per rejected entry: it has no effect, and the server should not have it.
    `head` is the newest verified checkpoint after the call.
    """

    items: tuple[Sequenced, ...]
    outcomes: tuple[Outcome, ...]
    alarms: tuple[LogAlarm, ...]
    head: KnownHead


class LogVerifier:
    """One log as this device has verified it. `log` is the replay that it drives.

    `known` is the vault's checkpoint: until it is reached, and ever after, own roots must agree
    with it. `promises` are signed heads that must come true.
    """

    def __init__(
        self,
        log: DirectoryLog | OperationLog,
        log_id: LogId,
        keys: LogKeys,
        clock: Clock,
        *,
        known: KnownHead | None = None,
        promises: Iterable[PromisedHead] = (),
        stopped: LogAlarm | None = None,
        progress: Progress = silent,
    ) -> None:
        """`keys` are the log keys that the verified directory names; `stopped` by an earlier
        process: what is held is shown, nothing more is taken."""
        self.log = log
        self.log_id = log_id
        self._clock = clock
        self._progress = progress
        self._heads = SignedHeads(log, log_id, keys, known, promises)
        self._stopped: LogAlarm | NewerProtocol | None = stopped
        self._applied: list[tuple[Sequenced, Outcome, LogAlarm | None]] = []
        self._bodiless: list[Sequenced] = []
        self.withheld = Withheld(log, log_id)
        """Items of which only 56 bytes are held"""
        self.rejected: dict[int, Rejected] = {}
        """seq -> what the rules said of entries that are in the log and have no effect"""

    @property
    def head(self) -> Head:
        """Newest verified (size, root): what a header's `seen` names. (0, empty root) at first."""
        return self._heads.head

    @property
    def least_size(self) -> int:
        """The size that the newest checkpoint of an honest server has at least, from now on."""
        return self._heads.least_size

    @property
    def stopped(self) -> LogAlarm | NewerProtocol | None:
        """The alarm, or the newer protocol, that stopped this log, if one did."""
        return self._stopped

    def heads_beyond(self, size: int) -> tuple[HeadNote, ...]:
        """Signed heads of this log of more than `size` entries, smallest first."""
        return self._heads.heads_beyond(size)

    def restored_behind(self, size: int, note: bytes) -> LogAlarm:
        """What to keep of a server that lost what it had signed and hears of it; no stop (A50)."""
        return self._heads.restored_behind(size, note)

    def expect_going(self) -> None:
        """Raise Stopped if something stopped this log: nothing is read or authored then."""
        if self._stopped is not None:
            raise Stopped(f"log {self.log_id.hex()} is stopped: {self._stopped}")

    def is_signed(self, note: bytes) -> bool:
        """Whether the directory, as far as it was read, names the key that signed the note.

        If not, read the directory further before asking anything else about the note.
        """
        return self._heads.is_signed(note)

    def expect_signed(self, note: bytes) -> None:
        """Raise LogAlarm unless a key that the directory names has signed the note (A36)."""
        self._heads.open(note)

    # -- taking items -------------------------------------------------------------------------

    def take(self, items: Sequence[Sequenced], note: bytes, *, newest: bool = False) -> Taken:
        """Verify `items` (in order, known ones allowed) up to the checkpoint in `note`.

        `newest` says that the note answers "your newest": then it may not lie behind what was
        verified; afterwards hold it against what was promised (`expect_reached`). Raises
        LogAlarm, NewerProtocol, and DirectoryBehind when the directory must be read further
        first; then call again with the same items. Nothing of `items` counts before the call
        returns.
        """
        self.expect_going()
        with self.stopping():
            return self._take(items, note, newest)

    def expect_reached(self, note: bytes, least: int) -> None:
        """Hold a newest note that `take` verified against `least_size` at the moment of asking.

        Later than `take`, because for who was removed the log ends at that entry, before what
        others' receipts promise; and `least` is of then, because receipts come in meanwhile.
        """
        with self.stopping():
            checkpoint = self._heads.open(note)
            if checkpoint.size < least:
                raise self._heads.rolled_back(checkpoint.size, note, least)

    def replay(self, items: Iterable[Sequenced], note: bytes) -> None:
        """Take what the own replica holds: streamed, rules first, root last.

        Call once, on a new verifier, before anything is shown; raises as `take`.
        """
        with self.stopping():
            with closing(verified_ahead(items, self._key_of)) as every:
                for item in every:
                    self._apply_one(item)
            self._applied.clear()
            self._bodiless.clear()  # judged when they came
            checkpoint = self._heads.open(note)
            if checkpoint.size != self.log.size:
                raise self._alarm(
                    ClientCode.LOG_GAP,
                    f"{self.log.size} items under a checkpoint of {checkpoint.size}",
                    row="A4",
                )
            self._heads.expect_root(checkpoint, note)
            self._heads.expect_promises(checkpoint.size, note)
            expect_named(self.log, self.log_id, checkpoint.size)
            self._heads.advance(checkpoint, note)

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Stop the log at an alarm from inside, or where it needs a newer program (A28)."""
        try:
            yield
        except (LogAlarm, NewerProtocol) as why:
            self._stopped = why
            raise

    def _take(self, items: Sequence[Sequenced], note: bytes, newest: bool) -> Taken:
        fresh = expect_next(items, self.log_id, self.log.tree)
        checkpoint = self._heads.open(note, fresh)
        verified = self._heads.verified_size
        if newest and checkpoint.size < verified:
            raise self._heads.rolled_back(checkpoint.size, note, verified)
        size = self.log.size
        if checkpoint.size <= size:
            self._heads.expect_root(checkpoint, note)
            expect_named(self.log, self.log_id, checkpoint.size)
            return self._taken(self._heads.advance(checkpoint, note))
        fresh = fresh[: checkpoint.size - size]
        if len(fresh) < checkpoint.size - size:
            raise self._alarm(
                ClientCode.LOG_GAP,
                f"items end at {size + len(fresh)}, the checkpoint says {checkpoint.size}",
                row="A6",
                evidence=(note,),
            )
        expect_past(fresh, self.log_id, self._clock())
        self._check_tree(fresh, checkpoint, note)
        told = counted(fresh, Stage.VERIFYING, len(fresh), self._progress)
        with closing(verified_ahead(told, self._key_of)) as every:
            for place, item in enumerate(every):
                try:
                    self._apply_one(item)
                except LogAlarm as alarm:
                    if alarm.code == ClientCode.LOG_RESTORED:
                        raise not_read(self.log, self.log_id, fresh[place:]) from alarm
                    raise
        expect_named(self.log, self.log_id, checkpoint.size)
        return self._taken(self._heads.advance(checkpoint, note))

    def _taken(self, head: KnownHead) -> Taken:
        """Hand over what was applied up to the verified head, earlier interrupted calls too."""
        done = [row for row in self._applied if row[0].seq < head.size]
        self._applied = self._applied[len(done) :]
        alarms = [alarm for _, _, alarm in done if alarm is not None]
        return Taken(
            items=tuple(item for item, _, _ in done),
            outcomes=tuple(outcome for _, outcome, _ in done),
            alarms=(*alarms, *self._missing_bodies()),
            head=head,
        )

    def _missing_bodies(self) -> list[LogAlarm]:
        """A missing body is an alarm unless the newest state says that bodies may go (A49)."""
        bodiless, self._bodiless = self._bodiless, []
        state = self.log.state if self.log.size else None
        now = self._clock()
        if isinstance(state, OperationState) and (
            erasable(state, now) or erased_by_date(state, now)
        ):
            return []
        return [
            self._alarm(
                ClientCode.BODY_WITHHELD,
                f"item {item.seq} comes without its body, and nothing was erased",
                row="A49",
                seq=item.seq,
                evidence=(encode_sequenced(item),),
            )
            for item in bodiless
        ]

    def _check_tree(self, fresh: Sequence[Sequenced], checkpoint: Checkpoint, note: bytes) -> None:
        """Own root of old and new leaves must be the signed one, and each promise must hold."""
        tree, size = self.log.tree, self.log.size
        try:
            for item in fresh:
                tree.append(item.leaf)
            self._heads.expect_root(checkpoint, note)
            self._heads.expect_promises(checkpoint.size, note)
        finally:
            tree.truncate(size)

    def _apply_one(self, item: Sequenced) -> None:
        """Run the rules over one item; what was applied stays, also when a later one must wait.

        An entry of a channel of which earlier ones are withheld is judged with them, once they
        came whole: till then it would seem to break rules, and an honest server to lie.
        """
        if item.entry is not None and item.scope in self.withheld:
            item = replace(item, entry=None)
        outcome = self._outcome(item)
        alarm: LogAlarm | None = None
        if isinstance(outcome, Rejected):
            alarm = self._rejected(item, outcome)
            if restores(item):
                raise alarm  # who takes it and who does not would go two ways from here (RES-4)
            self.rejected[item.seq] = outcome
        elif item.lost:
            pass
        elif item.seq in self.log.void:
            if item.entry is not None:
                self.rejected[item.seq] = Rejected(ErrorCode.VOID, "a log.restored calls it lost")
        elif item.entry is None:
            self.withheld.add(item)
        elif item.entry.body_bytes is None:
            self._bodiless.append(item)
        self._applied.append((item, outcome, alarm))

    def _key_of(self, device: DeviceId) -> bytes | None:
        """The signing key of a device as far as the directory was read; an id has one for ever."""
        log = self.log if isinstance(self.log, DirectoryLog) else self.log.directory
        found = log.at(log.size).device(device) if log.size else None
        return None if found is None else found.sign_pk

    def _outcome(self, item: Sequenced) -> Outcome:
        entry = item.entry
        if item.seq == 0 and entry is not None and log_id32(entry)[:16] != self.log_id:
            raise self._alarm(
                ClientCode.WRONG_LOG,
                "the genesis is not the one that this log's id commits to",
                row="A48",
                seq=0,
                evidence=(encode_sequenced(item),),
            )
        try:
            outcome = self.log.apply(item)
        except ReadAnew as anew:
            raise not_read(self.log, self.log_id, [item]) from anew
        except ProtocolError as error:
            if error.code in NEWER:
                raise NewerProtocol(f"log {self.log_id.hex()}: {error.detail}") from error
            code, row = _damage(error.code, item)
            raise self._alarm(
                code, error.detail, row=row, seq=item.seq, evidence=(encode_sequenced(item),)
            ) from error
        unread = item.seq not in self.log.losses.named and not isinstance(outcome, Rejected)
        if unread and restores(item):
            raise not_read(self.log, self.log_id, [item])
        return outcome

    def _rejected(self, item: Sequenced, outcome: Rejected) -> LogAlarm:
        return self._alarm(
            ClientCode.ENTRY_REJECTED,
            f"entry {item.seq} breaks a rule and has no effect: {outcome.code}: {outcome.detail}",
            row=row_of(item, outcome, self.log.state.suite_min, self.log.id32),
            seq=item.seq,
            evidence=(encode_sequenced(item),),
        )

    # -- heads and receipts -------------------------------------------------------------------

    def notice(self, note: bytes) -> PromisedHead | None:
        """Verify a signed head that came alone; returns it if it lies beyond what is verified."""
        with self.stopping():
            return self._heads.promise(self._heads.open(note), note)

    def check_receipt(
        self, entry: Entry, receipt: Receipt
    ) -> tuple[StoredReceipt, PromisedHead | None]:
        """Verify that a signed head covers `entry` at its place (A6).

        Returns what to store, and the head as a promise if it lies beyond what is verified.
        Raises LogAlarm; then the entry is not known to be in the log.
        """
        leaf = leaf_hash(receipt.seq, receipt.at, entry.scope, entry.inner)
        checkpoint = self._heads.open(receipt.note)
        try:
            verify_inclusion(leaf, receipt.seq, checkpoint.size, receipt.proof, checkpoint.root)
        except ProtocolError as error:
            raise self._alarm(
                ClientCode.RECEIPT_FORGED,
                f"the receipt does not prove that the entry is at place {receipt.seq}",
                row="A6",
                seq=receipt.seq,
                evidence=(receipt.encode(),),
            ) from error
        stored = StoredReceipt(self.log_id, entry.header.id, receipt.seq, leaf)
        with self.stopping():
            return stored, self._heads.promise(checkpoint, receipt.note)

    # -- withheld items -----------------------------------------------------------------------

    def check_complete(
        self, items: Iterable[Sequenced], due: Iterable[bytes], hoped: Iterable[bytes] = ()
    ) -> list[int]:
        """As `Withheld.complete`; what is still withheld stops the log."""
        with self.stopping():
            return self.withheld.complete(items, due, hoped)

    def directory_withheld(self, size: int) -> LogAlarm:
        """The alarm for an entry that names a directory which the server does not show (A3)."""
        self._stopped = self._alarm(
            ClientCode.DIRECTORY_WITHHELD,
            f"entries name a directory of {size} entries, the server does not show as many",
            row="A3",
            seq=self.log.size,
        )
        return self._stopped

    def _alarm(
        self,
        code: ClientCode,
        detail: str,
        *,
        row: str,
        seq: int = -1,
        evidence: tuple[bytes, ...] = (),
    ) -> LogAlarm:
        return LogAlarm(code, detail, row=row, log=self.log_id, seq=seq, evidence=evidence)


def _damage(code: str, item: Sequenced) -> tuple[ClientCode, str]:
    """Name for what `apply` itself found impossible, and its row."""
    if code == ErrorCode.WRONG_LOG:
        return ClientCode.WRONG_LOG, "A48" if item.seq == 0 else "A7"
    if item.entry is None:
        return ClientCode.ENTRY_WITHHELD, "A3" if item.seq else "A48"
    return ClientCode.LOG_DAMAGED, "A6"
