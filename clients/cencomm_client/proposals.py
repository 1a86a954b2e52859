"""What awaits a second administration: proposals as a person sees them, and how to write one.

The rules are `cencomm_crypto.public.operation.decisions`; here nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import AdminId, ChannelId
from cencomm_crypto.public.operation.decisions import PROPOSAL_LIFE_MS
from cencomm_crypto.public.operation.state import OperationState, Proposal


class Standing(StrEnum):
    """What has become of a proposal."""

    OPEN = "open"
    APPROVED = "approved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal; `expires` in ms. `ours`: made by this person's own administration."""

    leaf: bytes
    subject: str
    seq: int
    at: int
    expires: int
    code: str
    administration: str
    body: Mapping[str, Value]
    standing: Standing
    ours: bool


def proposals_of(
    state: OperationState, directory: DirectoryState, administration: AdminId, now: int
) -> tuple[Proposed, ...]:
    """Every proposal of an operation, in the log's order; `now` in ms."""
    found = sorted(state.proposals.values(), key=lambda proposal: proposal.seq)
    return tuple(_proposed(each, directory, administration, now) for each in found)


def extension(
    state: OperationState,
    not_after: int | None,
    live: int | None,
    channels: Mapping[ChannelId, int],
) -> dict[str, Any]:
    """The body of `window.propose`: new ends in ms; what is not named stays as it is.

    Starts stay where they are: the rules move an end only, and only to later.
    """
    body: dict[str, Any] = {}
    if not_after is not None:
        body["not_after"] = not_after
    if live is not None:
        body["live"] = [state.live[0], live]
    if channels:
        body["channels"] = [
            [chan, [state.channels[chan].window[0], end]] for chan, end in channels.items()
        ]
    return body


def _proposed(
    proposal: Proposal, directory: DirectoryState, administration: AdminId, now: int
) -> Proposed:
    expires = proposal.at + PROPOSAL_LIFE_MS
    if proposal.spent:
        standing = Standing.APPROVED
    else:
        standing = Standing.OPEN if now <= expires else Standing.EXPIRED
    return Proposed(
        leaf=proposal.leaf,
        subject=proposal.subject,
        seq=proposal.seq,
        at=proposal.at,
        expires=expires,
        code=directory.persons[proposal.person].code,
        administration=directory.admins[proposal.admin].code,
        body=proposal.body,
        standing=standing,
        ours=proposal.admin == administration,
    )
