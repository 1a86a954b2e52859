"""Names behind functional codes: read from profile messages, and posted when they are due.

Names travel sealed, in the operation's main channel, and nowhere else (DESIGN 3, RULES
Operation). Nobody introduces somebody else's people (A53).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_crypto.member.profile import KIND, Profile, parse_profiles
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId, PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.rights import SENDING, Role

from cencomm_client.automation.standing import Standing, Verdict
from cencomm_client.automation.timing import Timing

__all__ = ["KIND", "Names", "ProfilesDue", "profiles_due"]


class Names:
    """The profiles of one operation as they were last posted, and in which epoch."""

    def __init__(self) -> None:
        self._profiles: dict[PersonId, Profile] = {}
        self._epochs: dict[AdminId, int] = {}

    def name(self, person: PersonId | None) -> str | None:
        """The name of a person, or None while no profile came."""
        found = None if person is None else self._profiles.get(person)
        return None if found is None else found.name

    def profile(self, person: PersonId) -> Profile | None:
        """All that a person's administration says of it."""
        return self._profiles.get(person)

    def posted_in(self, admin: AdminId) -> int:
        """The newest epoch of the main channel with profiles of this administration, 0: none."""
        return self._epochs.get(admin, 0)

    def of(self, admin: AdminId, directory: DirectoryState) -> dict[PersonId, Profile]:
        """Profiles posted so far of an administration's people."""
        return {
            person: profile
            for person, profile in self._profiles.items()
            if (found := directory.person(person)) is not None and found.admin == admin
        }

    def take(
        self, content: Mapping[str, Any], author: PersonId, epoch: int, directory: DirectoryState
    ) -> None:
        """Read an opened PRF message; raises ProtocolError(MALFORMED) for one off its shape."""
        poster = directory.person(author)
        if poster is None:
            return
        for profile in parse_profiles(content):
            person = directory.person(profile.person)
            if person is None or person.admin != poster.admin or person.code != profile.code:
                continue
            self._profiles[profile.person] = profile
        self._epochs[poster.admin] = max(epoch, self._epochs.get(poster.admin, 0))


@dataclass(frozen=True, slots=True)
class ProfilesDue:
    """The profiles of the own administration are to be posted in epoch `n` of the main channel."""

    n: int
    profiles: tuple[Profile, ...]
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("profiles", self.n, self.profiles)


def profiles_due(
    standing: Standing, main: Channel, names: Names, known: Iterable[Profile], timing: Timing
) -> ProfilesDue | None:
    """What this client should post, if anything.

    `known` are the profiles in this vault. The NCP's client goes first, others of the
    administration after a longer wait; due when something changed, or when the present epoch
    has somebody who could not read the last one.
    """
    if standing.role not in SENDING or main.epoch == 0:
        return None
    if standing.note(main).verdict is not Verdict.GOOD:
        return None
    own = standing.directory.person(standing.person)
    if own is None:
        return None
    wanted = _wanted(standing, own.admin, names, known)
    if not wanted:
        return None
    posted = names.of(own.admin, standing.directory)
    changed = {profile.person: profile for profile in wanted} != posted
    last = names.posted_in(own.admin)
    if not changed and not _strangers(main, last):
        return None
    least, most = timing.profile_s
    first = standing.role is Role.NCP
    return ProfilesDue(main.epoch, wanted, (least, most) if first else (most, 2 * most))


def _wanted(
    standing: Standing, admin: AdminId, names: Names, known: Iterable[Profile]
) -> tuple[Profile, ...]:
    """Posted profiles with this vault's newer ones on top, of people in the operation."""
    state, directory = standing.state, standing.directory
    merged = {**names.of(admin, directory), **{profile.person: profile for profile in known}}
    return tuple(
        merged[person]
        for person in sorted(merged)
        if (found := directory.person(person)) is not None
        and found.admin == admin
        and found.code == merged[person].code
        and state.role_of(person) is not None
    )


def _strangers(main: Channel, last: int) -> bool:
    """Whether the present epoch has a device that could not read epoch `last`."""
    if last == 0:
        return True
    if last == main.epoch:
        return False
    present, before = main.epochs[main.epoch], main.epochs[last]
    return any(not before.received(device) for device in present.recips)
