"""Who speaks for whom in an operation, as the newest verified directory and its log say; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId, PersonId
from cencomm_crypto.public.rights import Role

from cencomm_client.items import Message
from cencomm_client.roles import Roles


@dataclass(frozen=True, slots=True)
class People:
    """`of` gives the administration's code for a person's or an administration's id, `named` for a
    person's or an administration's code; None for what nobody knows. `coordinates` says whether
    the author of a message was a coordinator when he wrote it."""

    of: Callable[[bytes], str | None]
    named: Callable[[str], str | None]
    coordinates: Callable[[Message], bool]


def people_of(directory: Callable[[], DirectoryState], roles: Roles) -> People:
    """The people of one operation; the directory is asked anew each time."""
    return People(
        lambda some: administration_of(directory(), some),
        lambda code: administration_named(directory(), code),
        lambda message: roles.author(message) is Role.COORDINATOR,
    )


def administration_of(directory: DirectoryState, some: bytes) -> str | None:
    """Code of the administration of this id, or of this person."""
    person = directory.person(PersonId(some))
    admin = directory.administration(AdminId(some) if person is None else person.admin)
    return None if admin is None else admin.code


def administration_named(directory: DirectoryState, code: str) -> str | None:
    """Code of the administration of this code, or of the person of this code."""
    if directory.administration_by_code(code) is not None:
        return code
    person = directory.person_by_code(code)
    return None if person is None else administration_of(directory, person.id)
