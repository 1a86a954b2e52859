"""Who may author what (DESIGN 4), as data; the specification prints these tables.

A role of an operation is held by a member, `auditor` by the persons of the audit set. Rules
that need more than a role (the creator alone, another administration, a device that held the
epoch) stand with the rule of the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from cencomm_crypto.public.directory.rights import DIRECTORY_RIGHTS

__all__ = [
    "BY_GOVERNANCE",
    "BY_POSSESSION",
    "DECISION_SUBJECTS",
    "DIRECTORY_RIGHTS",
    "OPERATION_RIGHTS",
    "READING",
    "SENDING",
    "Role",
]


class Role(StrEnum):
    """What a person is in one operation."""

    COORDINATOR = "coordinator"
    OFFICER = "officer"
    ANALYST = "analyst"
    OBSERVER = "observer"  # reads
    EXPERT = "expert"  # one channel, besides the main one
    BOT = "bot"  # drops into one channel, reads nothing
    AUDITOR = "auditor"  # no member; nothing before the close
    NCP = "ncp"  # as officer; releases its administration's entries


SENDING = frozenset({Role.COORDINATOR, Role.OFFICER, Role.ANALYST, Role.EXPERT, Role.NCP})
READING = SENDING | {Role.OBSERVER}
_COORDINATOR = frozenset({Role.COORDINATOR})
_AUDITOR = frozenset({Role.AUDITOR})
_NCP = frozenset({Role.NCP})

# what needs two administrations: `X.propose`, then `X.approve`
DECISION_SUBJECTS = ("window", "audit", "close", "resume", "erase", "unhold")

OPERATION_RIGHTS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "operation.genesis": frozenset(),  # by the directory's role "may create operations"
        "log.restored": frozenset(),  # by the governance root
        "members.admit": _COORDINATOR,
        "members.remove": _COORDINATOR,
        "role.set": _COORDINATOR,
        "device.accept": _COORDINATOR,
        "channel.create": SENDING,  # undirected ones: by a coordinator
        "channel.members": _COORDINATOR,
        "phase.set": _COORDINATOR,
        "operation.cancel": _COORDINATOR,  # the creator alone
        "operation.suspend": _COORDINATOR,
        "operation.close": READING,
        "directory.sync": READING,
        "rules.raise": _COORDINATOR,
        "release": _NCP,
        "release.receipt": _NCP,
        "hold": frozenset({Role.COORDINATOR, Role.NCP, Role.AUDITOR}),
        "audit.request": _AUDITOR,
        "audit.grant": _AUDITOR,
        "audit.report": _AUDITOR,
        **{f"{subject}.propose": _COORDINATOR for subject in DECISION_SUBJECTS},
        **{f"{subject}.approve": _COORDINATOR for subject in DECISION_SUBJECTS},
        "channel.rotate": SENDING,
        "channel.grant": SENDING,
        "channel.flag": READING,
        "message": SENDING,
        "drop": frozenset({Role.BOT}),
        "drop.result": SENDING,
        "channel.close": _COORDINATOR,  # once the channel is over: by possession
        "channel.reveal": READING,
    }
)

BY_GOVERNANCE = frozenset({"log.restored"})  # judged on root signatures alone
# from any device ever in the epoch's recips or grants, be it removed or revoked since (DESIGN 3)
BY_POSSESSION = frozenset({"channel.close", "channel.reveal"})
