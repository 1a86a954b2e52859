"""One operation as this device knows it: who is in it, where, what was said; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import Device, DirectoryState
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.rights import Role

from cencomm_client.automation.closing import forgettable
from cencomm_client.automation.freshness import unproven
from cencomm_client.channel import Channel
from cencomm_client.directing import called
from cencomm_client.directory import Directory, person_id
from cencomm_client.erasing import forget, forget_due
from cencomm_client.exercise import is_exercise
from cencomm_client.items import Alarm, Item, Notice
from cencomm_client.notices import Remark, standing_remarks
from cencomm_client.posting import Poster
from cencomm_client.proposals import Proposed, proposals_of
from cencomm_client.reviewing import review_remarks
from cencomm_client.station import Station
from cencomm_client.tasks import Task
from cencomm_client.verification import Verification, gather, verify
from cencomm_client.view import OperationView
from cencomm_client.work.attending import Attendant


class KnownOperation:
    """What a program reads of an operation; `Operation` decides and posts in it too."""

    def __init__(self, station: Station, log: LogId, directory: Directory) -> None:
        self._station = station
        self._directory = directory
        self.id = log
        self.view = OperationView(station, log)
        self._poster = Poster(station, self.view)

    # -- what is known ------------------------------------------------------------------------

    @property
    def state(self) -> OperationState:
        """The verified state that the rules give."""
        return self.view.state

    @property
    def name(self) -> str:
        """Its name, from the genesis."""
        return str(self.state.genesis["name"])

    @property
    def phase(self) -> Phase:
        """The phase by own clock or the log's time, whichever is later."""
        return self.state.effective_phase(max(self._station.now(), self.state.at))

    @property
    def exercise(self) -> bool:
        """Whether it is an exercise, which never mixes with what is real."""
        return is_exercise(self.state)

    @property
    def role(self) -> Role | None:
        """This person's role, None for one who is no member (any more)."""
        return self.state.role_of(self._station.vault.person)

    @property
    def person(self) -> PersonId:
        """Whose device this is."""
        return self._station.vault.person

    @property
    def directory(self) -> DirectoryState:
        """The newest verified directory."""
        return self._station.directory

    @property
    def device(self) -> DeviceId:
        """This device."""
        return self._station.vault.device

    @property
    def administration(self) -> str:
        """Code of this person's administration."""
        return self._directory.administration

    def members(self) -> tuple[Member, ...]:
        """Members by functional code."""
        persons = self._station.directory.persons
        return tuple(
            sorted(self.state.members.values(), key=lambda member: persons[member.person].code)
        )

    def devices_of(self, code: str) -> tuple[Device, ...]:
        """A person's active devices: shown to the coordinator before an admission (A1)."""
        directory = self._station.directory
        return directory.active_devices(person_id(directory, code))

    def name_of(self, person: PersonId) -> str | None:
        """The name that a person's administration gave it."""
        return self.view.names.name(person)

    def channel(self, name: str) -> Channel:
        """A channel by name, or by the hex digits its id starts with.

        A directed one is `parent/name`. Raises ProtocolError(UNKNOWN_CHANNEL), and BAD_VALUE where
        channels of different people have the name.
        """
        found = called(self.state, name, self.person)
        if found is None:
            ids = [chan for chan in self.state.channels if name and chan.hex().startswith(name)]
            if len(ids) != 1:
                raise ProtocolError(ErrorCode.UNKNOWN_CHANNEL, f"no channel is called {name!r}")
            return self._channel(ids[0])
        return self._channel(found.id)

    @property
    def main(self) -> Channel:
        """The main channel: profiles only."""
        return self._channel(self.state.main)

    def channels(self) -> tuple[Channel, ...]:
        """The channels that this person is in."""
        return tuple(self._channel(channel.id) for channel in self.view.channels())

    def items(self, after: int = 0) -> list[Item]:
        """Everything this device can show from place `after` on, in the log's order."""
        return self.view.feed.items(after)

    def notices(self) -> list[Notice | Alarm]:
        """Every notice and alarm since the client opened, in order."""
        return self.view.feed.told()

    def follow(self, after: int = 0) -> AsyncIterator[Item]:
        """`items(after)`, then everything as it comes; needs a live client. Never drops one.

        A message that becomes readable, or is flagged, later comes again under the same leaf.
        """
        return self.view.feed.follow(after)

    def attend(self) -> Attendant:
        """The desk over this operation, kept in step with what is read."""
        return Attendant(self.view, lambda: self._station.directory, self._station.now)

    def remarks(self) -> tuple[Remark, ...]:
        """Standing notices: no witness, no audit set, one administration holds an epoch ..."""
        station = self._station
        found = standing_remarks(self.state, station.directory, station.vault.person)
        found += review_remarks(self.state, max(station.now(), self.state.at))
        if self.view.lacks_forms:
            digest = self.state.genesis["forms"].hex()
            found = (*found, Remark("form_set_unknown", digest))
        head = station.vault.head(self.id)
        if head is not None and unproven(head.note, self.state.witness, station.now()):
            return (*found, Remark("freshness_unproven", f"size {head.size}"))
        return found

    def root(self, size: int) -> bytes | None:
        """Root of this device's own tree at a size; None beyond what was read."""
        return self._station.mirror.operation(self.id).root(size)

    async def refresh(self) -> None:
        """Read the log to its newest checkpoint and fetch the keys that are there for us."""
        await self._poster.sender.pull()
        self.forget_erased()
        for channel in () if self.view.forgotten else self.view.channels():
            if self.view.keyring.missing(channel, self.state):
                await self._poster.preparer.fetch_keys(channel)

    async def verify(self, *, online: bool = True) -> Verification:
        """Rebuild the whole tree from the replica and judge everything again.

        Works for auditors who can read nothing. `online`: read to the newest checkpoint first.
        """
        if online:
            await self._poster.sender.pull()
        progress = self._station.settings.progress
        return await asyncio.to_thread(verify, gather(self._station, self.view), progress)

    def open_tasks(self) -> tuple[Task, ...]:
        """Tasks without an answer, as far as this device reads; `.mandatory` ones block a phase."""
        return self.view.tasks.open()

    def proposals(self) -> tuple[Proposed, ...]:
        """What two administrations decide, in the log's order, and what has become of it."""
        directory = self._station.directory
        own = directory.persons[self.person].admin
        now = max(self._station.now(), self.state.at)
        return proposals_of(self.state, directory, own, now)

    def forget_erased(self) -> int:
        """Forget bodies, names and secrets once the log lets bodies go; how many bodies went.

        Live clients, and each `refresh`, do it by themselves.
        """
        due = forget_due(self._station, self.view)
        return forget(self._station, self.view) if due else 0

    def forget(self) -> int:
        """Delete the epoch secrets that may go, and with them the reading; how many went.

        Only what `closing.forgettable` names: every reveal that this device could make is in.
        """
        keyring = self.view.keyring
        due = forgettable(self.view.standing(), keyring.secrets)
        for chan, n in due:
            keyring.forget(chan, n)
        self._station.vault.save()
        return len(due)

    def _channel(self, chan: ChannelId) -> Channel:
        return Channel(self._station, self.view, self._poster, chan)
