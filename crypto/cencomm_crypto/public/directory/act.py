"""One entry as the rules see it, and the questions that most of them ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.directory.rights import DIRECTORY_RIGHTS, Authority
from cencomm_crypto.public.directory.state import Administration, Device, DirectoryState, Person
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.history import Roots
from cencomm_crypto.public.ids import AdminId, PersonId


@dataclass(frozen=True, slots=True)
class Act:
    """An entry whose header and signature were found good.

    `device` and `person` are its author's; None for bodies that root signatures carry.
    """

    type: str
    seq: int
    seen: int  # header.seen.size
    body: Mapping[str, Value]
    roots: Roots
    device: Device | None = None
    person: Person | None = None

    def expect_unchanged(self, changed: int, subject: str) -> None:
        """The compare-and-set of RULES Directory: nobody plays a held decision back (A42)."""
        if changed >= self.seen:
            raise RuleViolation(
                ErrorCode.STALE_SEEN,
                f"entry {changed} changed this {subject} after the author's seen size {self.seen};"
                " sign anew",
            )

    def author(self) -> tuple[Device, Person]:
        """The author's device and person, of an entry that its author's rights carry."""
        if self.device is None or self.person is None:
            raise TypeError(f"{self.type} is carried by root signatures and has no author here")
        return self.device, self.person

    def authority_over(self, admin: AdminId, person: PersonId | None = None) -> Authority:
        """On whose word this stands, by the rights table; raises NOT_PERMITTED.

        `admin` is the administration, `person` the person that the entry is about.
        """
        _, author = self.author()
        granted = DIRECTORY_RIGHTS[self.type]
        if Authority.OWN_DEVICE in granted and author.id == person:
            return Authority.OWN_DEVICE
        if Authority.NCP in granted and author.ncp and author.admin == admin:
            return Authority.NCP
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED,
            f"{self.type} needs {' or '.join(sorted(granted))} of the same administration",
        )


def known_administration(state: DirectoryState, admin: bytes) -> Administration:
    """The administration; raises UNKNOWN_ADMINISTRATION."""
    found = state.administration(AdminId(admin))
    if found is None:
        raise RuleViolation(
            ErrorCode.UNKNOWN_ADMINISTRATION, f"no administration {admin.hex()} in the directory"
        )
    return found


def known_person(state: DirectoryState, person: bytes) -> Person:
    """The person; raises UNKNOWN_PERSON."""
    found = state.person(PersonId(person))
    if found is None:
        raise RuleViolation(ErrorCode.UNKNOWN_PERSON, f"no person {person.hex()} in the directory")
    return found


def expect_active(state: DirectoryState, person: Person) -> None:
    """Raise INACTIVE if the person or its administration is suspended."""
    if not state.active_person(person.id):
        raise RuleViolation(ErrorCode.INACTIVE, f"{person.code} or its administration is suspended")
