"""The directory as a program uses it: who is there, and what an NCP or a device does about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.member.profile import Profile, parse_profiles, profile_content
from cencomm_crypto.public.directory.state import DirectoryState, Person
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import AdminId, DeviceId, PersonId

from cencomm_client import vouching
from cencomm_client.authoring import entry_id
from cencomm_client.errors import ConflictingEntry, TryLater
from cencomm_client.station import Station
from cencomm_client.vault_contents import StoredReceipt

TRIES = 8
PROFILES = "profiles"  # the vault's note with the names that this client gives to others


@dataclass(frozen=True, slots=True)
class Vouched:
    """What became of keys that came for an own invitation."""

    code: str
    device: DeviceId | None  # None: not vouched for
    problem: str | None = None
    row: str | None = None  # of ATTACKS.md, where there is a problem


class Directory:
    """The one directory of the deployment, through this device."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._lock = asyncio.Lock()

    @property
    def state(self) -> DirectoryState:
        """The newest verified state."""
        return self._station.directory

    def person(self, code: str) -> Person:
        """A person by functional code; raises ProtocolError(UNKNOWN_PERSON)."""
        return self.state.persons[person_id(self.state, code)]

    @property
    def administration(self) -> str:
        """Code of this person's own administration."""
        state = self.state
        return state.admins[state.persons[self._station.vault.person].admin].code

    async def refresh(self) -> None:
        """Read it to its newest checkpoint."""
        await self._station.mirror.pull_directory(self._station.transport)

    # -- people -------------------------------------------------------------------------------

    async def invite(self, code: str, kind: str = "human", *, name: str | None = None) -> str:
        """Invite a person of the own administration (an NCP); the text goes on paper.

        Adds the person if it is not there; for one that is, the invitation is for a further
        device. `name` is what other members will see, sealed.
        """
        await self.refresh()
        person = self.state.person_by_code(code)
        if person is None:
            settings = self._station.settings
            new = PersonId(entry_id(settings.clock(), settings.random))
            await self.decide("person.add", {"person": new, "code": code, "kind": kind})
            person = self.person(code)
        if name is not None:
            self.introduce(Profile(person.id, code, name))
        return (await self._invitation(person)).text()

    async def invite_own_device(self) -> str:
        """Invite a further device of this person, for which this one will vouch."""
        await self.refresh()
        return (await self._invitation(self.state.persons[self._station.vault.person])).text()

    async def vouch(self) -> tuple[Vouched, ...]:
        """Check what came for own invitations (A40, A41) and vouch for what is proven."""
        station = self._station
        await self.refresh()
        done: list[Vouched] = []
        for found in await vouching.received(station.vault, station.transport):
            code = found.invitation.account
            if found.checked is None:
                row = getattr(found.problem, "row", None)
                done.append(Vouched(code, None, str(found.problem), row))
                continue
            checked = found.checked
            body = {
                "person": checked.invitation.person,
                "sign_pk": checked.sign_pk,
                "box_pk": checked.box_pk,
                "proof": checked.enrol_sig,
            }
            await self.decide("device.add", body)
            station.vault.drop_invitation(checked.invitation.lookup)
            station.vault.save()
            device = self.state.persons[checked.invitation.person].devices[-1]
            done.append(Vouched(code, device))
        return tuple(done)

    async def bot_secret(self, code: str) -> bytes:
        """A bot's client secret, given once to its NCP; it goes to the bot's host."""
        return await self._station.transport.bot_secret(self.person(code).id)

    async def suspend(self, code: str) -> StoredReceipt:
        """Suspend a person of the own administration: all its devices stop at once."""
        return await self.decide("person.suspend", {"person": self.person(code).id})

    async def resume(self, code: str) -> StoredReceipt:
        """Lift a suspension."""
        return await self.decide("person.resume", {"person": self.person(code).id})

    async def reset(self, code: str) -> StoredReceipt:
        """Void a person's logins, second factor and recovery codes: everything of it is logged out.

        Only a device that a fresh invitation brings can register anew.
        """
        return await self.decide("person.reset", {"person": self.person(code).id})

    async def revoke(self, device: DeviceId) -> StoredReceipt:
        """Revoke a device: of the own administration (an NCP), or an own one."""
        return await self.decide("device.revoke", {"device": device})

    async def revoke_all(self, code: str) -> tuple[DeviceId, ...]:
        """Revoke every active device of a person (an NCP): all are lost."""
        lost = tuple(
            sorted(device.id for device in self.state.active_devices(self.person(code).id))
        )
        for device in lost:
            await self.revoke(device)
        return lost

    async def rekey(self) -> StoredReceipt:
        """Give this device a new box key (DESIGN 3: every 30 days).

        The new secret is in the vault before the entry is sent; old ones go by `retire_keys`.
        """
        vault = self._station.vault
        await self.refresh()
        key = vault.add_box_key(self.state.size)
        vault.save()
        return await self.decide("device.rekey", {"box_pk": key.public})

    async def request_role(self, code: str) -> StoredReceipt:
        """Ask governance for the role "may create operations"."""
        body = {"person": self.person(code).id, "role": "operations"}
        return await self.decide("role.request", body)

    # -- names --------------------------------------------------------------------------------

    def introduce(self, profile: Profile) -> None:
        """Keep a name that this client gives to the other members of its operations."""
        kept = {known.person: known for known in self.introduced()}
        kept[profile.person] = profile
        content = profile_content(kept[person] for person in sorted(kept))
        self._station.vault.put_note(PROFILES, encode(content))
        self._station.vault.save()

    def introduced(self) -> tuple[Profile, ...]:
        """The names that this vault gives to others."""
        kept = self._station.vault.notes.get(PROFILES)
        if not isinstance(kept, bytes):
            return ()
        return parse_profiles(decode_map(kept, max_size=1 << 20))

    # -- posting ------------------------------------------------------------------------------

    async def decide(self, kind: str, body: Mapping[str, Any]) -> StoredReceipt:
        """Post a directory entry; signed anew when another on the same subject came first.

        Raises Refused with the rule's code, TransportError, LogAlarm.
        """
        station = self._station
        for _ in range(TRIES):
            await self.refresh()
            async with self._lock:
                entry = station.author.directory_entry(kind, body)
                try:
                    receipt = await station.outbox.submit(station.vault.directory_log, entry)
                except ConflictingEntry:
                    continue
            await self.refresh()
            return receipt
        raise TryLater("too_busy", f"{kind}: {TRIES} other decisions came first")

    async def _invitation(self, person: Person) -> Invitation:
        station = self._station
        return await vouching.invite(
            station.vault,
            station.transport,
            station.settings.clock,
            person=person.id,
            account=person.code,
            bot=person.kind == "bot",
            random=station.settings.random,
        )


def person_id(directory: DirectoryState, code: str) -> PersonId:
    """The id of a person by functional code; raises ProtocolError(UNKNOWN_PERSON)."""
    person = directory.person_by_code(code)
    if person is None:
        raise ProtocolError(ErrorCode.UNKNOWN_PERSON, f"no person has the code {code}")
    return person.id


def administration_id(directory: DirectoryState, code: str) -> AdminId:
    """The id of an active administration by code; raises ProtocolError(UNKNOWN_ADMINISTRATION)."""
    found = directory.administration_by_code(code)
    if found is None:
        raise ProtocolError(
            ErrorCode.UNKNOWN_ADMINISTRATION, f"no administration has the code {code}"
        )
    return found.id
