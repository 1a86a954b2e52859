"""One operation as a program uses it: all that is known of it, and what people decide there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import DeviceId, LogId, PersonId
from cencomm_crypto.public.rights import DECISION_SUBJECTS, Role

from cencomm_client.automation.runner import Runner
from cencomm_client.channel import Channel
from cencomm_client.channel_plan import channel_body
from cencomm_client.course import explained
from cencomm_client.directed import circle, find_or_make
from cencomm_client.directory import Directory, person_id
from cencomm_client.errors import RefusedByRule
from cencomm_client.exercise import expect_real
from cencomm_client.known_operation import KnownOperation
from cencomm_client.offboarding import Offboarded, expect_led, offboard
from cencomm_client.plan import Admission
from cencomm_client.posting import Posted, Poster
from cencomm_client.proposals import extension
from cencomm_client.reviewing import expect_reviewed
from cencomm_client.sending import Guard
from cencomm_client.station import Station
from cencomm_client.tasks import BLOCKED, expect_done
from cencomm_client.view import OperationView

T = TypeVar("T")


class Operation(KnownOperation):
    """An operation that this device may see. Get one from `Client`."""

    def __init__(self, station: Station, log: LogId, directory: Directory) -> None:
        super().__init__(station, log, directory)
        self._runner: asyncio.Task[None] | None = None
        self._automation = Runner(station, self.view, self._poster, directory.introduced)

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
        return await self._decide("members.remove", {"persons": persons}, self._led(persons))

    async def set_role(self, code: str, role: str) -> Posted:
        """Give a member another role. Raises SuccessorNeeded as `remove` does."""
        person = self._person(code)
        guard = None if role == Role.COORDINATOR else self._led([person])
        return await self._decide("role.set", {"person": person, "role": role}, guard)

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

    def _person(self, code: str) -> PersonId:
        return person_id(self._station.directory, code)

    def _led(self, leaving: Sequence[PersonId]) -> Guard:
        """Somebody is to coordinate still when the decision stands, not only when it was asked."""
        read = self._poster.sender.pull
        return Guard(read, lambda: expect_led(self.state, self._station.directory, leaving))

    async def _decide(self, kind: str, body: dict[str, Any], guard: Guard | None = None) -> Posted:
        if kind in BLOCKED:
            guard = Guard(self.refresh, lambda: expect_done(self.view.tasks.mandatory(), kind))
        try:
            posted = await self._poster.decide(kind, body, guard=guard)
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
