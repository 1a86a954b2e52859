"""What belongs into a directed channel, and what such a channel is called (DESIGN 3, A54).

`to` addresses and never hides: what only some of a channel may read (TLP RED, a controlled
delivery, an expert's sub-thread) is sealed in a channel of its own within it. This client refuses
to post it elsewhere, and readers flag what another client let through. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cencomm_config.display import shown_time
from cencomm_config.forms import schemas
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import Role

from cencomm_client.errors import NotDirected
from cencomm_client.kinds import CONTROLLED_DELIVERY, CORRECTION
from cencomm_client.work import reading


def adds_content(fields: Iterable[str]) -> bool:
    """Whether a correction of these fields says more than how an entry is to be handled: who
    tightens the handling of what all have read tells them nothing."""
    return not set(fields) <= set(schemas.envelope_fields())


def directing(
    role_of: Callable[[PersonId], Role | None],
    kind: str,
    content: Mapping[str, Any],
    to: Iterable[bytes] | None,
) -> str | None:
    """Why a message belongs into a directed channel; None where it does not. `role_of`: as it was
    when the message was written."""
    if kind == CONTROLLED_DELIVERY:
        return "a controlled delivery is for its named recipients"
    said = reading.changed(content) if kind == CORRECTION else content
    if said.get("tlp") == "RED" and (said is content or adds_content(said)):
        return "TLP RED is for its named recipients"
    for person in to or ():
        if role_of(PersonId(person)) is Role.EXPERT:
            return "what an expert is asked is a thread of its own"
    return None


def expect_directed(
    state: OperationState,
    channel: Channel,
    kind: str,
    content: Mapping[str, Any],
    to: Iterable[bytes] | None,
) -> None:
    """Raise NotDirected if a message would be read by more than it is for."""
    reason = None if channel.parent is not None else directing(state.role_of, kind, content, to)
    if reason is not None:
        raise NotDirected(
            f"{reason}; all of channel {channel.name!a} would read it. Post it in a directed"
            f" channel: operation.directed({channel.name!a}, ...), or on the command line --to-only"
        )


def closed_at(state: OperationState, channel: Channel) -> int | None:
    """When a channel was closed, or the one that it is part of (ms).

    A client rule: who does not read the parent cannot tell, so the rules of the log go on taking
    what is sealed in a directed channel after its parent's close.
    """
    if channel.closed_at is not None or channel.parent is None:
        return channel.closed_at
    return state.channels[channel.parent].closed_at


def expect_not_closed(parent: Channel) -> None:
    """Raise ProtocolError(CLOSED): nothing is begun within a channel that was closed."""
    if parent.closed_at is not None:
        raise ProtocolError(
            ErrorCode.CLOSED,
            f"channel {parent.name!a} was closed at {shown_time(parent.closed_at)}",
        )


def path_of(state: OperationState, channel: Channel) -> str:
    """A channel's name, of a directed one behind its parent's."""
    if channel.parent is None:
        return channel.name
    return f"{state.channels[channel.parent].name}/{channel.name}"


def called(state: OperationState, path: str, person: PersonId) -> Channel | None:
    """The channel of this path; of several for the same people the first that was made.

    Anybody calls the directed channels that it makes as it likes. Raises ProtocolError(BAD_VALUE)
    where the name alone does not say who reads: channels of different people, of which this
    person is in more than one.
    """
    named = [channel for channel in state.channels.values() if path_of(state, channel) == path]
    own = [channel for channel in named if state.in_channel(person, channel)] or named
    found = [channel for channel in own if channel.closed_at is None] or own
    if len({_readers(state, channel) for channel in found}) > 1:
        ids = ", ".join(sorted(channel.id.hex() for channel in found))
        raise ProtocolError(
            ErrorCode.BAD_VALUE,
            f"{path!a} is the name of several channels that not the same people read; name one by"
            f" its id ({ids}), or its readers by --to-only",
        )
    return min(found, key=lambda channel: channel.created, default=None)


def _readers(state: OperationState, channel: Channel) -> tuple[object, frozenset[PersonId]]:
    """Who reads a channel, now and by rule."""
    inside = (one.person for one in state.members.values() if state.in_channel(one.person, channel))
    return channel.rule, frozenset(inside)
