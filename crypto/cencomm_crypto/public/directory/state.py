"""What the directory says after so many entries: a persistent value, cheap to keep per size.

Maps are hash tries: a changed state shares all that did not change with the one before it.
`changed` on a record is the seq of the last accepted entry about that subject, which the
compare-and-set of RULES Directory reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rpds import HashTrieMap, HashTrieSet

from cencomm_crypto.public.directory.witness import WitnessPolicy
from cencomm_crypto.public.ids import AdminId, DeviceId, PersonId
from cencomm_crypto.public.keys import device_id

_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1"})


@dataclass(frozen=True, slots=True)
class Device:
    """A device: its keys, who vouched for it, and what became of it. Sizes are seqs."""

    id: DeviceId
    person: PersonId
    sign_pk: bytes  # Ed25519, 32 bytes
    box_pk: bytes  # X25519, 32 bytes; the present one
    added: int
    voucher: DeviceId | None  # device of the same person that added it; None: an NCP or a root
    revoked: int | None
    rekeyed: int | None  # seq of the last device.rekey
    changed: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person or bot under its functional code; names never stand here (DESIGN 3)."""

    id: PersonId
    admin: AdminId
    code: str  # "FR-014"
    kind: Literal["human", "bot"]
    suspended: bool
    may_create: bool  # holds the role "may create operations"
    ncp: bool
    devices: tuple[DeviceId, ...]  # all that ever were, in the order of their entries
    reset: int | None  # seq of the last person.reset: logins and second factors before it are void
    requested: int | None  # seq of a role.request that governance has not answered
    changed: int


@dataclass(frozen=True, slots=True)
class Administration:
    """A customs administration or organisation; its id outlives its root key."""

    id: AdminId
    code: str  # "FR"
    root_pk: bytes
    suspended: bool
    serial: int  # of the last body that its root signed
    changed: int


@dataclass(frozen=True, slots=True)
class Governance:
    """The root of trust: k of these off-line keys."""

    keys: tuple[bytes, ...]
    k: int
    serial: int  # of the last body that this root signed
    changed: int  # last entry about the root itself: its keys, log key, witnesses, suite

    def is_another_than(self, other: Governance) -> bool:
        """Whether other keys, or another number of them, decide."""
        return (self.keys, self.k) != (other.keys, other.k)


@dataclass(frozen=True, slots=True)
class Author:
    """What the log remembers of a device that posted, in the directory or only a poster."""

    seen: int  # greatest seen.size of its accepted entries
    ids: HashTrieSet[bytes]


@dataclass(frozen=True, slots=True)
class Restored:
    """A log.restored entry: the seqs from `start` to before `end` count for nothing."""

    seq: int
    start: int
    end: int
    serial: int  # these bodies count by themselves, apart from the root's other decisions


class KeyUse(StrEnum):
    """What a signing key that is no device's is for; one key per job, for ever (A13)."""

    GOVERNANCE = "governance"
    ADMINISTRATION = "administration"
    LOG = "log"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """The directory after `size` entries."""

    id32: bytes
    name: str  # the deployment's, first part of every note's origin
    size: int
    at: int  # ms, server time of the last entry
    log_key: bytes
    governance: Governance
    witness: WitnessPolicy
    suite_min: int
    rules: int
    admins: HashTrieMap[AdminId, Administration]
    active_codes: HashTrieMap[str, AdminId]  # likeness of code -> the one active administration
    persons: HashTrieMap[PersonId, Person]
    codes: HashTrieMap[str, PersonId]  # likeness of code -> person, for ever
    devices: HashTrieMap[DeviceId, Device]
    root_keys: HashTrieMap[bytes, KeyUse]  # every signing key ever named but the devices'
    box_keys: HashTrieSet[bytes]  # every box key ever named
    authors: HashTrieMap[DeviceId, Author]
    restored: tuple[Restored, ...]
    removals: int  # accepted entries that may have ended somebody's being a recipient

    def device(self, device: DeviceId) -> Device | None:
        """The device, revoked or not."""
        return self.devices.get(device)

    def person(self, person: PersonId) -> Person | None:
        """The person, suspended or not."""
        return self.persons.get(person)

    def administration(self, admin: AdminId) -> Administration | None:
        """The administration, suspended or not."""
        return self.admins.get(admin)

    def person_by_code(self, code: str) -> Person | None:
        """The person of exactly this functional code."""
        found = self.codes.get(likeness(code))
        person = None if found is None else self.persons[found]
        return person if person is not None and person.code == code else None

    def administration_by_code(self, code: str) -> Administration | None:
        """The active administration of exactly this code."""
        found = self.active_codes.get(likeness(code))
        admin = None if found is None else self.admins[found]
        return admin if admin is not None and admin.code == code else None

    def active(self, device: DeviceId) -> bool:
        """Whether it may author: known, not revoked, person and administration not suspended."""
        found = self.devices.get(device)
        return found is not None and found.revoked is None and self.active_person(found.person)

    def active_person(self, person: PersonId) -> bool:
        """Whether the person is known, and neither it nor its administration is suspended."""
        found = self.persons.get(person)
        return found is not None and not found.suspended and not self.admins[found.admin].suspended

    def active_devices(self, person: PersonId) -> tuple[Device, ...]:
        """The person's devices that may author now, oldest first."""
        if not self.active_person(person):
            return ()
        devices = (self.devices[device] for device in self.persons[person].devices)
        return tuple(device for device in devices if device.revoked is None)

    def vouched_by(self, device: DeviceId) -> tuple[Device, ...]:
        """Devices that this one vouched for directly: to review when it is revoked."""
        found = self.devices.get(device)
        if found is None:
            return ()
        siblings = (self.devices[other] for other in self.persons[found.person].devices)
        return tuple(sibling for sibling in siblings if sibling.voucher == device)

    def sign_key_used(self, sign_pk: bytes) -> bool:
        """Whether any device, root, log or witness has or ever had this key (A41)."""
        return sign_pk in self.root_keys or device_id(sign_pk) in self.devices


def likeness(code: str) -> str:
    """What a code looks like: two codes of one likeness cannot both be taken (A53)."""
    return code.translate(_LOOK_ALIKES)
