"""Whether those for whom a message is will read it, and whether only they will (DESIGN 3, A54).

`to` addresses, a task names who is to do it, a controlled delivery names its recipients: whom a
channel does not reach was told nothing, and its author would wait. This client refuses to post it
there. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import Member, OperationState

from cencomm_client.directing import path_of
from cencomm_client.errors import NotDirected
from cencomm_client.kinds import CONTROLLED_DELIVERY, TASK
from cencomm_client.work import reading

MOST_NAMED = 12  # people that an error names


def expect_reached(
    state: OperationState,
    directory: DirectoryState,
    channel: Channel,
    author: PersonId,
    kind: str,
    content: Mapping[str, Any],
    to: Iterable[bytes] | None = None,
) -> None:
    """Raise ProtocolError(NOT_MEMBER) if somebody for whom a message is does not read the channel,
    NotDirected if somebody reads a controlled delivery whom it does not name."""
    if not to and kind not in (CONTROLLED_DELIVERY, TASK):
        return  # for whoever reads it
    readers = [one for one in state.members.values() if state.in_channel(one.person, channel)]
    where = f"channel {path_of(state, channel)!a}"
    inside = {one.person for one in readers}
    deaf = [directory.persons[PersonId(one)].code for one in to or () if one not in inside]
    named = reading.recipients(content) if kind == CONTROLLED_DELIVERY else ()
    begun = kind == TASK and not reading.ended(content)  # of who left, its end is said all the same
    doing = reading.assignees(content) if begun else ()
    reached = {code: _meant(directory, readers, code) for code in (*named, *doing)}
    deaf += [code for code, found in reached.items() if not found]
    if deaf:
        raise ProtocolError(
            ErrorCode.NOT_MEMBER, f"{_listed(deaf)} would not read it: not in {where}"
        )
    if kind == CONTROLLED_DELIVERY:
        meant = {author}.union(*(reached[code] for code in named))
        beside = [directory.persons[one].code for one in inside - meant]
        if beside:
            raise NotDirected(
                f"{_listed(beside)} would read it in {where} and is not among its named recipients;"
                " name who is to read it, or post it in a channel for those alone: --to-only"
            )


def _meant(directory: DirectoryState, readers: Iterable[Member], code: str) -> set[PersonId]:
    """Who of the readers a code means: a person, or whoever is of an administration."""
    admin, person = directory.administration_by_code(code), directory.person_by_code(code)
    return {
        one.person
        for one in readers
        if (admin is not None and one.admin == admin.id)
        or (person is not None and one.person == person.id)
    }


def _listed(codes: Iterable[str]) -> str:
    found = sorted(set(codes))
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
