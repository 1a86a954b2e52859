"""An administration leaves an operation that runs: nothing of it stays behind undecided.

The coordinator's role first, so that there are always two sides to decide; then all its people in
one entry, and each channel gets new keys once. Its past stays readable for those who go on.
Sessions and devices are the directory's: its contact point, or the governance root, ends them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId, DeviceId, PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.rights import SENDING, Role

from cencomm_client.directing import path_of
from cencomm_client.directory import Directory, person_id
from cencomm_client.errors import NotAuthenticated, SuccessorNeeded, TransportError, TryLater
from cencomm_client.items import Message
from cencomm_client.kinds import TASK
from cencomm_client.sending import TRIES
from cencomm_client.tasks import Task, assigned_to

if TYPE_CHECKING:
    from cencomm_client.operation import Operation

MOST_REMOVED = 1000  # persons of one members.remove
MAY_COORDINATE = SENDING - {Role.EXPERT}
_HANDED_ON = b"cencomm task handed on\0"


@dataclass(frozen=True, slots=True)
class Offboarded:
    """What was done, and what others have to do; people by functional code."""

    administration: str
    removed: tuple[str, ...]
    successor: str | None  # who coordinates in its place
    rotated: tuple[str, ...]  # channels that this device gave new keys
    waiting: tuple[str, ...]  # channels whose other members' clients do
    revoked: tuple[DeviceId, ...]  # devices whose sessions this device ended
    active: tuple[DeviceId, ...]  # devices that its contact point or the governance root ends
    tasks: tuple[Task, ...]  # open ones of its people, that were not handed on
    handed_on: tuple[Task, ...]
    auditors: tuple[str, ...]  # still in the audit set: `propose("audit")`


async def offboard(
    operation: Operation,
    people: Directory,
    administration: str,
    *,
    successor: str | None = None,
    tasks_to: str | None = None,
) -> Offboarded:
    """Take an administration out of a running operation; a coordinator.

    `successor` becomes coordinator where its coordinators were one of only two sides; `tasks_to`
    (the code of an administration) gets its open tasks. Again goes on where an earlier try was cut
    off. Raises ProtocolError (UNKNOWN_ADMINISTRATION, NOT_MEMBER), SuccessorNeeded, Refused.
    """
    await people.refresh()
    await operation.refresh()
    directory, state = people.state, operation.state
    found = directory.administration_by_code(administration) or _former(directory, administration)
    leaving = _left(state, found.id)
    ours = directory.persons[operation.person].admin == found.id
    gone = [member for member in state.former.values() if ours and member.admin == found.id]
    if not leaving and not gone:
        raise ProtocolError(
            ErrorCode.NOT_MEMBER, f"nobody of {administration} is in {operation.name!a}"
        )
    own = directory.persons[operation.person].code
    codes = sorted(directory.persons[member.person].code for member in leaving)
    codes.sort(key=lambda code: code == own)  # who does it goes last
    if tasks_to is not None:
        _expect_taking(directory, state, found.id, tasks_to)
    due = _tasks(operation, administration, codes, leaving)
    if leaving:
        await _hand_role_on(operation, directory, found.id, successor)
    handed_on = [task for task in due if tasks_to and await _handed_on(operation, task, tasks_to)]
    before = _epochs(operation.state)
    stale = [
        channel.id
        for channel in operation.state.channels.values()
        if (channel.epoch or not state.in_channel(operation.person, channel))  # not seen from here
        and not state.channel_over(channel, state.at)
        and any(state.in_channel(member.person, channel) for member in leaving)
    ]
    removed: list[str] = []
    for _ in range(TRIES):
        for start in range(0, len(codes), MOST_REMOVED):
            await operation.remove(codes[start : start + MOST_REMOVED])
        removed += codes
        left = [] if ours else _left(operation.state, found.id)
        if not left:
            break
        leaving += left  # admitted meanwhile: nobody stays because of a race
        codes = sorted(people.state.persons[member.person].code for member in left)
    if not ours:
        await operation.tend()
    after = operation.state
    rotated = [chan for chan in stale if after.channels[chan].epoch > before[chan]]
    theirs = [*leaving, *gone]  # of an earlier try, cut off before their sessions ended
    revoked = await _revoke(operation, people, theirs) if ours else ()
    devices = [
        device.id
        for member in theirs
        for device in people.state.active_devices(member.person)
        if device.id not in revoked
    ]
    return Offboarded(
        administration=administration,
        removed=tuple(removed),
        successor=successor,
        rotated=tuple(path_of(after, after.channels[chan]) for chan in rotated),
        waiting=tuple(
            path_of(after, after.channels[chan]) for chan in stale if chan not in rotated
        ),
        revoked=revoked,
        active=tuple(sorted(devices)),
        tasks=tuple(task for task in due if task not in handed_on),
        handed_on=tuple(handed_on),
        auditors=tuple(
            directory.persons[person].code
            for person in after.audit.persons
            if directory.persons[person].admin == found.id
        ),
    )


def _left(state: OperationState, admin: AdminId) -> list[Member]:
    """Whoever of the administration is in the operation."""
    return [member for member in state.members.values() if member.admin == admin]


def _expect_taking(
    directory: DirectoryState, state: OperationState, leaving: AdminId, code: str
) -> None:
    """Raise if an administration could not do what is handed on to it."""
    taking = directory.administration_by_code(code)
    if taking is None:
        raise ProtocolError(
            ErrorCode.UNKNOWN_ADMINISTRATION, f"no administration has the code {code}"
        )
    able = any(member.role in SENDING for member in _left(state, taking.id))
    if taking.id == leaving or not able:
        raise ProtocolError(
            ErrorCode.NOT_MEMBER, f"nobody of {code} goes on in the operation and may post"
        )


async def _hand_role_on(
    operation: Operation, directory: DirectoryState, leaving: AdminId, successor: str | None
) -> None:
    """Make the successor a coordinator; raises SuccessorNeeded where one side would be left."""
    state = operation.state
    coordinators = [m for m in state.members.values() if m.role is Role.COORDINATOR]
    sides = {m.admin for m in coordinators if m.admin != leaving and _can_act(directory, m)}
    had = any(member.admin == leaving for member in coordinators)
    if successor is not None:
        person = person_id(directory, successor)
        member = state.members.get(person)
        if member is None or member.admin == leaving:
            raise ProtocolError(
                ErrorCode.NOT_MEMBER, f"{successor} is no member of another administration"
            )
        if not _can_act(directory, member):
            raise ProtocolError(ErrorCode.INACTIVE, f"{successor} has no device that may act")
        sides.add(member.admin)
    candidates = [
        member
        for member in state.members.values()
        if member.role in MAY_COORDINATE
        and member.admin not in {leaving, *sides}
        and _can_act(directory, member)
    ]
    if not sides or (had and len(sides) < 2 and candidates):
        named = sorted(directory.persons[member.person].code for member in candidates)
        raise SuccessorNeeded(
            "what needs two administrations could not be decided any more; somebody of another one"
            f" becomes coordinator first: {', '.join(named[:12]) or 'nobody is left who could'}"
        )
    if successor is not None and state.role_of(person) is not Role.COORDINATOR:
        await operation.set_role(successor, Role.COORDINATOR.value)


def expect_led(
    state: OperationState, directory: DirectoryState, leaving: Collection[PersonId]
) -> None:
    """Raise SuccessorNeeded if the operation would run on without anybody who coordinates: no one
    could admit, remove, suspend or close, nor make another coordinator."""
    leading = [m for m in state.members.values() if m.role is Role.COORDINATOR]
    if any(member.person in leaving for member in leading) and not any(
        member.person not in leaving and _can_act(directory, member) for member in leading
    ):
        raise SuccessorNeeded("nobody would coordinate any more; somebody else becomes it first")


def _can_act(directory: DirectoryState, member: Member) -> bool:
    """Whether somebody has a device that may author: a suspended side decides nothing."""
    return bool(directory.active_devices(member.person))


def _tasks(
    operation: Operation, administration: str, codes: Collection[str], leaving: list[Member]
) -> tuple[Task, ...]:
    persons = [member.person for member in leaving]
    found = operation.open_tasks()
    return tuple(t for t in found if assigned_to(t, {administration, *codes}, persons))


async def _handed_on(operation: Operation, task: Task, code: str) -> bool:
    """Whether the task is another administration's now.

    False where that is in nobody's power: an unreadable task, a channel that nobody of the other
    administration works in, one that is over, a suspension. The people go all the same.
    """
    try:
        return await _hand_on(operation, task, code)
    except (TransportError, TryLater, NotAuthenticated):
        raise
    except CencommError as error:
        operation.view.notice(str(error.code), f"{task} was not handed on: {error}", task.seq)
        return False


async def _hand_on(operation: Operation, task: Task, code: str) -> bool:
    """Post the task as it stands anew for another administration, then the end of the old one:
    cut off in between, both are open, and the next try goes on with the second."""
    item = operation.view.feed.at(task.seq)
    if not isinstance(item, Message):
        return False
    stands = operation.attend().refresh().present(item).content
    channel = operation.channel(item.channel.hex())
    if stands is None or not _works_in(operation, code, channel.state):
        return False
    old: dict[str, Any] = dict(stands)
    new = {**old, "assignee": {"administration": code}}
    mid = sha256(_HANDED_ON + task.leaf + code.encode()).digest()[:16]
    if not any(isinstance(one, Message) and one.mid == mid for one in operation.items(task.seq)):
        await channel.post(TASK, new, prio=item.prio, ack_by=item.ack_by, mid=mid)
    await channel.post(TASK, {**old, "state": "cancelled"}, re=item)
    return True


def _works_in(operation: Operation, code: str, channel: Channel) -> bool:
    """Whether somebody of an administration may post in a channel."""
    state, admin = operation.state, operation.directory.administration_by_code(code)
    return admin is not None and any(
        member.admin == admin.id
        and member.role in MAY_COORDINATE
        and state.in_channel(member.person, channel)
        for member in state.members.values()
    )


async def _revoke(
    operation: Operation, people: Directory, theirs: list[Member]
) -> tuple[DeviceId, ...]:
    """End the sessions of the own administration's people, as its contact point; not the own."""
    if not people.state.persons[operation.person].ncp:
        return ()
    revoked: list[DeviceId] = []
    for member in theirs:
        if member.person != operation.person:
            revoked += await people.revoke_all(people.state.persons[member.person].code)
    return tuple(sorted(revoked))


def _epochs(state: OperationState) -> dict[bytes, int]:
    return {channel.id: channel.epoch for channel in state.channels.values()}


def _former(directory: DirectoryState, code: str) -> Any:
    """A suspended administration still has its code."""
    for admin in directory.admins.values():
        if admin.code == code:
            return admin
    raise ProtocolError(ErrorCode.UNKNOWN_ADMINISTRATION, f"no administration has the code {code}")
