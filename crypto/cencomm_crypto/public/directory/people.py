"""Rules of what administrations, NCPs and devices decide: persons and their devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.act import Act, expect_active, known_person
from cencomm_crypto.public.directory.claims import (
    claim_box_key,
    claim_device,
    claim_person_code,
)
from cencomm_crypto.public.directory.rights import Authority
from cencomm_crypto.public.directory.state import (
    Administration,
    Device,
    DirectoryState,
    Person,
    likeness,
)
from cencomm_crypto.public.ids import DeviceId, PersonId

MAX_DEVICES = 16  # active ones of a person: each costs every channel a wrap, for ever (A35)


def appoint_ncp(state: DirectoryState, act: Act, admin: Administration) -> DirectoryState:
    """ncp.appoint: makes the person, an NCP, with its first device."""
    _expect_governable(act, admin)
    person = _new_person(state, act, admin, kind="human", ncp=True)
    device = claim_device(state, act.seq, act.body, person=person.id, voucher=None)
    return _with_device(_with_new_person(state, person), person, device)


def dismiss_ncp(state: DirectoryState, act: Act, admin: Administration) -> DirectoryState:
    """ncp.dismiss: the person stays, without the right to vouch."""
    _expect_governable(act, admin)
    person = known_person(state, act.body["person"])
    act.expect_unchanged(person.changed, "person")
    if person.admin != admin.id:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{person.code} belongs to another administration"
        )
    if not person.ncp:
        raise RuleViolation(ErrorCode.INACTIVE, f"{person.code} is no NCP")
    return _with_person(state, replace(person, ncp=False, changed=act.seq))


def _add_person(state: DirectoryState, act: Act) -> DirectoryState:
    _, author = act.author()
    act.authority_over(author.admin)
    admin = state.admins[author.admin]
    person = _new_person(state, act, admin, kind=act.body["kind"], ncp=False)
    return _with_new_person(state, person)


def _suspend_person(state: DirectoryState, act: Act) -> DirectoryState:
    person = _subject(state, act)
    if person.suspended:
        raise RuleViolation(ErrorCode.INACTIVE, f"{person.code} is suspended already")
    return _with_person(state, replace(person, suspended=True, changed=act.seq))


def _resume_person(state: DirectoryState, act: Act) -> DirectoryState:
    person = _subject(state, act)
    if not person.suspended:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"{person.code} is active already")
    return _with_person(state, replace(person, suspended=False, changed=act.seq))


def _reset_person(state: DirectoryState, act: Act) -> DirectoryState:
    """Voids every login and second factor before it; devices are revoked one by one."""
    person = _subject(state, act)
    return _with_person(state, replace(person, reset=act.seq, changed=act.seq))


def _request_role(state: DirectoryState, act: Act) -> DirectoryState:
    person = _subject(state, act)
    expect_active(state, person)
    if person.kind != "human":
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "a bot creates no operations")
    if person.may_create or person.requested is not None:
        raise RuleViolation(
            ErrorCode.ALREADY_EXISTS, f"{person.code} holds the role or it was asked for already"
        )
    return _with_person(state, replace(person, requested=act.seq, changed=act.seq))


def _add_device(state: DirectoryState, act: Act) -> DirectoryState:
    """By a device of the same person, which is recorded as the voucher, or by an NCP."""
    person = known_person(state, act.body["person"])
    act.expect_unchanged(person.changed, "person")
    authority = act.authority_over(person.admin, person.id)
    expect_active(state, person)
    if len(state.active_devices(person.id)) >= MAX_DEVICES:
        raise RuleViolation(
            ErrorCode.TOO_MANY,
            f"{person.code} has {MAX_DEVICES} active devices; revoke one before adding another",
        )
    author, _ = act.author()
    voucher = author.id if authority is Authority.OWN_DEVICE else None
    device = claim_device(state, act.seq, act.body, person=person.id, voucher=voucher)
    return _with_device(state, person, device)


def _revoke_device(state: DirectoryState, act: Act) -> DirectoryState:
    device = state.device(DeviceId(act.body["device"]))
    if device is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"no device {act.body['device'].hex()} in the directory"
        )
    act.expect_unchanged(device.changed, "device")
    act.authority_over(state.persons[device.person].admin, device.person)
    if device.revoked is not None:
        raise RuleViolation(ErrorCode.INACTIVE, f"revoked already by entry {device.revoked}")
    revoked = replace(device, revoked=act.seq, changed=act.seq)
    return replace(state, devices=state.devices.insert(device.id, revoked))


def _rekey_device(state: DirectoryState, act: Act) -> DirectoryState:
    device, _ = act.author()
    act.expect_unchanged(device.changed, "device")
    box_pk = act.body["box_pk"]
    claim_box_key(state, box_pk)
    rekeyed = replace(device, box_pk=box_pk, rekeyed=act.seq, changed=act.seq)
    return replace(
        state,
        devices=state.devices.insert(device.id, rekeyed),
        box_keys=state.box_keys.insert(box_pk),
    )


def _expect_governable(act: Act, admin: Administration) -> None:
    act.expect_unchanged(admin.changed, "administration")
    if admin.suspended:
        raise RuleViolation(ErrorCode.INACTIVE, f"{admin.code} is suspended")


def _subject(state: DirectoryState, act: Act) -> Person:
    """The person that an NCP's entry is about."""
    person = known_person(state, act.body["person"])
    act.expect_unchanged(person.changed, "person")
    act.authority_over(person.admin)
    return person


def _new_person(
    state: DirectoryState, act: Act, admin: Administration, *, kind: str, ncp: bool
) -> Person:
    person, code = PersonId(act.body["person"]), act.body["code"]
    if person in state.persons:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"person {person.hex()} exists already")
    claim_person_code(state.codes, code, admin.code)
    return Person(
        id=person,
        admin=admin.id,
        code=code,
        kind="bot" if kind == "bot" else "human",
        suspended=False,
        may_create=False,
        ncp=ncp,
        devices=(),
        reset=None,
        requested=None,
        changed=act.seq,
    )


def _with_new_person(state: DirectoryState, person: Person) -> DirectoryState:
    return replace(
        state,
        persons=state.persons.insert(person.id, person),
        codes=state.codes.insert(likeness(person.code), person.id),
    )


def _with_person(state: DirectoryState, person: Person) -> DirectoryState:
    return replace(state, persons=state.persons.insert(person.id, person))


def _with_device(state: DirectoryState, person: Person, device: Device) -> DirectoryState:
    owner = replace(person, devices=(*person.devices, device.id), changed=device.added)
    return replace(
        state,
        persons=state.persons.insert(owner.id, owner),
        devices=state.devices.insert(device.id, device),
        box_keys=state.box_keys.insert(device.box_pk),
    )


ADMIN_ROOT_RULES: Mapping[str, Callable[[DirectoryState, Act, Administration], DirectoryState]] = (
    MappingProxyType({"ncp.appoint": appoint_ncp, "ncp.dismiss": dismiss_ncp})
)
AUTHOR_RULES: Mapping[str, Callable[[DirectoryState, Act], DirectoryState]] = MappingProxyType(
    {
        "person.add": _add_person,
        "person.suspend": _suspend_person,
        "person.resume": _resume_person,
        "person.reset": _reset_person,
        "role.request": _request_role,
        "device.add": _add_device,
        "device.revoke": _revoke_device,
        "device.rekey": _rekey_device,
    }
)
