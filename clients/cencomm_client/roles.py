"""Who was what in an operation, and when, as its accepted control entries say; pure.

What somebody wrote is judged by what he was then: a coordinator who gave the role up later has
granted what he granted, and who becomes one later has not.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.rights import Role
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.items import Message


class Held(NamedTuple):
    """What a person is from an entry on; `role` None: no member. `kinds`: of a bot."""

    role: Role | None
    kinds: tuple[str, ...] = ()


class Roles:
    """Every role that anybody held. Takes accepted entries in the log's order."""

    def __init__(self) -> None:
        self._places: dict[PersonId, list[int]] = {}
        self._held: dict[PersonId, list[Held]] = {}

    def clear(self) -> None:
        """Forget all: the log is told anew."""
        self._places.clear()
        self._held.clear()

    def take(self, found: Sequenced, creator: PersonId) -> None:
        """An accepted entry; `creator`: whoever wrote the operation's genesis coordinates first."""
        entry = found.entry
        if entry is None or entry.body is None:
            return
        body = entry.body
        if entry.header.type == "operation.genesis":
            self._put(creator, found.seq, Held(Role.COORDINATOR))
        elif entry.header.type == "members.admit":
            for row in body["members"]:
                held = Held(Role(row["role"]), tuple(row.get("kinds", ())))
                self._put(PersonId(row["person"]), found.seq, held)
        elif entry.header.type == "members.remove":
            for person in body["persons"]:
                self._put(PersonId(person), found.seq, Held(None))
        elif entry.header.type == "role.set":
            self._put(PersonId(body["person"]), found.seq, Held(Role(body["role"])))

    def held(self, person: PersonId | None, seq: int) -> Held:
        """What a person was when the entry at `seq` was written."""
        if person is None or person not in self._places:
            return Held(None)
        place = bisect_left(self._places[person], seq)
        return Held(None) if place == 0 else self._held[person][place - 1]

    def role(self, person: PersonId | None, seq: int) -> Role | None:
        """Its role then."""
        return self.held(person, seq).role

    def author(self, message: Message) -> Role | None:
        """The role in which a message was written."""
        return self.role(message.author.person, message.place.seq)

    def _put(self, person: PersonId, seq: int, held: Held) -> None:
        self._places.setdefault(person, []).append(seq)
        self._held.setdefault(person, []).append(held)
