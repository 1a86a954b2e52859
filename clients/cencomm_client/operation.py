"""One operation as a program uses it: who, where, what was said; decide, post, follow, verify."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import Device, DirectoryState
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.rights import DECISION_SUBJECTS, Role

from cencomm_client.automation.closing import forgettable
from cencomm_client.automation.freshness import unproven
from cencomm_client.automation.runner import Runner
from cencomm_client.channel import Channel
from cencomm_client.channel_plan import channel_body
from cencomm_client.course import explained
from cencomm_client.directed import circle, find_or_make
from cencomm_client.directing import called
from cencomm_client.directory import Directory, person_id
from cencomm_client.erasing import forget, forget_due
from cencomm_client.errors import RefusedByRule
from cencomm_client.exercise import expect_real, is_exercise
from cencomm_client.items import Alarm, Item, Notice
from cencomm_client.notices import Remark, standing_remarks
from cencomm_client.offboarding import Offboarded, expect_led, offboard
from cencomm_client.plan import Admission
from cencomm_client.posting import Posted, Poster
from cencomm_client.proposals import Proposed, extension, proposals_of
from cencomm_client.reviewing import expect_reviewed, review_remarks
from cencomm_client.station import Station
from cencomm_client.tasks import BLOCKED, Task, expect_done
from cencomm_client.verification import Verification, gather, verify
from cencomm_client.view import OperationView
from cencomm_client.work.attending import Attendant

T = TypeVar("T")


class Operation:
    """An operation that this device may see. Get one from `Client`."""

    def __init__(self, station: Station, log: LogId, directory: Directory) -> None:
        self._station = station
        self._directory = directory
        self.id = log
        self.view = OperationView(station, log)
        self._poster = Poster(station, self.view)
        self._runner: asyncio.Task[None] | None = None
        self._automation = Runner(station, self.view, self._poster, directory.introduced)

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

    # -- decisions ----------------------------------------------------------------------------

    async def admit(self, members: Sequence[Admission]) -> tuple[Posted, ...]:
        """Admit people (at most 1,000 an entry); a coordinator."""
        directory = self._station.directory
        rows: list[dict[str, Any]] = []
        for member in members:
            row: dict[str, Any] = {
                "person": person_id(directory, member.code),
                "role": member.role,
            }
            if member.channel is not None:
                row["chan"] = self.channel(member.channel).id
            if member.kinds:
                row["kinds"] = list(member.kinds)
            if member.rate is not None:
                row["rate"] = member.rate
            rows.append(row)
        parts = [rows[start : start + 1000] for start in range(0, len(rows), 1000)]
        return tuple([await self._decide("members.admit", {"members": part}) for part in parts])

    async def remove(self, codes: Iterable[str]) -> Posted:
        """Remove people; every channel they were in rotates before anything is sealed again.

        Raises SuccessorNeeded where nobody would be left who coordinates.
        """
        persons = [self._person(code) for code in codes]
        expect_led(self.state, self._station.directory, persons)
        return await self._decide("members.remove", {"persons": persons})

    async def set_role(self, code: str, role: str) -> Posted:
        """Give a member another role. Raises SuccessorNeeded as `remove` does."""
        person = self._person(code)
        if role != Role.COORDINATOR:
            expect_led(self.state, self._station.directory, [person])
        return await self._decide("role.set", {"person": person, "role": role})

    async def create_channel(
        self,
        name: str,
        *,
        members: Iterable[str] | None = None,
        administrations: Iterable[str] = (),
        roles: Iterable[str] = (),
        window: tuple[int, int] | None = None,
        parent: str | None = None,
    ) -> Channel:
        """Create a channel for listed people, or by rule; for everybody if neither is said.

        `members` and `administrations` are codes, one of the three says who; `window` in ms, inside
        the operation's. With a `parent` it is a directed channel: exactly for its members, within
        the parent's, and over with it. Raises ProtocolError: BAD_VALUE, UNKNOWN_PERSON,
        UNKNOWN_ADMINISTRATION.
        """
        body = channel_body(
            self.state,
            self._station.directory,
            self.person,
            name,
            members=members,
            administrations=list(administrations),
            roles=list(roles),
            window=window,
            parent=None if parent is None else self.channel(parent).state,
        )
        posted = await self._decide("channel.create", body)
        created = [chan for chan in self.state.channels.values() if chan.created == posted.seq]
        return self._channel(created[0].id)

    async def directed(
        self, parent: str, people: Iterable[str] = (), administrations: Iterable[str] = ()
    ) -> Channel:
        """The directed channel within `parent` for exactly these and this person, by codes.

        Found if there is one, made on first use: whoever makes it at the same time gets the same
        one. What may be posted elsewhere too is not said here; see `Channel.post`. Raises
        ProtocolError (UNKNOWN_PERSON, UNKNOWN_ADMINISTRATION, NOT_MEMBER), Refused.
        """
        await self._poster.sender.pull()
        upper = self.channel(parent)
        wanted = circle(
            self.state, self._station.directory, upper.state, self.person, people, administrations
        )
        now = self._station.now()
        chan = await find_or_make(self.view, self._poster, upper.id, wanted, now)
        self.wake()
        return self._channel(chan)

    async def set_phase(self, phase: str) -> Posted:
        """Go to the next phase: prep, live, post, debrief.

        Raises TasksOpen while a mandatory task is open, Refused with the rule and who may.
        """
        return await self._decide("phase.set", {"phase": phase})

    def open_tasks(self) -> tuple[Task, ...]:
        """Tasks without an answer, as far as this device reads; `.mandatory` ones block a phase."""
        return self.view.tasks.open()

    async def suspend(self) -> Posted:
        """Stop all sealing at once, in an emergency; `resume` lifts it."""
        return await self._decide("operation.suspend", {})

    async def resume(self) -> Posted:
        """Propose to go on in the phase that was interrupted; another administration approves."""
        return await self._decide("resume.propose", {})

    async def erase(self) -> Posted:
        """Propose to erase what was said, for ever; another administration approves."""
        return await self._decide("erase.propose", {})

    async def unhold(self, hold: bytes) -> Posted:
        """Propose to lift a legal hold, by its leaf; another administration approves."""
        return await self._decide("unhold.propose", {"hold": hold})

    async def cancel(self) -> Posted:
        """Give up a draft; its creator alone."""
        return await self._decide("operation.cancel", {})

    async def offboard(
        self, administration: str, *, successor: str | None = None, tasks_to: str | None = None
    ) -> Offboarded:
        """Take an administration out of the running operation; see `offboarding.offboard`."""
        people = self._directory
        return await offboard(self, people, administration, successor=successor, tasks_to=tasks_to)

    async def accept_device(self, device: DeviceId) -> Posted:
        """Let a device that an NCP alone added read from now on (A52)."""
        return await self._decide("device.accept", {"device": device})

    async def close(self) -> Posted:
        """End the operation: at once after its time; before it, as a proposal that a coordinator
        of another administration approves."""
        over = self.state.ended(max(self._station.now(), self.state.at))
        return await self._decide("operation.close" if over else "close.propose", {})

    async def propose(self, subject: str, body: dict[str, Any] | None = None) -> Posted:
        """Propose what needs two administrations; approve its leaf within 72 hours.

        Raises WindowTooLong for an end of more than a year ahead.
        """
        self._expect_subject(subject)
        self._expect_reviewed(subject, body or {})
        return await self._decide(f"{subject}.propose", body or {})

    async def change_auditors(self, codes: Iterable[str], quorum: int) -> Posted:
        """Propose another audit set, as a whole; nobody and 0 for none."""
        persons = [self._person(code) for code in codes]
        return await self.propose("audit", {"audit": {"persons": persons, "k": quorum}})

    async def extend(
        self,
        *,
        not_after: int | None = None,
        live: int | None = None,
        channels: Mapping[str, int] | None = None,
    ) -> Posted:
        """Propose later ends, ms; a coordinator of another administration approves.

        `live` is the new end of that phase; `channels` new ends by name. Neither moves by itself.
        """
        ends = {self.channel(name).id: end for name, end in (channels or {}).items()}
        return await self.propose("window", extension(self.state, not_after, live, ends))

    def proposals(self) -> tuple[Proposed, ...]:
        """What two administrations decide, in the log's order, and what has become of it."""
        directory = self._station.directory
        own = directory.persons[self.person].admin
        now = max(self._station.now(), self.state.at)
        return proposals_of(self.state, directory, own, now)

    async def approve(self, proposal: Posted | bytes) -> Posted:
        """Approve a proposal by its leaf; the subject comes from the log.

        Raises WindowTooLong as `propose` does: the second side reviews too, whatever program
        proposed.
        """
        leaf = proposal.leaf if isinstance(proposal, Posted) else proposal
        await self._poster.sender.pull()
        found = self.state.proposals.get(leaf)
        if found is None:
            raise ProtocolError(ErrorCode.UNKNOWN_PROPOSAL, f"no proposal {leaf.hex()}")
        self._expect_reviewed(found.subject, found.body)
        return await self._decide(f"{found.subject}.approve", {"proposal": leaf})

    async def hold(self, reason: str) -> Posted:
        """Put a legal hold on it: nothing is erased before it is lifted."""
        return await self._decide("hold", {"reason": reason})

    async def release(self, body: dict[str, Any]) -> Posted:
        """Post a `release` entry; the NCP of the owning administration (`cen` makes the body).

        Raises ExerciseMixed: nothing of an exercise is released.
        """
        expect_real(self.state)
        return await self._decide("release", body)

    async def release_receipt(self, release: bytes, receipt: str) -> Posted:
        """Log what came back for a release."""
        return await self._decide("release.receipt", {"release": release, "receipt": receipt})

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

    def part(self, make: Callable[[Station, OperationView, Poster], T]) -> T:
        """A further part over this operation, made by `make`: a bot's dropper is one."""
        return make(self._station, self.view, self._poster)

    # -- life of the client -------------------------------------------------------------------

    def start(self) -> None:
        """Start the automation; `Client.go_live` does."""
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._automation.run())

    async def tend(self) -> None:
        """Do once what the automation would do over time; for programs that are not live."""
        await self._automation.tend()

    def wake(self) -> None:
        """Something changed in the log or the directory."""
        self._automation.wake()

    async def stop(self) -> None:
        """Stop the automation and end every `follow`."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None
        self.view.feed.end()

    def _channel(self, chan: ChannelId) -> Channel:
        return Channel(self._station, self.view, self._poster, chan)

    def _person(self, code: str) -> PersonId:
        return person_id(self._station.directory, code)

    async def _decide(self, kind: str, body: dict[str, Any]) -> Posted:
        if kind in BLOCKED:
            await self.refresh()
            expect_done(self.view.tasks.mandatory(), kind)
        try:
            posted = await self._poster.decide(kind, body)
        except RefusedByRule as refused:
            now = max(self._station.now(), self.state.at)
            directory = self._station.directory
            raise explained(refused, kind, body, self.state, directory, now) from refused
        self.wake()
        return posted

    def _expect_reviewed(self, subject: str, body: Mapping[str, Any]) -> None:
        if subject == "window" and "not_after" in body:
            expect_reviewed(body["not_after"], max(self._station.now(), self.state.at))

    def _expect_subject(self, subject: str) -> None:
        if subject not in DECISION_SUBJECTS:
            known = ", ".join(DECISION_SUBJECTS)
            raise ProtocolError(ErrorCode.BAD_VALUE, f"{subject!r} read, one of {known} expected")
