"""The directory's state as plain values in one order, and its hash (PROTOCOL 6.6).

Implementations compare by it, entry by entry. Everything that a later rule reads is in it;
counters that only save work are left out.
"""

from __future__ import annotations

from cencomm_crypto.public.directory.state import (
    Administration,
    Author,
    Device,
    DirectoryState,
    Person,
)
from cencomm_crypto.public.directory.witness import WitnessPolicy
from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.primitives import sha256


def state_hash(state: DirectoryState) -> bytes:
    """H over the projection; 32 bytes."""
    return sha256(encode(projection(state)))


def projection(state: DirectoryState) -> dict[str, Value]:
    """The state as CBOR values; lists are sorted by their first column."""
    governance = state.governance
    return {
        "id": state.id32,
        "name": state.name,
        "size": state.size,
        "at": state.at,
        "log_key": state.log_key,
        "governance": [
            governance.k,
            list(governance.keys),
            governance.serial,
            governance.changed,
        ],
        "witness": _witness(state.witness),
        "suite_min": state.suite_min,
        "rules": state.rules,
        "admins": [_administration(state.admins[key]) for key in sorted(state.admins)],
        "persons": [_person(state.persons[key]) for key in sorted(state.persons)],
        "devices": [_device(state.devices[key]) for key in sorted(state.devices)],
        "root_keys": [[key, str(state.root_keys[key])] for key in sorted(state.root_keys)],
        "box_keys": sorted(state.box_keys),
        "authors": [_author(key, state.authors[key]) for key in sorted(state.authors)],
        "restored": [[row.seq, row.start, row.end, row.serial] for row in state.restored],
    }


def _optional(value: Value) -> list[Value]:
    """CBOR of this subset has no null: none or one."""
    return [] if value is None else [value]


def _witness(policy: WitnessPolicy) -> Value:
    keys = [[name, key] for name, key in policy.keys]
    return [keys, policy.k, policy.fresh_s, str(policy.mode)]


def _administration(admin: Administration) -> Value:
    return [admin.id, admin.code, admin.root_pk, admin.suspended, admin.serial, admin.changed]


def _person(person: Person) -> Value:
    return [
        person.id,
        person.admin,
        person.code,
        person.kind,
        person.suspended,
        person.may_create,
        person.ncp,
        list(person.devices),
        _optional(person.reset),
        _optional(person.requested),
        person.changed,
    ]


def _device(device: Device) -> Value:
    return [
        device.id,
        device.person,
        device.sign_pk,
        device.box_pk,
        device.added,
        _optional(device.voucher),
        _optional(device.revoked),
        _optional(device.rekeyed),
        device.changed,
    ]


def _author(device: DeviceId, author: Author) -> Value:
    return [device, author.seen, sorted(author.ids)]
