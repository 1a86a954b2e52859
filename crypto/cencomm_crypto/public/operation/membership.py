"""Rules of who is in the operation, in which role, and through which devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.state import Person
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.operation.act import (
    Act,
    bad_value,
    expect_active,
    expect_distinct,
    known_channel,
    known_member,
    known_person,
)
from cencomm_crypto.public.operation.state import Member, OperationState
from cencomm_crypto.public.rights import Role

MAX_MEMBERS = 10_000
_FIELDS_OF_ROLE: Mapping[Role, frozenset[str]] = MappingProxyType(
    {Role.BOT: frozenset({"chan", "kinds", "rate"}), Role.EXPERT: frozenset({"chan"})}
)
_SETTABLE = frozenset(
    {Role.COORDINATOR, Role.OFFICER, Role.ANALYST, Role.OBSERVER, Role.NCP}
)  # expert and bot need a channel: remove and admit


def _admit(state: OperationState, act: Act) -> OperationState:
    rows = act.body["members"]
    expect_distinct([row["person"] for row in rows], "person")
    members, former, admins = state.members, state.former, state.admins
    if len(members) + len(rows) > MAX_MEMBERS:
        raise RuleViolation(ErrorCode.TOO_MANY, f"more than {MAX_MEMBERS} members")
    for row in rows:
        member = _read_member(state, act, row)
        members = members.insert(member.person, member)
        former = former.discard(member.person)
        admins = admins.insert(member.admin)
    return replace(state, members=members, former=former, admins=admins)


def _read_member(state: OperationState, act: Act, row: Mapping[str, Value]) -> Member:
    person, role = known_person(act, row["person"]), Role(row["role"])
    if not act.directory.active_person(person.id):
        raise RuleViolation(ErrorCode.INACTIVE, f"{person.code} or its administration is suspended")
    if person.id in state.members:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"{person.code} is a member already")
    if role is Role.AUDITOR or person.id in state.audit.persons:
        raise RuleViolation(
            ErrorCode.BAD_AUDIT_SET, f"{person.code}: an auditor is no member; see audit.propose"
        )
    _expect_role_fits(person, role)
    given = {"chan", "kinds", "rate"} & set(row)
    expected = _FIELDS_OF_ROLE.get(role, frozenset())
    if given != expected:
        raise bad_value(
            f"{role} with {', '.join(sorted(given)) or 'nothing'};"
            f" {', '.join(sorted(expected)) or 'nothing'} besides person and role expected"
        )
    chan = None
    if "chan" in row:
        channel = known_channel(state, row["chan"])
        if channel.main:
            raise bad_value("the main channel carries profiles only; another channel expected")
        if channel.parent is not None and not state.in_channel(act.person.id, channel):
            # else a coordinator whom the set left out puts a reader of its own into it (A54)
            raise RuleViolation(
                ErrorCode.NOT_PERMITTED, "who admits into a directed channel is in it itself"
            )
        chan = channel.id
    return Member(
        person=person.id,
        admin=person.admin,
        role=role,
        admitted=act.seq,
        watermark=act.watermark,
        chan=chan,
        kinds=tuple(row.get("kinds", ())),
        rate=row.get("rate"),
    )


def _expect_role_fits(person: Person, role: Role) -> None:
    """Bots are bots; the role of NCP rests on the directory's appointment."""
    if (person.kind == "bot") != (role is Role.BOT):
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{person.code} is a {person.kind}, not {role}"
        )
    if role is Role.NCP and not person.ncp:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{person.code} was not appointed NCP by its administration"
        )


def _remove(state: OperationState, act: Act) -> OperationState:
    persons = act.body["persons"]
    expect_distinct(persons, "person")
    members, former = state.members, state.former
    for person in persons:
        member = known_member(state, person)
        members = members.remove(member.person)
        former = former.insert(member.person, member)
    removed = replace(state, members=members, former=former, leavings=state.leavings + 1)
    return strike_leavers(removed, [PersonId(person) for person in persons])


def _set_role(state: OperationState, act: Act) -> OperationState:
    member, role = known_member(state, act.body["person"]), Role(act.body["role"])
    if role not in _SETTABLE or member.role is Role.BOT:
        raise bad_value(f"from {member.role} to {role}: remove the person and admit it anew")
    if role is member.role:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"the person is {role} already")
    _expect_role_fits(known_person(act, member.person), role)
    changed = replace(member, role=role, chan=None)
    moved = replace(
        state,
        members=state.members.insert(member.person, changed),
        leavings=state.leavings + 1,
    )
    return strike_leavers(moved, [member.person])


def strike_leavers(state: OperationState, persons: Iterable[PersonId]) -> OperationState:
    """Take those who left the operation, or a parent, off the lists of what they left with it.

    So a later return does not bring them back into channels that nobody put them in again.
    """
    channels = state.channels
    for channel in state.channels.values():
        listed = channel.members
        if listed is None:
            continue
        for person in persons:
            if person in listed and not _stays(state, person, channel.parent):
                listed = listed.discard(person)
        if listed is not channel.members:
            channels = channels.insert(channel.id, replace(channel, members=listed))
    return replace(state, channels=channels)


def _stays(state: OperationState, person: PersonId, parent: bytes | None) -> bool:
    if person not in state.members:
        return False
    return parent is None or state.in_channel(person, known_channel(state, parent))


def _accept_device(state: OperationState, act: Act) -> OperationState:
    device = act.directory.device(DeviceId(act.body["device"]))
    if device is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"no device {act.body['device'].hex()} in the directory"
        )
    known_member(state, device.person)
    expect_active(act, device)
    if state.eligible(device.id, act.directory):
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, "the device is eligible already")
    return replace(state, accepted_devices=state.accepted_devices.insert(device.id))


def _sync(state: OperationState, act: Act) -> OperationState:
    """Brings newer directory entries into the operation; says nothing else, so it must do that."""
    if act.header.dir is not None and act.header.dir.size <= state.watermark:
        raise RuleViolation(
            ErrorCode.STALE_DIRECTORY,
            f"directory size {act.header.dir.size} read, more than {state.watermark} expected",
        )
    return state


MEMBERSHIP_RULES: Mapping[str, Callable[[OperationState, Act], OperationState]] = MappingProxyType(
    {
        "members.admit": _admit,
        "members.remove": _remove,
        "role.set": _set_role,
        "device.accept": _accept_device,
        "directory.sync": _sync,
    }
)
