"""What a client tells its owner beside the entries themselves: pure looks at verified state.

Codes have their sentences in the catalogue. A standing notice holds as long as its reason does;
a change notice is told once.
"""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import device_id
from cencomm_crypto.public.operation.recipients import share_holders
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.wire import Sequenced

_ENDING = frozenset({"device.revoke", "person.suspend", "admin.suspend", "ncp.dismiss"})


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """A notice before it has a time: a code, and what it is about if that is not said by it."""

    code: str
    detail: str


def standing_remarks(
    state: OperationState, directory: DirectoryState, person: PersonId
) -> tuple[Remark, ...]:
    """What holds for this operation as it is now."""
    found: list[Remark] = []
    if not state.witness.keys:
        found.append(Remark("no_witness", ""))
    if not state.audit.persons:
        found.append(Remark("no_audit_set", ""))
    else:
        places = {holder.x for holder in share_holders(state, directory)}
        if len(places) < state.audit.k:
            found.append(
                Remark("few_auditors", f"{len(places)} can take a share, {state.audit.k} needed")
            )
    for channel in state.channels_of(person):
        epoch = channel.current
        if epoch is None:
            continue
        persons = {directory.devices[device].person for device in epoch.recips}
        admins = {directory.persons[holder].admin for holder in persons}
        if len(admins) == 1 and not channel.main:
            found.append(Remark("one_holder", f"channel {channel.name}, epoch {channel.epoch}"))
    return tuple(sorted(found))


def directory_remarks(
    item: Sequenced,
    directory: DirectoryState,
    person: PersonId,
    watched: frozenset[PersonId],
    here: bytes = b"",
) -> tuple[Remark, ...]:
    """What an accepted directory entry means to this person, or to operations it is in.

    `watched` are the members of its operations: a device that an NCP alone adds to one of them
    is announced to all (A52). `here` is the device that looks: its own arrival is no news to it.
    """
    entry = item.entry
    if entry is None or entry.body is None:
        return ()
    kind, body = entry.header.type, entry.body
    own = directory.person(person)
    if kind == "device.add":
        whose = PersonId(body["person"])
        added = directory.persons[whose].code
        if device_id(body["sign_pk"]) == here:
            return ()
        if whose == person:
            return (Remark("own_device_added", added),)
        last = directory.devices[directory.persons[whose].devices[-1]]
        if whose in watched and last.voucher is None:
            return (Remark("device_added_by_ncp", added),)
    if kind == "admin.rekey" and own is not None and body["admin"] == own.admin:
        return (Remark("own_root_changed", directory.admins[own.admin].code),)
    if kind == "device.revoke":
        device = directory.device(body["device"])
        if device is not None and device.person in watched:
            vouched = len(directory.vouched_by(device.id))
            code = directory.persons[device.person].code
            return (Remark("device_revoked", f"{code}; {vouched} devices that it vouched for"),)
    return ()


def ends_somebody(item: Sequenced) -> bool:
    """Whether a directory entry may end somebody's being active: entries after it are flagged."""
    return item.entry is not None and item.entry.header.type in _ENDING
