"""Posting: sealed messages and drops that are neither lost nor there twice.

The vault's outbox holds the bytes before they leave and until a receipt is verified. A message
whose epoch the log shows superseded is sealed anew, with a new id and the same `mid`; a decision
that lost its compare-and-set is signed anew (DESIGN 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, EntryId
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.wire import Submission

from cencomm_client.automation.healing import Fate, fate, superseded
from cencomm_client.errors import NotAuthenticated, Refused, TasksOpen, TransportError, TryLater
from cencomm_client.evidence import keep_evidence
from cencomm_client.preparing import Preparer
from cencomm_client.sealing import Sealer
from cencomm_client.sending import PATIENCE_S, SUPERSEDED, TRIES, Guard, Posted, Sender
from cencomm_client.station import Station
from cencomm_client.tasks import BLOCKED
from cencomm_client.vault_contents import OutboxItem, StoredReceipt
from cencomm_client.view import OperationView

__all__ = ["PATIENCE_S", "Posted", "Poster"]

_MAY_CHANGE = frozenset({ErrorCode.NO_EPOCH_KEY, ErrorCode.WRONG_PHASE})
"""What keeps own bytes from being sealed anew and does not last: the key may be on its way, a
suspension ends."""


class Poster:
    """The one way out for entries of this operation on this device."""

    def __init__(self, station: Station, view: OperationView) -> None:
        self._station, self._view = station, view
        self.sender = Sender(station, view)
        self.preparer = Preparer(station, view, self.sender)
        self._sealer = Sealer(station, view)
        self._evident: set[EntryId] = set()
        self._busy: set[EntryId] = set()  # messages that a caller of `seal` still looks after

    async def decide(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        guard: Guard | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        """Post a control entry, after what still waits; signed anew when another came first.

        Raises Refused with the rule's code, TransportError (the bytes stay in the outbox), what
        the guard raises.
        """
        await self.flush()
        return await self.sender.decide(kind, body, guard=guard, patience_s=patience_s)

    async def seal(
        self, chan: ChannelId, payload: Mapping[str, Any], *, patience_s: float = PATIENCE_S
    ) -> Posted:
        """Seal a payload in the channel's current epoch and post it: a message, or a bot's drop.

        Rotates first where that is due. Raises ProtocolError where this client refuses to author
        (OUT_OF_WINDOW, WRONG_PHASE, NOT_MEMBER, NO_EPOCH_KEY), Refused, or TransportError after
        `patience_s`: then the bytes stay in the outbox and go out when the client is live again.
        """
        return await self._sealed(
            chan, payload, patience_s=patience_s, blocked=await self._flushed()
        )

    async def _sealed(
        self,
        chan: ChannelId,
        payload: Mapping[str, Any],
        *,
        patience_s: float = PATIENCE_S,
        blocked: CencommError | None = None,
        stale: Entry | None = None,
    ) -> Posted:
        """`blocked`: what keeps older entries waiting; then these bytes wait behind them.

        `stale`: own bytes that the log excludes. They leave the vault in the write that brings
        what takes their place: no crash comes between the two.
        """
        pending: Entry | None = None
        mine: set[EntryId] = set()
        try:
            for _ in range(TRIES):
                await self.preparer.ready(chan, patience_s=patience_s)
                async with self.sender.lock:
                    if pending is not None:
                        posted = self._in_log(pending)
                        if posted is not None:
                            return Posted(posted.receipt, payload["mid"])
                        if superseded(*self.preparer.look(chan), pending.header):
                            stale, pending = pending, None
                    entry = pending or self._sealer.seal(chan, payload)
                    if entry is None:
                        continue  # something came in between
                    if stale is not None:
                        self._forget(stale)  # written with the next
                        stale = None
                    if blocked is not None:
                        self._keep(entry)
                        raise blocked  # what is older goes first, or its `seen` would decrease
                    mine.add(entry.header.id)
                    self._busy.add(entry.header.id)
                    try:
                        posted = await self._submitted(entry, patience_s=patience_s)
                        return Posted(posted.receipt, payload["mid"])
                    except SUPERSEDED:
                        pending = entry
                await self.sender.pull()
        finally:
            self._busy -= mine
        raise TryLater("too_busy", f"{TRIES} rotations came first; the message is not in the log")

    def held(self) -> frozenset[ChannelId]:
        """The channels for which own messages or drops wait in the outbox."""
        waiting = self._station.vault.outbox(self._view.log)
        headers = (Submission.decode(item.submission).entry().header for item in waiting)
        found = {header.chan for header in headers if header.type in OPAQUE_TYPES}
        return frozenset(chan for chan in found if chan is not None)

    # -- what was left over -------------------------------------------------------------------

    async def flush(self) -> None:
        """Bring to an end what an earlier run, or an outage, left in the outbox, oldest first.

        Raises TransportError or TryLater: then it waits on, with the same bytes.
        """
        for item in self._station.vault.outbox(self._view.log):
            if self._another_s(item):
                continue  # without waiting for that caller's lock
            try:
                async with self.sender.lock:
                    if self._another_s(item):
                        continue
                    again = await self._finish(item)
                    if again is not None:
                        self._busy.add(item.id)
            except (TransportError, TryLater):
                self._uncovered(item)
                raise
            if again is not None:
                try:
                    await self._seal_anew(item, *again)
                finally:
                    self._busy.discard(item.id)

    async def _seal_anew(self, item: OutboxItem, entry: Entry, payload: Mapping[str, Any]) -> None:
        """Post under the present epoch what `entry` held; what forbids it for good is told."""
        assert entry.header.chan is not None  # noqa: S101 - only sealed content comes here
        try:
            await self._sealed(entry.header.chan, payload, patience_s=0.0, stale=entry)
        except (TryLater, NotAuthenticated):
            raise  # nothing was said of the entry: it waits on
        except Refused as refused:
            if not await self._suspended(item, refused):
                self._view.notice("entry_refused", f"{entry.header.type}: {refused}")
        except ProtocolError as error:
            if error.code not in _MAY_CHANGE:
                self._too_late(item, entry)

    def _another_s(self, item: OutboxItem) -> bool:
        """Whether another caller looks after these bytes, or has brought them to their end."""
        waiting = self._station.vault.outbox(item.log)
        return item.id in self._busy or all(kept.id != item.id for kept in waiting)

    def _uncovered(self, item: OutboxItem) -> None:
        """The server had time to put this under a signed head and did not: keep the proof (A6)."""
        now = self._station.now()
        waited_s = (now - item.created_ms) / 1000
        if waited_s > self._station.timing.evidence_s and item.id not in self._evident:
            self._evident.add(item.id)
            keep_evidence(self._station.vault.path, item, now)
            self._view.notice("entry_uncovered", f"an own entry waits for {waited_s:.0f} s")

    async def _flushed(self) -> CencommError | None:
        """Send what waits; the error that keeps it waiting, if one does."""
        try:
            await self.flush()
        except (TransportError, TryLater) as error:
            return error
        return None

    async def _finish(self, item: OutboxItem) -> tuple[Entry, Mapping[str, Any]] | None:
        """Receipt, resend, or give up; what is to be sealed anew comes back with its payload."""
        submission = Submission.decode(item.submission)
        entry = submission.entry()
        chan = entry.header.chan
        if self._in_log(entry) is not None:
            return None
        judged = Fate.SEND
        if chan is not None and entry.body is None:
            judged = self._fate(chan, entry)
        if judged is Fate.HOLD:
            return None
        if judged is Fate.SEND:
            if not await self._blocked(entry):
                await self._resend(item, submission, entry)
            return None
        payload = self._sealer.reopen(entry) if judged is Fate.RESEAL else None
        if payload is not None:
            return entry, payload
        self._too_late(item, entry)
        return None

    def _fate(self, chan: ChannelId, entry: Entry) -> Fate:
        """As `healing.fate`; a suspension ends, so what was written before it waits."""
        standing, channel = self.preparer.look(chan)
        now = max(standing.now, standing.state.at)
        suspended = standing.state.effective_phase(now) is Phase.SUSPENDED
        if suspended and not standing.state.channel_over(channel, now):
            return Fate.HOLD
        return fate(standing, channel, entry.header)

    async def _blocked(self, entry: Entry) -> bool:
        """Give up an own phase change that waited while a mandatory task was opened; its author
        decides anew. It may be in the log already: that is read first."""
        if entry.header.type not in BLOCKED or not self._view.tasks.mandatory():
            return False
        await self.sender.pull()
        if self._in_log(entry) is None:
            self._forget(entry)
            self._station.vault.save()
            self._view.notice(str(TasksOpen.code), f"{entry.header.type} was not sent again")
        return True

    def _too_late(self, item: OutboxItem, entry: Entry) -> None:
        """Give an own message up: kept as evidence, told to the person."""
        keep_evidence(self._station.vault.path, item, self._station.now())
        self._view.notice("message_late", "an own message did not get into the log in time")
        self._forget(entry)
        self._station.vault.save()

    async def _resend(self, item: OutboxItem, submission: Submission, entry: Entry) -> None:
        """The same bytes once more; a refusal for good is told, not raised."""
        try:
            await self._submitted(
                entry, wraps=submission.wraps, shares=submission.shares, patience_s=0.0
            )
        except SUPERSEDED:
            await self.sender.pull()
        except (TryLater, NotAuthenticated):
            raise  # nothing was said of the entry: it waits on
        except Refused as refused:
            if entry.header.chan is None or not await self._suspended(item, refused):
                self._view.notice("entry_refused", f"{entry.header.type}: {refused}")

    async def _suspended(self, item: OutboxItem, refused: Refused) -> bool:
        """Whether a suspension refused what was written before it: then the bytes wait on, and the
        log is read, which says so."""
        if refused.code != ErrorCode.WRONG_PHASE:
            return False
        self._station.vault.put_outbox(item)
        self._station.vault.save()
        await self.sender.pull()
        return True

    def _in_log(self, entry: Entry) -> Posted | None:
        """The receipt of own bytes that the verified log shows, kept like one that was sent."""
        held = self._view.own_entry(entry.header.id)
        if held is None:
            return None
        receipt = StoredReceipt(self._view.log, entry.header.id, held.seq, held.leaf)
        self._station.vault.put_receipt(receipt)
        self._station.vault.save()
        return Posted(receipt)

    def _keep(self, entry: Entry) -> None:
        """Put bytes into the outbox without sending them."""
        item = OutboxItem(
            self._view.log, entry.header.id, Submission.of(entry).encode(), self._station.now()
        )
        self._station.vault.put_outbox(item)
        self._station.vault.save()

    def _forget(self, entry: Entry) -> None:
        """Take own bytes out of the vault; the caller writes it."""
        self._station.vault.drop_outbox(self._view.log, entry.header.id)
        self._sealer.done(entry)

    async def _submitted(
        self,
        entry: Entry,
        *,
        wraps: bytes = b"",
        shares: bytes = b"",
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        posted = await self.sender.submit(entry, wraps=wraps, shares=shares, patience_s=patience_s)
        self._sealer.done(entry)
        return posted
