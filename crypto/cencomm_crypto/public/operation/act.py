"""One entry as the rules see it, and the questions that most of them ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import Device, DirectoryState, Person
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.ids import ChannelId, PersonId
from cencomm_crypto.public.operation.channel import Channel, Window
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.phases import OVER, Phase, PhaseEvent, step
from cencomm_crypto.public.rights import OPERATION_RIGHTS, Role


@dataclass(frozen=True, slots=True)
class Act:
    """An entry whose header and signature were found good; its place, and its author.

    `directory` is the directory at the entry's watermark: all is judged there.
    """

    type: str
    seq: int
    at: int  # ms, server time
    leaf: bytes
    entry: Entry
    header: Header
    body: Mapping[str, Value]  # empty for messages and drops
    directory: DirectoryState
    watermark: int
    device: Device
    person: Person


def expect_right(
    state: OperationState, kind: str, act: Act, device: Device, person: Person
) -> None:
    """Raise unless `person` may author an entry of `kind` with `device` now.

    Besides the rights table: a member acts through devices that could be its recipients, so
    that an NCP cannot speak through a device that it alone added (A52); after the end the
    coordinators' rights lie also with holders of "may create operations" of the genesis
    author's administration, and the second side with an NCP of another that took part; a past
    auditor still grants the shares that it holds.
    """
    role = state.role_of(person.id)
    allowed = OPERATION_RIGHTS[kind]
    if role in allowed:
        if person.id in state.members and not state.eligible(device.id, act.directory):
            raise RuleViolation(
                ErrorCode.NOT_PERMITTED,
                "an NCP alone added the author's device after the admission: a coordinator's"
                " device.accept comes first",
            )
        return
    if state.ended(act.at) and Role.COORDINATOR in allowed:
        if person.may_create and person.admin == state.author_admin:
            return
        if kind.endswith(".approve") and person.ncp and person.admin in state.admins:
            return
    if kind == "audit.grant" and state.was_auditor(person.id):
        return
    if role is None:
        raise RuleViolation(ErrorCode.NOT_MEMBER, f"{person.code} is no member of this operation")
    raise RuleViolation(
        ErrorCode.NOT_PERMITTED,
        f"{kind} by {role}; {' or '.join(sorted(allowed)) or 'nobody by role'} expected",
    )


def expect_active(act: Act, device: Device) -> None:
    """Raise INACTIVE if device, person or administration may not author."""
    if not act.directory.active(device.id):
        raise RuleViolation(
            ErrorCode.INACTIVE,
            "the device is revoked, or its person or administration suspended",
        )


def expect_open(state: OperationState, channel: Channel, act: Act) -> None:
    """Raise CLOSED or OUT_OF_WINDOW unless the channel takes entries at the act's time."""
    if channel.closed_at is not None:
        raise RuleViolation(ErrorCode.CLOSED, "the channel is closed")
    first, last = state.window_of(channel)
    if not first <= act.at <= last + state.grace:
        raise RuleViolation(
            ErrorCode.OUT_OF_WINDOW,
            f"{act.at} read; {first} to {last} and {state.grace} ms of grace expected",
        )


def expect_in_channel(state: OperationState, channel: Channel, act: Act) -> None:
    """Raise NOT_MEMBER unless the author is in the channel (CHN-2)."""
    if not state.in_channel(act.person.id, channel):
        raise RuleViolation(ErrorCode.NOT_MEMBER, f"{act.person.code} is not in this channel")


def known_person(act: Act, person: bytes) -> Person:
    """A person of the directory at the watermark; raises UNKNOWN_PERSON."""
    found = act.directory.person(PersonId(person))
    if found is None:
        raise RuleViolation(ErrorCode.UNKNOWN_PERSON, f"no person {person.hex()} in the directory")
    return found


def known_member(state: OperationState, person: bytes) -> Member:
    """A member of the operation; raises NOT_MEMBER."""
    found = state.members.get(PersonId(person))
    if found is None:
        raise RuleViolation(ErrorCode.NOT_MEMBER, f"{person.hex()} is no member of this operation")
    return found


def known_channel(state: OperationState, chan: bytes) -> Channel:
    """A channel of the operation; raises UNKNOWN_CHANNEL."""
    found = state.channels.get(ChannelId(chan))
    if found is None:
        raise RuleViolation(ErrorCode.UNKNOWN_CHANNEL, f"no channel {chan.hex()} here")
    return found


def unknown_reference(what: str, leaf: bytes) -> RuleViolation:
    """The error for a leaf hash that names nothing of its kind."""
    return RuleViolation(ErrorCode.UNKNOWN_REFERENCE, f"no {what} {leaf.hex()} here")


def bad_value(detail: str) -> RuleViolation:
    """The error for a body whose values do not fit the state or each other."""
    return RuleViolation(ErrorCode.BAD_VALUE, detail)


def expect_distinct(ids: list[bytes], what: str) -> None:
    """Raise BAD_VALUE if one of `ids` stands twice."""
    if len(set(ids)) < len(ids):
        raise bad_value(f"a {what} stands twice in one list")


def expect_window(window: Window, outer: Window, what: str) -> None:
    """Raise BAD_VALUE unless `window` is in order and inside `outer`."""
    if not outer[0] <= window[0] < window[1] <= outer[1]:
        raise bad_value(
            f"{what} {list(window)} read; a start before its end, inside {list(outer)}, expected"
        )


def next_phase(state: OperationState, event: PhaseEvent, at: int) -> Phase:
    """The phase after `event`; raises WRONG_PHASE, or CLOSED once the operation is over."""
    present = state.effective_phase(at)
    following = step(present, event, state.interrupted)
    if following is None:
        raise RuleViolation(
            ErrorCode.CLOSED if present in OVER else ErrorCode.WRONG_PHASE,
            f"no way leads from {present} by {event}",
        )
    return following
