"""Whom a coordinator admits, as typed: CODE:ROLE, and what a bot or an expert needs besides."""

from __future__ import annotations

from collections.abc import Iterable

from cencomm_crypto.public.rights import Role

from cencomm_client.cli.exits import InputInvalid
from cencomm_client.plan import Admission

_OF_OPTION = {"kind": "kinds"}
_ROLES = tuple(Role)


def admission(
    text: str, channel: str | None, kinds: tuple[str, ...], rate: int | None
) -> Admission:
    """Read CODE:ROLE; raises InputInvalid."""
    code, colon, role = text.rpartition(":")
    if not colon or not code or not role:
        raise InputInvalid(f"{text!r} read, CODE:ROLE expected, such as FR-014:officer")
    role_name(role)
    special = role in ("bot", "expert")
    return Admission(
        code,
        role,
        channel=channel if special else None,
        kinds=kinds if role == "bot" else (),
        rate=rate if role == "bot" else None,
    )


def expect_used(rows: Iterable[Admission], **given: object) -> None:
    """Raise InputInvalid for an option that says something of nobody who is admitted: who names a
    channel for an officer would believe that the officer reads no other."""
    for name, value in given.items():
        used = any(getattr(row, _OF_OPTION.get(name, name)) for row in rows)
        if value and not used:
            whose = "a bot or an expert" if name == "channel" else "a bot"
            raise InputInvalid(f"--{name} is for {whose}; nobody here is admitted as one")


def role_name(text: str) -> str:
    """A member's role; raises InputInvalid."""
    if text not in _ROLES:
        raise InputInvalid(f"role {text!r} read, one of {', '.join(_ROLES)} expected")
    return text
