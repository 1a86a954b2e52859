"""The background task of one operation: asks the deciders what is due, and does it in time.

The only module of this package that acts. A failed act is tried again after a growing wait; the
need itself is judged anew each time, so what somebody else did meanwhile is not done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cencomm_crypto.errors import CencommError, ProtocolError
from cencomm_crypto.member.closing import reveal_body
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.profile import KIND, Profile, profile_content
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Channel

from cencomm_client.automation.answering import ResultDue, results_due
from cencomm_client.automation.closing import CloseDue, RevealDue, close_due, reveals_due
from cencomm_client.automation.decided import Decided
from cencomm_client.automation.freshness import cosigned_at
from cencomm_client.automation.healing import GrantDue, grants_due
from cencomm_client.automation.rotation import (
    FlagDue,
    RotationDue,
    authoring_open,
    flag_due,
    rotation_due,
)
from cencomm_client.automation.standing import Standing
from cencomm_client.automation.syncing import SyncDue, sync_due
from cencomm_client.automation.timing import Due, Schedule
from cencomm_client.erasing import ForgetDue, forget, forget_due
from cencomm_client.errors import (
    ConflictingEntry,
    EpochSuperseded,
    FileError,
    LogAlarm,
    NewerProtocol,
    NotAuthenticated,
    NotFound,
    Stopped,
    TransportError,
)
from cencomm_client.posting import Poster
from cencomm_client.profiles import ProfilesDue, profiles_due
from cencomm_client.station import Station
from cencomm_client.triage import Triaged
from cencomm_client.view import OperationView

Known = Callable[[], tuple[Profile, ...]]
"""The profiles in this vault."""

PATIENCE_S = 2.0  # what a person posts waits behind it; the need itself comes again
LEAST_PAUSE_S = 0.05  # a burst of pushed entries is judged once
_ENDING = (LogAlarm, NewerProtocol, Stopped, NotAuthenticated, NotFound)


@dataclass(frozen=True, slots=True)
class KeysDue:
    """Wraps of these epochs are to be fetched and opened."""

    chan: ChannelId
    epochs: tuple[int, ...]
    wait_s: tuple[float, float] = (0.0, 0.0)

    @property
    def key(self) -> tuple[object, ...]:
        return ("keys", self.chan, self.epochs)


@dataclass(frozen=True, slots=True)
class FlushDue:
    """Own entries wait in the outbox; `moved` is what kept them there, as of now.

    A key that came, an epoch that was made or a suspension that ended is a new need: what waits
    goes out then, and not only when the last try's back-off is over.
    """

    entries: tuple[bytes, ...]
    moved: tuple[object, ...] = ()
    wait_s: tuple[float, float] = (0.0, 0.0)

    @property
    def key(self) -> tuple[object, ...]:
        return ("flush", self.entries, self.moved)


class Runner:
    """Keeps one operation going on this device while `run` runs."""

    def __init__(self, station: Station, view: OperationView, poster: Poster, known: Known) -> None:
        self._station, self._view, self._poster, self._known = station, view, poster, known
        self._schedule = Schedule(station.settings.uniform, station.timing.retry_s)
        self._wake = asyncio.Event()
        self._quiet: dict[ChannelId, tuple[object, ...]] = {}  # nothing was due, as of this
        self._told: set[tuple[object, ...]] = set()
        self._hits = Decided(view.threads)

    def wake(self) -> None:
        """Something changed: judge anew soon."""
        self._wake.set()

    async def run(self) -> None:
        """Act until cancelled, or until the log or the session is over for this device."""
        monotonic = self._station.settings.monotonic
        while True:
            self._wake.clear()
            try:
                ready = self._schedule.ready(self.due(), monotonic())
                if not ready:
                    await self._pause()
                    continue
                self._schedule.tried(ready[0], monotonic())
                await self._try(ready[0])  # then judge anew: the rest may not be due any more
            except _ENDING as error:
                self._view.notice(str(error.code), error.detail)
                return
            except (TransportError, FileError):
                pass  # the state of connection and disk is shown elsewhere; the need stays
            await asyncio.sleep(LEAST_PAUSE_S)

    async def tend(self) -> None:
        """Do once, without waiting, all that is due: for a command that comes and goes."""
        done: set[tuple[object, ...]] = set()
        while True:
            needs = [need for need in self.due() if need.key not in done]
            if not needs:
                return
            done.add(needs[0].key)
            await self._try(needs[0])

    def due(self) -> Iterator[Due]:
        """All that this device should do, now or after a wait, the most urgent first."""
        standing, timing = self._view.standing(), self._station.timing
        state, keyring = standing.state, self._view.keyring
        waiting = self._station.vault.outbox(self._view.log)
        if waiting:
            yield FlushDue(tuple(item.id for item in waiting), self._moved(standing))
        if forget_due(self._station, self._view):
            yield ForgetDue()
        for channel in () if self._view.forgotten else self._view.channels():
            missing = keyring.missing(channel, state)
            if missing:
                yield KeysDue(channel.id, missing)
        close = close_due(standing, timing)
        if close is not None:
            yield close
        yield from reveals_due(standing, keyring.secrets, timing, cosigned=self._cosigned())
        sync = sync_due(standing, self._station.mirror.directory.at(state.watermark), timing)
        if sync is not None:
            yield sync
            return  # nothing is sealed, and no epoch made, before it is in (A3)
        held = self._poster.held() if waiting else frozenset()
        for channel in self._view.channels():
            yield from self._epoch_needs(standing, channel, held=channel.id in held)
        yield from results_due(standing, self._decided(standing), timing)
        main = state.channels[state.main]
        profiles = profiles_due(standing, main, self._view.names, self._known(), timing)
        if profiles is not None:
            yield profiles

    def _moved(self, standing: Standing) -> tuple[object, ...]:
        """What lets own entries through when it changes: decisions, epochs, keys of this device."""
        epochs = ((one.id, one.epoch, standing.note(one).verdict) for one in self._view.channels())
        return (standing.state.last_control, *epochs)

    def _epoch_needs(self, standing: Standing, channel: Channel, *, held: bool) -> list[Due]:
        """Flag, rotate, grant. Looking through 3,000 recipients waits until something moved.

        `held`: own messages for the channel wait in the outbox.
        """
        moved = (
            standing.state.last_control,
            channel.last_decision,
            held,
            standing.directory.size,
            standing.note(channel).verdict,
            standing.holds(channel.id),
            standing.bad_grants,
            authoring_open(standing, channel, "channel.rotate"),
        )
        if self._quiet.get(channel.id) == moved:
            return []
        timing, own = self._station.timing, self._view.own_decision
        found: list[Due | None] = [
            flag_due(standing, channel, timing),
            rotation_due(standing, channel, timing, own_decision=own, sending=held),
            *grants_due(standing, channel, timing),
        ]
        needs = [need for need in found if need is not None]
        if not needs:
            self._quiet[channel.id] = moved
        return needs

    def _decided(self, standing: Standing) -> tuple[Triaged, ...]:
        """Hits that somebody decided about, of whom the bot was not told."""
        if self._view.forgotten:
            self._hits.forget()
            return ()
        open_drops = any(len(one.drops) > len(one.answered) for one in self._view.channels())
        return self._hits.owed(standing.state) if open_drops else ()

    async def _try(self, need: Due) -> None:
        """Act; a lost race is read up, any other failure is told once for this need."""
        try:
            await self._act(need)
        except (*_ENDING, TransportError):
            raise
        except (ConflictingEntry, EpochSuperseded):
            await self._poster.sender.pull()
        except CencommError as error:
            told = (need.entries if isinstance(need, FlushDue) else need.key, error.code)
            if told not in self._told:
                self._told.add(told)
                self._view.notice("automation_failed", f"{need.key[0]}: {error}")

    async def _act(self, need: Due) -> None:
        poster, state = self._poster, self._view.state
        match need:
            case FlushDue():
                await poster.flush()
            case ForgetDue():
                await poster.sender.pull()  # a hold may have come meanwhile
                if forget_due(self._station, self._view):
                    forget(self._station, self._view)
            case KeysDue(chan=chan):
                await poster.preparer.fetch_keys(state.channels[chan])
            case CloseDue():
                await poster.decide("operation.close", {}, patience_s=PATIENCE_S)
            case RevealDue(chan=chan, secret=secret, closes=closes):
                kind = "channel.close" if closes else "channel.reveal"
                body = reveal_body(secret)
                await poster.sender.entry(kind, body, chan=chan, patience_s=PATIENCE_S)
            case SyncDue():
                await poster.decide("directory.sync", {}, patience_s=PATIENCE_S)
            case FlagDue():
                await poster.sender.flag(need, patience_s=PATIENCE_S)
            case RotationDue(chan=chan, n=n):
                standing, timing = self._view.standing(), self._station.timing
                flag = flag_due(standing, state.channels[chan], timing)
                if flag is not None:  # before the epoch is over, or nobody says it
                    await poster.sender.flag(flag, patience_s=PATIENCE_S)
                await poster.sender.rotate(chan, n, patience_s=PATIENCE_S)
            case GrantDue():
                await poster.sender.grant(need, patience_s=PATIENCE_S)
            case ResultDue():
                await poster.sender.answer(need, patience_s=PATIENCE_S)
            case ProfilesDue(profiles=profiles):
                content = profile_content(profiles)
                mid = self._station.settings.random(16)
                payload = make_payload(KIND, mid, content)
                await poster.seal(state.main, payload, patience_s=PATIENCE_S)

    async def _pause(self) -> None:
        """Until something changes, the next moment comes, or the poll interval is over."""
        wait_s = self._station.timing.poll_s
        moment = self._schedule.next_s()
        if moment is not None:
            wait_s = min(wait_s, max(moment - self._station.settings.monotonic(), 0.0))
        wait_s = min(wait_s, self._until_end_s())
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _until_end_s(self) -> float:
        """Seconds until own clock passes a moment that changes what is due."""
        state, now = self._view.state, self._station.now()
        moments = [state.end, state.genesis["retention"]["erase_at"]]
        for channel in state.channels.values():
            start, end = state.window_of(channel)
            moments += [start, end + state.grace]
        ahead = [moment - now for moment in moments if moment >= now]
        return min(ahead) / 1000 + LEAST_PAUSE_S if ahead else self._station.timing.poll_s

    def _cosigned(self) -> int | None:
        head = self._station.vault.head(self._view.log)
        if head is None:
            return None
        try:
            return cosigned_at(head.note, self._view.state.witness)
        except ProtocolError:
            return None
