"""directory-rights.json: one case per cell of PROTOCOL 12.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.bodies import DIRECTORY_TYPES, ROOT_SIGNED
from cencomm_crypto.public.directory.rights import DIRECTORY_RIGHTS, Authority
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigType

from tests.support.directory import HeldDevice
from tests.support.vectors.notation import Book
from tests.support.vectors.rights.cells import cell
from tests.support.vectors.stage import DirectoryStage

OUTSIDERS = ("colleague", "foreign-ncp", "foreigner", "bot")


def directory_rights() -> Book:
    """Every type of the directory, tried on every authority and by outsiders."""
    stage = DirectoryStage()
    cases = []
    for kind in sorted(DIRECTORY_TYPES - {"directory.genesis"}):
        roots = (Authority.GOVERNANCE, Authority.ADMIN_ROOT)
        devices = (Authority.NCP, Authority.OWN_DEVICE, Authority.ITSELF, *OUTSIDERS)
        for who in roots if kind in ROOT_SIGNED else devices:
            with stage.rewound():
                body = _directory_body(stage, kind)
                if kind in ROOT_SIGNED:
                    entry = _by_root(stage, kind, Authority(who), body)
                else:
                    entry = stage.directory.author(kind, body, _device_of(stage, who))
                case = stage.judged(f"{kind} by {who}", "RGT-1", entry, _refused(kind, who))
                cases.append(cell(case, kind, who))
    return Book("PROTOCOL 12.1: rights in the directory", cases, {stage.name: stage.scene()})


def _refused(kind: str, who: str) -> str | None:
    """The code of a cell, None where the table grants it."""
    granted = DIRECTORY_RIGHTS[kind]
    if who in granted:
        return None
    if who == Authority.ITSELF and Authority.OWN_DEVICE in granted:
        return None  # the device itself is also its person's
    if kind == "device.rekey":
        return None  # whoever posts it gives itself a new box key
    if kind in ROOT_SIGNED:
        # an administration's root gives one signature where two of governance are needed;
        # governance gives two, the second under an index that an administration's root lacks
        return "bad_threshold"
    if (kind, who) == ("person.add", "foreign-ncp"):
        return "bad_value"  # its own person, then, but under a French code
    if kind == "person.resume" and who in (Authority.OWN_DEVICE, Authority.ITSELF):
        return "inactive"  # the suspended person itself
    return "not_permitted"


def _device_of(stage: DirectoryStage, who: str) -> HeldDevice:
    devices: dict[str, HeldDevice] = {
        Authority.NCP: stage.france.ncp.device,
        Authority.OWN_DEVICE: stage.agent.devices[1],
        Authority.ITSELF: stage.agent.device,
        "colleague": stage.colleague.device,
        "foreign-ncp": stage.belgium.ncp.device,
        "foreigner": stage.foreigner.device,
        "bot": stage.bot.device,
    }
    return devices[who]


def _directory_body(stage: DirectoryStage, kind: str) -> dict[str, Any]:
    directory, agent = stage.directory, stage.agent
    if kind == "person.resume":
        directory.suspend(agent)
    elif kind == "role.withdraw":
        directory.grant_operations(agent)
    elif kind == "admin.resume":
        directory.suspend_administration(stage.belgium)
    newcomer = directory.new_person(stage.france)
    key = directory.signing_key("new root").public
    bodies: dict[str, Callable[[], dict[str, Any]]] = {
        "admin.add": lambda: {"code": "NL", "root": key},
        "admin.suspend": lambda: {"admin": stage.france.id},
        "admin.resume": lambda: {"admin": stage.belgium.id},
        "admin.rekey": lambda: {"admin": stage.france.id, "root": key},
        "governance.rekey": lambda: {"keys": [key], "k": 1},
        "logkey.set": lambda: {"log_key": key},
        "witness.set": lambda: {"witness": {"keys": [], "k": 0, "fresh": 0, "mode": "warn"}},
        "suite.raise": lambda: {"suite_min": 2},
        "role.grant": lambda: {"person": agent.id, "role": "operations"},
        "role.withdraw": lambda: {"person": agent.id, "role": "operations"},
        "role.request": lambda: {"person": agent.id, "role": "operations"},
        "log.restored": lambda: dict(directory.lose()),
        "ncp.appoint": lambda: directory.appoint_body(newcomer, directory.new_device(newcomer.id)),
        "ncp.dismiss": lambda: {"admin": stage.france.id, "person": stage.france.ncp.id},
        "person.add": lambda: {"person": newcomer.id, "code": newcomer.code, "kind": "human"},
        "device.add": lambda: directory.device_body(directory.new_device(agent.id)),
        "device.revoke": lambda: {"device": agent.device.id},
        "device.rekey": lambda: {"box_pk": directory.box_key().public},
    }
    return bodies[kind]() if kind in bodies else {"person": agent.id}


def _by_root(stage: DirectoryStage, kind: str, authority: Authority, body: dict[str, Any]) -> Entry:
    """The body with the serial of the root that should sign it, signed by `authority`."""
    directory = stage.directory
    root = directory.state.governance
    last = directory.state.admins[stage.france.id] if kind.startswith("ncp.") else root
    body |= {"type": kind, "poster": directory.poster.sign.public, "serial": last.serial + 1}
    keys = list(enumerate(directory.governance))[: root.k]
    if authority is Authority.ADMIN_ROOT:
        keys = [(0, stage.france.root)]
    signed = directory.signed(body, SigType(authority.value), keys, directory.id32)
    return directory.author(kind, signed, directory.poster)
