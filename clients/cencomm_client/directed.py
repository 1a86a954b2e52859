"""Directed channels: made on first use for exactly a set, found again where there is one (A54).

What belongs into one is said in `directing`; who is in it is visible to all members.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId, ChannelId, PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.directing import expect_not_closed
from cencomm_client.directory import administration_id, person_id
from cencomm_client.errors import ConflictingEntry, TryLater
from cencomm_client.posting import Poster
from cencomm_client.sending import TRIES
from cencomm_client.view import OperationView

LONGEST_NAME = 64  # characters of a channel's name
MOST_ADMINISTRATIONS = 300  # of a rule (PROTOCOL, channel.create)
MOST_LISTED = 3000  # persons of a list


@dataclass(frozen=True, slots=True)
class Circle:
    """Who is to read: whole administrations, as they are at any time, or listed persons."""

    name: str
    administrations: frozenset[AdminId] = frozenset()
    persons: frozenset[PersonId] = frozenset()

    def body(self, parent: Channel) -> dict[str, Any]:
        """The body of `channel.create`."""
        body: dict[str, Any] = {
            "name": self.name,
            "window": list(parent.window),
            "parent": parent.id,
        }
        if self.administrations:
            return body | {"rule": {"admins": sorted(self.administrations)}}
        return body | {"members": sorted(self.persons)}

    def is_of(self, channel: Channel) -> bool:
        """Whether a channel is for exactly this circle."""
        if self.administrations:
            rule = channel.rule
            return rule is not None and rule.admins == self.administrations
        listed = channel.members
        return listed is not None and frozenset(listed) == self.persons

    def lacks_reader(self, state: OperationState, channel: Channel) -> bool:
        """Whether somebody reads this circle's channel who is not of the circle: an expert whom a
        coordinator admitted into it stands on no list."""
        return any(
            member.chan == channel.id
            and state.in_channel(member.person, channel)
            and member.admin not in self.administrations
            and member.person not in self.persons
            for member in state.members.values()
        )


def circle(
    state: OperationState,
    directory: DirectoryState,
    parent: Channel,
    author: PersonId,
    people: Iterable[str] = (),
    administrations: Iterable[str] = (),
) -> Circle:
    """The circle that an author names by codes; the author is always in it.

    Whole administrations, the author's own among them, are a rule: who joins them later reads
    too. Anything else is the list of those who are in the parent now, and of the author alone
    from an administration that was not named: nobody reads who was not meant.

    Raises ProtocolError: UNKNOWN_PERSON, UNKNOWN_ADMINISTRATION, NOT_MEMBER, BAD_VALUE, CLOSED.
    """
    expect_not_closed(parent)
    people, codes = sorted(set(people)), sorted(set(administrations))
    named = frozenset(person_id(directory, code) for code in people)
    for person, code in zip(map(directory.person_by_code, people), people, strict=True):
        if person is None or not state.in_channel(person.id, parent):
            raise ProtocolError(ErrorCode.NOT_MEMBER, f"{code} is not in channel {parent.name!a}")
    inside: set[PersonId] = set()
    for code in codes:  # a set with nobody behind a name is not the one that was meant
        found = _inside(state, parent, administration_id(directory, code))
        if not found or (found == {author} and codes == [code] and not named):
            raise ProtocolError(
                ErrorCode.NOT_MEMBER, f"nobody else of {code} is in channel {parent.name!a}"
            )
        inside |= found
    admins = frozenset(administration_id(directory, code) for code in codes)
    if not named - {author} and not admins:
        raise ProtocolError(ErrorCode.BAD_VALUE, "somebody to read it besides the author expected")
    name = _name([*codes, *people])
    if not named and directory.persons[author].admin in admins:
        if len(admins) > MOST_ADMINISTRATIONS:
            raise ProtocolError(
                ErrorCode.TOO_MANY, f"at most {MOST_ADMINISTRATIONS} administrations"
            )
        return Circle(name, administrations=admins)
    persons = named | inside | {author}
    if len(persons) > MOST_LISTED:
        raise ProtocolError(ErrorCode.TOO_MANY, f"{len(persons)} persons, at most {MOST_LISTED}")
    return Circle(name, persons=persons)


def existing(state: OperationState, parent: ChannelId, wanted: Circle, at: int) -> Channel | None:
    """The directed channel for exactly this circle that still runs at `at` (ms).

    Where racing makers, or a program that did not look, left several, all take the first.
    """
    found = [
        channel
        for channel in state.channels.values()
        if channel.parent == parent
        and wanted.is_of(channel)
        and not wanted.lacks_reader(state, channel)
        and not state.channel_over(channel, at)
    ]
    return min(found, key=lambda channel: channel.created, default=None)


async def find_or_make(
    view: OperationView, poster: Poster, parent: ChannelId, wanted: Circle, now: int
) -> ChannelId:
    """The channel for this circle, created if there is none; it has no epoch before its first use.

    Not `decide`, which signs the loser of a race anew without looking: two makers would make two.
    """
    await poster.flush()
    for _ in range(TRIES):
        await poster.sender.pull()
        state = view.state
        found = existing(state, parent, wanted, max(now, state.at))
        if found is not None:
            return found.id
        try:
            posted = await poster.sender.entry(
                "channel.create", wanted.body(state.channels[parent])
            )
        except ConflictingEntry:
            continue
        made = [each.id for each in view.state.channels.values() if each.created == posted.seq]
        return made[0]
    raise TryLater("too_busy", f"channel.create: {TRIES} other decisions came first")


def split_circle(directory: DirectoryState, codes: Iterable[str]) -> tuple[list[str], list[str]]:
    """Codes of people and of administrations, told apart; raises ProtocolError(UNKNOWN_PERSON)."""
    people: list[str] = []
    administrations: list[str] = []
    for code in codes:
        if directory.administration_by_code(code) is not None:
            administrations.append(code)
        else:
            people.append(directory.persons[person_id(directory, code)].code)
    return people, administrations


def _inside(state: OperationState, parent: Channel, admin: AdminId) -> set[PersonId]:
    """The people of an administration who read the parent now."""
    return {
        member.person
        for member in state.members.values()
        if member.admin == admin and state.in_channel(member.person, parent)
    }


def _name(codes: list[str]) -> str:
    """Who is in it is visible to all members anyway, so the name says it."""
    name = ", ".join(codes)
    return name if len(name) <= LONGEST_NAME else f"{', '.join(codes[:3])} +{len(codes) - 3}"
