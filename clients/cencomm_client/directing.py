"""What belongs into a directed channel, and what such a channel is called (DESIGN 3, A54).

`to` addresses and never hides: what only some of a channel may read (TLP RED, a controlled
delivery, an expert's sub-thread) is sealed in a channel of its own within it. This client refuses
to post it elsewhere, and readers flag what another client let through. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import Role

from cencomm_client.errors import NotDirected
from cencomm_client.kinds import CONTROLLED_DELIVERY


def directing(
    state: OperationState, kind: str, content: Mapping[str, Any], to: Iterable[bytes] | None
) -> str | None:
    """Why a message belongs into a directed channel; None where it does not."""
    if kind == CONTROLLED_DELIVERY:
        return "a controlled delivery is for its named recipients"
    if content.get("tlp") == "RED":
        return "TLP RED is for its named recipients"
    for person in to or ():
        member = state.members.get(PersonId(person))
        if member is not None and member.role is Role.EXPERT:
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
    reason = None if channel.parent is not None else directing(state, kind, content, to)
    if reason is not None:
        raise NotDirected(
            f"{reason}; all of channel {channel.name!a} would read it. Post it in a directed"
            f" channel: operation.directed({channel.name!a}, ...), or on the command line --to-only"
        )


def path_of(state: OperationState, channel: Channel) -> str:
    """A channel's name, of a directed one behind its parent's."""
    if channel.parent is None:
        return channel.name
    return f"{state.channels[channel.parent].name}/{channel.name}"


def called(state: OperationState, path: str) -> Channel | None:
    """The channel of this path; of several for the same people the first that was made.

    A member chooses the name of what it makes: raises ProtocolError(BAD_VALUE) where channels of
    different people are called alike, so that nobody is read by others than it meant.
    """
    found = [channel for channel in state.channels.values() if path_of(state, channel) == path]
    circles = {(one.parent, frozenset(one.members or ()), one.rule) for one in found}
    if len(circles) > 1:
        ids = ", ".join(sorted(channel.id.hex() for channel in found))
        raise ProtocolError(
            ErrorCode.BAD_VALUE,
            f"{len(found)} channels of different people are called {path!a}; the first digits of"
            f" the id of one expected: {ids}",
        )
    return min(found, key=lambda channel: channel.created, default=None)
