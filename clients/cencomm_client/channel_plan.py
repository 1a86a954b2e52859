"""What a coordinator says of a channel before there is one, and the body that says it.

Nothing that was named is left out: a channel for fewer, or for others, than its maker meant is
worse than none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.operation.channel import Channel, Window
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import READING

from cencomm_client.directing import expect_not_closed
from cencomm_client.directory import administration_id, person_id


def channel_body(
    state: OperationState,
    directory: DirectoryState,
    author: PersonId,
    name: str,
    *,
    members: Iterable[str] | None,
    administrations: Collection[str],
    roles: Collection[str],
    window: Window | None,
    parent: Channel | None,
) -> dict[str, Any]:
    """The body of `channel.create`; `members` and `administrations` are codes, `window` in ms.

    Raises ProtocolError: BAD_VALUE, UNKNOWN_PERSON, UNKNOWN_ADMINISTRATION.
    """
    said = [members is not None, bool(administrations), bool(roles)]
    if sum(said) > 1:
        raise _bad("members, administrations and roles read; one of the three says who is in it")
    if parent is not None and window is not None:
        raise _bad("a directed channel has its parent's window, none of its own")
    if parent is not None:
        expect_not_closed(parent)
    body: dict[str, Any] = {"name": name, "window": list(window or state.window)}
    if parent is not None:
        body |= {"parent": parent.id, "window": list(state.window_of(parent))}
    if members is not None:
        return body | {
            "members": sorted({author, *(person_id(directory, code) for code in members)})
        }
    if administrations:
        admins = sorted({administration_id(directory, code) for code in administrations})
        return body | {"rule": {"admins": admins}}
    if roles:
        return body | {"rule": {"roles": [_read_role(role) for role in dict.fromkeys(roles)]}}
    return body | {"rule": {"all": True}}


def _read_role(role: str) -> str:
    if role not in set(READING):
        raise _bad(f"role {role!r} read, one of {', '.join(sorted(READING))} expected")
    return role


def _bad(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_VALUE, detail)
