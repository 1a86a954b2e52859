"""Who is asking, once a token has been believed; and what accounts ask of their surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cencomm_crypto.public.directory.state import Device, DirectoryState, Person
from cencomm_crypto.public.ids import DeviceId, PersonId

Clock = Callable[[], int]
"""Unix time in milliseconds."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A device with a living session; `token_hash` is H(token), the session's name in the store."""

    device: DeviceId
    person: PersonId
    kind: Literal["human", "bot"]
    token_hash: bytes = field(repr=False)


class Directory(Protocol):
    """The newest committed directory, as the engine holds it in memory."""

    @property
    def state(self) -> DirectoryState | None:
        """None until the genesis has come."""

    def reset_at(self, person: Person) -> int:
        """Server time (ms) of the person's last reset entry, -1 if there was none."""


class LiveSockets(Protocol):
    """What ends a live socket at once (A27)."""

    async def disconnect_device(self, device: DeviceId) -> None:
        """Every socket of the device."""

    async def disconnect_person(self, person: PersonId) -> None:
        """Every socket of the person."""


def outlived(directory: Directory, person: Person, created: int) -> bool:
    """Whether a reset entry voids what was `created` (ms), also one seen only after a restart."""
    return created <= directory.reset_at(person)


def active(directory: Directory, device: DeviceId) -> tuple[Device, Person] | None:
    """The device and its person if they may act now (directory, newest state)."""
    state = directory.state
    if state is None or not state.active(device):
        return None
    found = state.devices[device]
    return found, state.persons[found.person]
