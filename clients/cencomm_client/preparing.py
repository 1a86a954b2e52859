"""Bringing a channel to where this device may seal in it: sync, rotate, fetch the key."""

from __future__ import annotations

import asyncio

from cencomm_config.display import shown_time
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.rights import SENDING, Role

from cencomm_client.automation.freshness import forbids_sealing
from cencomm_client.automation.healing import sealable
from cencomm_client.automation.rotation import (
    JOIN,
    authoring_open,
    blocking,
    flag_due,
    rotation_due,
)
from cencomm_client.automation.standing import Standing, Verdict
from cencomm_client.automation.syncing import gone
from cencomm_client.directing import closed_at, path_of
from cencomm_client.errors import TryLater
from cencomm_client.sending import PATIENCE_S, TRIES, Sender
from cencomm_client.station import Station
from cencomm_client.view import OperationView


class Preparer:
    """What stands between the wish to post and an epoch that may be sealed under."""

    def __init__(self, station: Station, view: OperationView, sender: Sender) -> None:
        self._station, self._view, self._sender = station, view, sender

    async def ready(self, chan: ChannelId, *, patience_s: float = PATIENCE_S) -> None:
        """Bring the channel to where this device may seal: sync, rotate, fetch the key.

        Raises ProtocolError where this client refuses to author, TryLater for a bot that waits
        for somebody else's rotation.
        """
        monotonic = self._station.settings.monotonic
        deadline = monotonic() + patience_s
        for attempt in range(10 * TRIES):
            standing, channel = self.look(chan)
            self._expect_authoring(standing, channel)
            left_s = max(deadline - monotonic(), 0.0)
            if await self._prepared(standing, channel, left_s):
                return
            if attempt >= TRIES:
                if monotonic() > deadline:
                    break
                await asyncio.sleep(self._station.timing.retry_s[0])
                await self._sender.pull()
        raise TryLater("too_busy", "a rotation of the channel is due and was not made yet")

    async def _prepared(self, standing: Standing, channel: Channel, patience_s: float) -> bool:
        """One step towards a channel that takes messages; True when it does."""
        if standing.role is Role.BOT:
            if blocking(standing, channel) is None:
                return True
            await asyncio.sleep(self._station.timing.retry_s[0])  # members rotate, bots wait
            await self._sender.pull()
            return False
        named = self._station.mirror.directory.at(standing.state.watermark)
        if gone(standing, named):
            await self._sender.decide("directory.sync", {}, patience_s=patience_s)
            return False
        due = rotation_due(standing, channel, self._station.timing, sending=True)
        if due is not None and due.reason != JOIN:
            flag = flag_due(standing, channel, self._station.timing)
            if flag is not None:
                # before the epoch is over, or nobody says it
                await self._sender.flag(flag, patience_s=patience_s)
                return False
            await self._sender.rotate(channel.id, due.n, patience_s=patience_s)
            return False
        if sealable(standing, channel):
            return True
        if await self.fetch_keys(channel):
            return False
        newer, changed = self.look(channel.id)  # the automation fetches and rotates meanwhile
        if changed.epoch == channel.epoch and not sealable(newer, changed):
            raise ProtocolError(
                ErrorCode.NO_EPOCH_KEY, "this device has no key of the current epoch yet"
            )
        return False

    async def fetch_keys(self, channel: Channel) -> bool:
        """Fetch and open the wraps that are missing here, newest first; False if none came.

        The automation may do the same at the same time: what it found counts.
        """
        keyring, state = self._view.keyring, self._view.state
        learned: list[int] = []
        judged_bad = False
        missing = keyring.missing(channel, state)
        for n in missing:
            if keyring.secret(state, channel.id, n) is not None:
                continue  # a newer epoch linked it meanwhile
            found = await self._station.transport.wraps(self._view.log, channel.id, n)
            if found.wrap is None:
                self._view.notice("wrap_withheld", f"the server gives no wrap of epoch {n}")
                continue
            if keyring.secret(state, channel.id, n) is not None:
                continue  # the automation was faster
            told = keyring.judged(channel.id, n).verdict is Verdict.BAD
            try:
                learned += keyring.learn(state, channel.id, n, found.wrap)
            except ProtocolError as error:
                judged_bad = True
                if not told:
                    self._view.bad_wrap(channel, n, error.detail)
        if learned:
            self._station.vault.save()
            self._view.learned(channel.id, learned)
        found_here = any(keyring.secret(state, channel.id, n) is not None for n in missing)
        return found_here or judged_bad

    def look(self, chan: ChannelId) -> tuple[Standing, Channel]:
        """What this device knows now, and the channel in it."""
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
            phase = state.effective_phase(standing.now)
            closed = closed_at(state, channel)
            if inside and closed is not None:
                raise ProtocolError(
                    ErrorCode.CLOSED,
                    f"channel {path_of(state, channel)!a} was closed at {shown_time(closed)}",
                )
            raise ProtocolError(
                ErrorCode.WRONG_PHASE if inside else ErrorCode.OUT_OF_WINDOW,
                f"the channel takes messages from {shown_time(start)} to {shown_time(end)}; it is"
                f" {shown_time(standing.now)}, and the phase is {phase}",
            )
        head = self._station.vault.head(self._view.log)
        if head is not None and forbids_sealing(head.note, state.witness, standing.now):
            raise ProtocolError(
                ErrorCode.BAD_NOTE, "no fresh cosignatures; the operation's policy is strict (A46)"
            )
