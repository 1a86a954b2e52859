"""Signing and sending entries of one operation, one at a time and in order.

The vault's outbox holds the bytes before they leave and until a receipt is verified: nothing is
lost, nothing is there twice. A message whose epoch the log shows superseded is sealed anew, with
a new id and the same `mid`; a decision that lost its compare-and-set is signed anew (DESIGN 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, EntryId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.rights import SENDING, Role
from cencomm_crypto.public.wire import Submission

from cencomm_client.automation.freshness import forbids_sealing
from cencomm_client.automation.healing import Fate, GrantDue, fate, sealable
from cencomm_client.automation.rotation import JOIN, authoring_open, blocking, rotation_due
from cencomm_client.automation.standing import Standing
from cencomm_client.automation.syncing import gone
from cencomm_client.errors import ConflictingEntry, EpochSuperseded, Refused, TryLater
from cencomm_client.evidence import keep_evidence
from cencomm_client.sealing import Sealer
from cencomm_client.station import Station
from cencomm_client.vault_contents import OutboxItem, StoredReceipt
from cencomm_client.view import OperationView

TRIES = 12  # lost races in a row before the caller hears of it
PATIENCE_S = 60.0
_SUPERSEDED = (EpochSuperseded, ConflictingEntry)


@dataclass(frozen=True, slots=True)
class Posted:
    """An own entry that is in the log, under a verified signed head.

    `receipt.leaf` is what an answer names in `re`; `mid` is a message's own id.
    """

    receipt: StoredReceipt
    mid: bytes | None = None

    @property
    def seq(self) -> int:
        """Its place."""
        return self.receipt.seq

    @property
    def leaf(self) -> bytes:
        """Its leaf hash, 32 bytes."""
        return self.receipt.leaf


class Poster:
    """The one way out for entries of this operation on this device."""

    def __init__(self, station: Station, view: OperationView) -> None:
        self._station, self._view = station, view
        self._sealer = Sealer(station, view)
        self._lock = asyncio.Lock()
        self._busy: set[EntryId] = set()  # messages that a caller of `seal` still looks after

    async def pull(self) -> None:
        """Read the directory and the operation to their newest checkpoints."""
        mirror, transport = self._station.mirror, self._station.transport
        await mirror.pull_directory(transport)
        await mirror.pull(transport, self._view.log)

    # -- decisions ----------------------------------------------------------------------------

    async def decide(self, kind: str, body: Mapping[str, Any]) -> Posted:
        """Post a control entry; signed anew over the newest state when another came first.

        Raises Refused with the rule's code, TransportError (the bytes stay in the outbox).
        """
        for _ in range(TRIES):
            await self.pull()
            try:
                return await self.entry(kind, body)
            except ConflictingEntry:
                continue
        raise TryLater("too_busy", f"{kind}: {TRIES} other decisions came first")

    async def entry(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        chan: ChannelId | None = None,
        epoch: int | None = None,
        wraps: bytes = b"",
    ) -> Posted:
        """Sign over what is known and post once; raises Refused or TransportError."""
        async with self._lock:
            header = self._station.author.header(kind, self._view.log, chan=chan, epoch=epoch)
            posted = await self._submit(self._station.author.sign(header, body), wraps=wraps)
        await self.pull()
        return posted

    async def rotate(self, chan: ChannelId, n: int) -> bool:
        """Make epoch `n` of a channel, unless somebody else did; False if so."""
        station, view = self._station, self._view
        async with self._lock:
            state, directory = view.state, station.directory
            if state.channels[chan].epoch + 1 != n:
                return False
            header = station.author.header("channel.rotate", view.log, chan=chan, epoch=n)
            made = await asyncio.to_thread(
                make_rotation,
                state,
                chan,
                directory,
                station.settings.random(32),
                view.keyring.newest_good(state, chan),
            )
            entry = station.author.sign(header, made.body)
            try:
                await self._submit(entry, wraps=made.wraps, shares=made.shares)
            except _SUPERSEDED:
                await self.pull()
                return False
        await self.pull()
        epochs = view.state.channels[chan].epochs
        if n in epochs and epochs[n].commit == made.secret.commit:
            new = view.keyring.keep(view.state, made.secret)
            station.vault.save()
            view.learned(chan, new)
        return True

    async def grant(self, due: GrantDue) -> None:
        """Hand an epoch to a recipient that cannot reach it; raises ConflictingEntry."""
        state = self._view.state
        secret = self._view.keyring.secret(state, due.chan, due.n)
        if secret is not None:
            body, wrap = make_grant(secret, due.recipient.device, due.recipient.box_pk)
            epoch = state.channels[due.chan].epoch
            await self.entry("channel.grant", body, chan=due.chan, epoch=epoch, wraps=wrap)

    # -- sealed content -----------------------------------------------------------------------

    async def seal(
        self, chan: ChannelId, payload: Mapping[str, Any], *, patience_s: float = PATIENCE_S
    ) -> Posted:
        """Seal a payload in the channel's current epoch and post it: a message, or a bot's drop.

        Rotates first where that is due. Raises ProtocolError where this client refuses to author
        (OUT_OF_WINDOW, WRONG_PHASE, NOT_MEMBER, NO_EPOCH_KEY), Refused, or TransportError after
        `patience_s`: then the bytes stay in the outbox and go out when the client is live again.
        """
        pending: Entry | None = None
        try:
            for _ in range(TRIES):
                await self.ready(chan, patience_s=patience_s)
                async with self._lock:
                    if pending is not None:
                        posted = self._in_log(pending)
                        if posted is not None:
                            return Posted(posted.receipt, payload["mid"])
                        pending = self._still_open(pending)
                    entry = pending or self._sealer.seal(chan, payload)
                    if entry is None:
                        continue  # something came in between
                    self._busy.add(entry.header.id)
                    try:
                        posted = await self._submit(entry, patience_s=patience_s)
                        return Posted(posted.receipt, payload["mid"])
                    except _SUPERSEDED:
                        pending = entry
                await self.pull()
        finally:
            if pending is not None:
                self._busy.discard(pending.header.id)
        raise TryLater("too_busy", f"{TRIES} rotations came first; the message is not in the log")

    async def ready(self, chan: ChannelId, *, patience_s: float = PATIENCE_S) -> None:
        """Bring the channel to where this device may seal: sync, rotate, fetch the key.

        Raises ProtocolError where this client refuses to author, TryLater for a bot that waits
        for somebody else's rotation.
        """
        monotonic = self._station.settings.monotonic
        deadline = monotonic() + patience_s
        for attempt in range(10 * TRIES):
            standing, channel = self._look(chan)
            self._expect_authoring(standing, channel)
            if await self._prepared(standing, channel):
                return
            if attempt >= TRIES:
                if monotonic() > deadline:
                    break
                await asyncio.sleep(self._station.timing.retry_s[0])
                await self.pull()
        raise TryLater("too_busy", "a rotation of the channel is due and was not made yet")

    async def _prepared(self, standing: Standing, channel: Channel) -> bool:
        """One step towards a channel that takes messages; True when it does."""
        if standing.role is Role.BOT:
            if blocking(standing, channel) is None:
                return True
            await asyncio.sleep(self._station.timing.retry_s[0])  # members rotate, bots wait
            await self.pull()
            return False
        named = self._station.mirror.directory.at(standing.state.watermark)
        if gone(standing, named):
            await self.decide("directory.sync", {})
            return False
        due = rotation_due(standing, channel, self._station.timing, sending=True)
        if due is not None and due.reason != JOIN:
            await self.rotate(channel.id, due.n)
            return False
        if sealable(standing, channel):
            return True
        if not await self.fetch_keys(channel):
            raise ProtocolError(
                ErrorCode.NO_EPOCH_KEY, "this device has no key of the current epoch yet"
            )
        return False

    async def fetch_keys(self, channel: Channel) -> bool:
        """Fetch and open the wraps that are missing here, newest first; False if none came."""
        keyring, state = self._view.keyring, self._view.state
        learned: list[int] = []
        judged_bad = False
        for n in keyring.missing(channel, state):
            if keyring.secret(state, channel.id, n) is not None:
                continue  # a newer epoch linked it meanwhile
            found = await self._station.transport.wraps(self._view.log, channel.id, n)
            if found.wrap is None:
                self._view.notice("wrap_withheld", f"the server gives no wrap of epoch {n}")
                continue
            try:
                learned += keyring.learn(state, channel.id, n, found.wrap)
            except ProtocolError as error:
                judged_bad = True
                self._view.notice("wrap_damaged", f"epoch {n}: {error.detail}")
        if learned:
            self._station.vault.save()
            self._view.learned(channel.id, learned)
        return bool(learned) or judged_bad

    # -- what was left over -------------------------------------------------------------------

    async def flush(self) -> None:
        """Bring to an end what an earlier run, or an outage, left in the outbox, oldest first.

        Raises TransportError or TryLater: then it waits on, with the same bytes.
        """
        for item in self._station.vault.outbox(self._view.log):
            if item.id not in self._busy:
                async with self._lock:
                    again = await self._finish(item)
                if again is not None:
                    await self.seal(*again)

    async def _finish(self, item: OutboxItem) -> tuple[ChannelId, Mapping[str, Any]] | None:
        """Receipt, resend, or give up; what is to be sealed anew comes back as its payload."""
        submission = Submission.decode(item.submission)
        entry = submission.entry()
        chan = entry.header.chan
        if self._in_log(entry) is not None:
            return None
        judged = Fate.SEND
        if chan is not None and entry.body is None:
            judged = fate(*self._look(chan), entry.header)
        if judged is Fate.HOLD:
            return None
        if judged is Fate.SEND:
            await self._resend(submission, entry)
            return None
        assert chan is not None  # noqa: S101 - only sealed content has these fates
        payload = self._sealer.reopen(entry) if judged is Fate.RESEAL else None
        if payload is None:
            keep_evidence(self._station.vault.path, item, self._station.now())
            self._view.notice("message_late", "an own message did not get into the log in time")
        self._give_up(entry)
        return None if payload is None else (chan, payload)

    async def _resend(self, submission: Submission, entry: Entry) -> None:
        """The same bytes once more; a refusal for good is told, not raised."""
        try:
            await self._submit(
                entry, wraps=submission.wraps, shares=submission.shares, patience_s=0.0
            )
        except _SUPERSEDED:
            await self.pull()
        except TryLater:
            raise
        except Refused as refused:
            self._view.notice("entry_refused", f"{entry.header.type}: {refused}")

    # -- inside -------------------------------------------------------------------------------

    def _look(self, chan: ChannelId) -> tuple[Standing, Channel]:
        standing = self._view.standing()
        return standing, standing.state.channels[chan]

    def _expect_authoring(self, standing: Standing, channel: Channel) -> None:
        """What this client refuses by itself, whatever the server would say (A30, A46)."""
        state, role = standing.state, standing.role
        member = state.members.get(standing.person)
        own_drop = role is Role.BOT and member is not None and member.chan == channel.id
        if not own_drop and not state.in_channel(standing.person, channel):
            raise ProtocolError(ErrorCode.NOT_MEMBER, "this person is not in the channel")
        if not own_drop and role not in SENDING:
            raise ProtocolError(ErrorCode.NOT_PERMITTED, f"role {role} does not send")
        if not authoring_open(standing, channel, "drop" if own_drop else "message"):
            start, end = state.window_of(channel)
            inside = start <= max(standing.now, state.at) <= end
            raise ProtocolError(
                ErrorCode.WRONG_PHASE if inside else ErrorCode.OUT_OF_WINDOW,
                f"the channel takes messages from {start} to {end}; it is {standing.now}, and the"
                f" phase is {state.effective_phase(standing.now)}",
            )
        head = self._station.vault.head(self._view.log)
        if head is not None and forbids_sealing(head.note, state.witness, standing.now):
            raise ProtocolError(
                ErrorCode.BAD_NOTE, "no fresh cosignatures; the operation's policy is strict (A46)"
            )

    def _in_log(self, entry: Entry) -> Posted | None:
        """The receipt of own bytes that the verified log shows, kept like one that was sent."""
        held = self._view.own_entry(entry.header.id)
        if held is None:
            return None
        receipt = StoredReceipt(self._view.log, entry.header.id, held.seq, held.leaf)
        self._station.vault.put_receipt(receipt)
        self._station.vault.save()
        return Posted(receipt)

    def _still_open(self, entry: Entry) -> Entry | None:
        """The same bytes while their epoch is current; given up once the log superseded it."""
        header = entry.header
        channel = self._view.state.channels[header.chan or ChannelId(b"")]
        if header.epoch is not None and channel.epoch > header.epoch:
            self._give_up(entry)
            self._busy.discard(header.id)
            return None
        return entry

    def _give_up(self, entry: Entry) -> None:
        self._station.vault.drop_outbox(self._view.log, entry.header.id)
        self._sealer.done(entry)
        self._station.vault.save()

    async def _submit(
        self,
        entry: Entry,
        *,
        wraps: bytes = b"",
        shares: bytes = b"",
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        receipt = await self._station.outbox.submit(
            self._view.log, entry, wraps=wraps, shares=shares, patience_s=patience_s
        )
        self._sealer.done(entry)
        self._busy.discard(entry.header.id)
        return Posted(receipt)
