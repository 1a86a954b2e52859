"""One case per cell of the directory's rights table (DESIGN 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.bodies import DIRECTORY_TYPES, ROOT_SIGNED
from cencomm_crypto.public.directory.rights import DIRECTORY_RIGHTS, REMOVING, Authority
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigType

from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

ROOT_AUTHORITIES = (Authority.GOVERNANCE, Authority.ADMIN_ROOT)
OUTSIDERS = ("colleague", "foreign-ncp", "foreigner", "bot")


class Scene:
    """Two administrations; what each type would be about, and who tries."""

    def __init__(self) -> None:
        self.directory = DirectoryBuilder()
        self.france = self.directory.administration("FR")
        self.belgium = self.directory.administration("BE")
        self.agent = self.directory.person(self.france, devices=2)
        self.colleague = self.directory.person(self.france)
        self.foreigner = self.directory.person(self.belgium)
        self.bot = self.directory.person(self.france, kind="bot")

    def device_of(self, who: str) -> HeldDevice:
        devices: dict[str, HeldDevice] = {
            Authority.NCP: self.france.ncp.device,
            Authority.OWN_DEVICE: self.agent.devices[1],
            Authority.ITSELF: self.agent.device,
            "colleague": self.colleague.device,
            "foreign-ncp": self.belgium.ncp.device,
            "foreigner": self.foreigner.device,
            "bot": self.bot.device,
        }
        return devices[who]

    def body(self, kind: str) -> dict[str, Any]:
        directory, agent = self.directory, self.agent
        newcomer: HeldPerson = directory.new_person(self.france)
        state = directory.state
        if kind in ("person.resume", "role.withdraw", "admin.resume"):
            self._prepare(kind)
        bodies: dict[str, Callable[[], dict[str, Any]]] = {
            "admin.add": lambda: {"code": "NL", "root": directory.signing_key("root").public},
            "admin.suspend": lambda: {"admin": self.france.id},
            "admin.resume": lambda: {"admin": self.belgium.id},
            "admin.rekey": lambda: {
                "admin": self.france.id,
                "root": directory.signing_key("root").public,
            },
            "governance.rekey": lambda: {"keys": [state.governance.keys[0]], "k": 1},
            "logkey.set": lambda: {"log_key": directory.signing_key("log").public},
            "witness.set": lambda: {
                "witness": {"keys": [], "k": 0, "fresh": 0, "mode": "warn"},
            },
            "suite.raise": lambda: {"suite_min": 2},
            "role.grant": lambda: {"person": agent.id, "role": "operations"},
            "role.withdraw": lambda: {"person": agent.id, "role": "operations"},
            "log.restored": lambda: dict(directory.lose()),
            "ncp.appoint": lambda: directory.appoint_body(
                newcomer, directory.new_device(newcomer.id)
            ),
            "ncp.dismiss": lambda: {"admin": self.france.id, "person": self.france.ncp.id},
            "person.add": lambda: {
                "person": newcomer.id,
                "code": newcomer.code,
                "kind": "human",
            },
            "role.request": lambda: {"person": agent.id, "role": "operations"},
            "device.add": lambda: directory.device_body(directory.new_device(agent.id)),
            "device.revoke": lambda: {"device": agent.device.id},
            "device.rekey": lambda: {"box_pk": directory.box_key().public},
        }
        return bodies[kind]() if kind in bodies else {"person": agent.id}

    def _prepare(self, kind: str) -> None:
        if kind == "person.resume":
            self.directory.suspend(self.agent)
        elif kind == "role.withdraw":
            self.directory.grant_operations(self.agent)
        else:
            self.directory.suspend_administration(self.belgium)

    def by_root(self, kind: str, authority: Authority, body: dict[str, Any]) -> Entry:
        """The body as the root of its right would serialise it, signed by `authority`."""
        directory = self.directory
        root = directory.state.governance
        last = directory.state.admins[self.france.id] if kind.startswith("ncp.") else root
        body |= {"type": kind, "poster": directory.poster.sign.public, "serial": last.serial + 1}
        keys = list(enumerate(directory.governance))[: root.k]
        if authority is Authority.ADMIN_ROOT:
            keys = [(0, self.france.root)]
        signed = directory.signed(body, SigType(authority.value), keys, directory.id32)
        return directory.author(kind, signed, directory.poster)


def cells() -> list[tuple[str, str]]:
    kinds = sorted(DIRECTORY_TYPES - {"directory.genesis"})
    device_authorities = (Authority.NCP, Authority.OWN_DEVICE, Authority.ITSELF, *OUTSIDERS)
    return [
        (kind, who)
        for kind in kinds
        for who in (ROOT_AUTHORITIES if kind in ROOT_SIGNED else device_authorities)
    ]


def test_the_table_has_a_row_for_every_type_of_the_directory() -> None:
    assert set(DIRECTORY_RIGHTS) == set(DIRECTORY_TYPES)
    assert set(DIRECTORY_RIGHTS) > REMOVING


def test_exactly_the_types_with_root_signatures_stand_on_a_roots_word() -> None:
    by_root = {kind for kind, who in DIRECTORY_RIGHTS.items() if who <= set(ROOT_AUTHORITIES)}
    assert by_root == set(ROOT_SIGNED)


@pytest.mark.parametrize(("kind", "who"), cells())
def test_each_cell_of_the_rights_table_holds(kind: str, who: str) -> None:
    scene = Scene()
    body = scene.body(kind)
    granted = DIRECTORY_RIGHTS[kind]
    if kind in ROOT_SIGNED:
        entry = scene.by_root(kind, Authority(who), body)
    else:
        entry = scene.directory.author(kind, body, scene.device_of(who))
    refusal = scene.directory.refusal(entry)
    if who in granted or given_by_nature(kind, who):
        assert refusal is None
    elif kind in ROOT_SIGNED:
        assert refusal in (ErrorCode.BAD_SIGNATURE, ErrorCode.BAD_THRESHOLD)
    elif (kind, who) == ("person.add", "foreign-ncp"):
        assert refusal == ErrorCode.BAD_VALUE  # its own person, then, but with a French code
    elif kind == "person.resume" and who in (Authority.OWN_DEVICE, Authority.ITSELF):
        assert refusal == ErrorCode.INACTIVE  # the suspended person itself
    else:
        assert refusal == ErrorCode.NOT_PERMITTED


def given_by_nature(kind: str, who: str) -> bool:
    """What a cell gives beyond its word: the device itself is also its person's, and any
    device may give itself a new box key."""
    if kind == "device.rekey":
        return True
    return who == Authority.ITSELF and Authority.OWN_DEVICE in DIRECTORY_RIGHTS[kind]
