"""What the state says to servers and clients beside the rules: who may read what, what may go."""

from __future__ import annotations

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ZERO_SCOPE, ChannelId, PersonId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.phases import Phase
from cencomm_crypto.public.rights import Role


def visible(
    state: OperationState,
    person: PersonId,
    scope: bytes,
    *,
    at: int | None = None,
    directory: DirectoryState | None = None,
) -> bool:
    """Whether the person gets entries of this scope whole (DESIGN 2 Scope).

    A member: control entries and its channels. A bot: control entries and its own channel.
    Present and past auditors: everything, once the operation is over. With `directory`, also
    those who decide after the end without being members: control entries. `at` (ms) is now;
    without it, the time of the last entry.
    """
    now = state.at if at is None else max(at, state.at)
    member = state.members.get(person)
    if member is not None:
        if scope == ZERO_SCOPE:
            return True
        channel = state.channels.get(ChannelId(scope))
        if channel is None:
            return False
        if member.role is Role.BOT:
            return member.chan == channel.id
        return state.in_channel(person, channel)
    if not state.ended(now):
        return False
    if state.was_auditor(person):
        return True
    return scope == ZERO_SCOPE and directory is not None and decides_later(state, person, directory)


def decides_later(state: OperationState, person: PersonId, directory: DirectoryState) -> bool:
    """Whether the person may decide after the end without being a member (RULES Operation)."""
    found = directory.person(person)
    if found is None or not directory.active_person(person):
        return False
    first = found.may_create and found.admin == state.author_admin
    return first or (found.ncp and found.admin in state.admins)


def erasable(state: OperationState, at: int) -> bool:
    """Whether bodies of messages and drops may be missing or go at `at` (ms), DESIGN 3 Erasure.

    After erase.approve, or at the genesis' date; a hold or an open request stops the date.
    """
    if state.phase is Phase.ERASED:
        return True
    date: int = state.genesis["retention"]["erase_at"]
    open_request = any(request.report is None for request in state.requests.values())
    return bool(date) and at >= date and state.ended(at) and not state.holds and not open_request


def erased_by_date(state: OperationState, at: int) -> bool:
    """Whether bodies may have gone by date before what stops it now came (A49).

    A hold or a request that came after the date brings nothing back. One that came before it
    stops it.
    """
    date: int = state.genesis["retention"]["erase_at"]
    since = [hold.at for hold in state.holds.values()]
    since += [request.at for request in state.requests.values() if request.report is None]
    return bool(date) and at >= date and state.ended(at) and all(came > date for came in since)
