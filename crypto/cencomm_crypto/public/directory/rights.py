"""Who may author which directory entry (DESIGN 4), as data; the specification prints this table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Authority(StrEnum):
    """On whose word a directory entry stands."""

    GOVERNANCE = "governance"  # k signatures of the governance root in the body
    ADMIN_ROOT = "admin-root"  # the signature of the administration's root in the body
    NCP = "ncp"  # an active NCP of the same administration as the person or device
    OWN_DEVICE = "own-device"  # an active device of the same person
    ITSELF = "itself"  # the device itself


_BY_GOVERNANCE = frozenset({Authority.GOVERNANCE})
_BY_ADMIN_ROOT = frozenset({Authority.ADMIN_ROOT})
_BY_NCP = frozenset({Authority.NCP})
_BY_NCP_OR_PERSON = frozenset({Authority.NCP, Authority.OWN_DEVICE})

DIRECTORY_RIGHTS: Mapping[str, frozenset[Authority]] = MappingProxyType(
    {
        "directory.genesis": _BY_GOVERNANCE,
        "admin.add": _BY_GOVERNANCE,
        "admin.suspend": _BY_GOVERNANCE,
        "admin.resume": _BY_GOVERNANCE,
        "admin.rekey": _BY_GOVERNANCE,
        "governance.rekey": _BY_GOVERNANCE,
        "logkey.set": _BY_GOVERNANCE,
        "witness.set": _BY_GOVERNANCE,
        "suite.raise": _BY_GOVERNANCE,
        "role.grant": _BY_GOVERNANCE,
        "role.withdraw": _BY_GOVERNANCE,
        "log.restored": _BY_GOVERNANCE,
        "ncp.appoint": _BY_ADMIN_ROOT,
        "ncp.dismiss": _BY_ADMIN_ROOT,
        "person.add": _BY_NCP,
        "person.suspend": _BY_NCP,
        "person.resume": _BY_NCP,
        "person.reset": _BY_NCP,
        "role.request": _BY_NCP,
        "device.add": _BY_NCP_OR_PERSON,
        "device.revoke": _BY_NCP_OR_PERSON,
        "device.rekey": frozenset({Authority.ITSELF}),
    }
)

# Entries after which somebody may no longer be a recipient; each raises `removals` by one.
# ncp.dismiss is among them because an operation's role `ncp` rests on it. person.reset is not:
# it voids logins and second factors, and leaves the devices as they are.
REMOVING: frozenset[str] = frozenset(
    {"admin.suspend", "ncp.dismiss", "person.suspend", "device.revoke"}
)
