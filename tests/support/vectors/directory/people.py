"""NCPs, persons and devices (PROTOCOL 6.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry

from tests.support.vectors.directory.acts import (
    SMALL,
    SMALL_BOX,
    Body,
    Make,
    Row,
    about_agent,
    after,
    by_ncp,
    device,
    own_entry,
    person,
    suspend_agent,
    suspend_france,
)
from tests.support.vectors.stage import DirectoryStage


def _appointment(**changed: Any) -> Make:
    def make(stage: DirectoryStage) -> Entry:
        directory = stage.directory
        person = directory.new_person(stage.france)
        body = directory.appoint_body(person, directory.new_device(person.id))
        return directory.by_admin_root("ncp.appoint", {**body, **changed}, stage.france)

    return make


def _rekeyed_to(key: Callable[[DirectoryStage], bytes]) -> Make:
    return lambda stage: stage.directory.author(
        "device.rekey", {"box_pk": key(stage)}, stage.agent.device
    )


def _old_box(stage: DirectoryStage) -> bytes:
    return stage.directory.rekey(stage.agent.device).public


def _foreign_proof(stage: DirectoryStage) -> Body:
    """Keys of somebody else's device, claimed for the agent (A41)."""
    device = stage.directory.new_device(stage.colleague.id)
    return {**stage.directory.device_body(device), "person": stage.agent.id}


def _another(stage: DirectoryStage, have: int) -> Entry:
    """One more device of the agent, who has so many."""
    while len(stage.agent.devices) < have:
        stage.directory.device(stage.agent, voucher=stage.agent.device)
    return stage.directory.author("device.add", device(stage), stage.agent.device)


PEOPLE: list[Row] = [
    ("ncp.appoint", "DIR-18", _appointment(), None),
    ("ncp.appoint of a known person", "DIR-18",
     lambda s: s.directory.by_admin_root(
         "ncp.appoint", {**s.directory.device_body(s.directory.new_device(s.agent.id)),
                         "code": "FR-099"}, s.france), "already_exists"),
    ("ncp.appoint with a taken code", "DIR-6", _appointment(code="FR-001"), "already_exists"),
    ("ncp.appoint with another's prefix", "DIR-6", _appointment(code="BE-099"), "bad_value"),
    ("ncp.appoint by a suspended administration", "DIR-18", after(suspend_france, _appointment()),
     "inactive"),
    ("ncp.appoint with a foreign proof", "DIR-8", _appointment(proof=bytes(64)), "bad_signature"),
    ("ncp.dismiss", "DIR-18",
     lambda s: s.directory.by_admin_root("ncp.dismiss", {"person": s.france.ncp.id}, s.france),
     None),
    ("ncp.dismiss of an unknown person", "DIR-18",
     lambda s: s.directory.by_admin_root("ncp.dismiss", {"person": bytes(16)}, s.france),
     "unknown_person"),
    ("ncp.dismiss of another's NCP", "DIR-18",
     lambda s: s.directory.by_admin_root("ncp.dismiss", {"person": s.belgium.ncp.id}, s.france),
     "not_permitted"),
    ("ncp.dismiss of no NCP", "DIR-18",
     lambda s: s.directory.by_admin_root("ncp.dismiss", {"person": s.agent.id}, s.france),
     "inactive"),
    ("a dismissed NCP", "DIR-7",
     after(lambda s: s.directory.dismiss(s.france.ncp), by_ncp("person.add", person("FR-777"))),
     "not_permitted"),
    ("person.add", "DIR-19", by_ncp("person.add", person("FR-777")), None),
    ("person.add of a bot", "DIR-19", by_ncp("person.add", person("FR-BOT-1", "bot")), None),
    ("person.add of a known id", "DIR-19",
     by_ncp("person.add", lambda s: {"person": s.agent.id, "code": "FR-777", "kind": "human"}),
     "already_exists"),
    ("person.add with a taken code", "DIR-6", by_ncp("person.add", person("FR-001")),
     "already_exists"),
    ("person.add with a look-alike code", "DIR-6", by_ncp("person.add", person("FR-OO1")),
     "already_exists"),
    ("person.add with a look-alike digit", "DIR-6", by_ncp("person.add", person("FR-O01")),
     "already_exists"),
    ("person.add without the prefix", "DIR-6", by_ncp("person.add", person("777")), "bad_value"),
    ("person.add with the prefix alone", "DIR-6", by_ncp("person.add", person("FR")),
     "bad_value"),
    ("person.suspend", "DIR-19", by_ncp("person.suspend", about_agent), None),
    ("person.suspend twice", "DIR-19",
     after(suspend_agent, by_ncp("person.suspend", about_agent)), "inactive"),
    ("person.suspend of an unknown person", "DIR-19",
     by_ncp("person.suspend", lambda s: {"person": bytes(16)}), "unknown_person"),
    ("person.suspend of another's", "DIR-7",
     by_ncp("person.suspend", lambda s: {"person": s.foreigner.id}), "not_permitted"),
    ("person.resume", "DIR-19",
     after(suspend_agent, by_ncp("person.resume", about_agent)), None),
    ("person.resume of an active one", "DIR-19", by_ncp("person.resume", about_agent),
     "already_exists"),
    ("person.reset", "DIR-19", by_ncp("person.reset", about_agent), None),
    ("person.reset twice", "DIR-19",
     after(lambda s: s.directory.append(by_ncp("person.reset", about_agent)(s)),
            by_ncp("person.reset", about_agent)), None),
    ("device.add by an NCP has no voucher", "DIR-9", by_ncp("device.add", device), None),
    ("device.add by an own device has it as voucher", "DIR-9",
     lambda s: s.directory.author("device.add", device(s), s.agent.device), None),
    ("device.add by an NCP for itself has a voucher", "DIR-9",
     lambda s: s.directory.author(
         "device.add", s.directory.device_body(s.directory.new_device(s.france.ncp.id)),
         s.france.ncp.device), None),
    ("device.add of a sixteenth active one", "DIR-9", lambda s: _another(s, 15), None),
    ("device.add of a seventeenth active one", "DIR-9", lambda s: _another(s, 16), "too_many"),
    ("device.add by a colleague", "DIR-7",
     lambda s: s.directory.author("device.add", device(s), s.colleague.device), "not_permitted"),
    ("device.add for an unknown person", "DIR-8",
     by_ncp("device.add", lambda s: {**device(s), "person": bytes(16)}), "unknown_person"),
    ("device.add for a suspended person", "DIR-8",
     after(suspend_agent, by_ncp("device.add", device)), "inactive"),
    ("device.add with a proof for another person", "DIR-8", by_ncp("device.add", _foreign_proof),
     "bad_signature"),
    ("device.add with a proof over another box key", "DIR-8",
     by_ncp("device.add", lambda s: device(s, box_pk=s.directory.box_key().public)),
     "bad_signature"),
    ("device.add with keys of another device", "KEY-5",
     by_ncp("device.add", lambda s: s.directory.device_body(s.colleague.device)), "key_reused"),
    ("device.add with another's box key", "KEY-5",
     by_ncp("device.add", lambda s: device(s, box_pk=s.colleague.device.box.public)),
     "key_reused"),
    ("device.add with a root's signing key", "DIR-13",
     by_ncp("device.add", lambda s: device(s, sign_pk=s.france.root.public)), "key_reused"),
    ("device.add with a signing key of small order", "DIR-8",
     by_ncp("device.add", lambda s: device(s, sign_pk=SMALL)), "bad_key"),
    ("device.add with a box key of small order", "DIR-8",
     by_ncp("device.add", lambda s: device(s, box_pk=SMALL_BOX)), "bad_key"),
    ("device.add with keys of a revoked device", "KEY-5",
     after(lambda s: s.directory.revoke(s.agent.device, by=s.france.ncp.device),
            by_ncp("device.add", lambda s: s.directory.device_body(s.agent.device))),
     "key_reused"),
    ("device.revoke by itself", "DIR-20",
     lambda s: s.directory.author(
         "device.revoke", {"device": s.agent.device.id}, s.agent.device), None),
    ("device.revoke by a sibling", "DIR-20",
     lambda s: s.directory.author(
         "device.revoke", {"device": s.agent.device.id}, s.agent.devices[1]), None),
    ("device.revoke of an unknown one", "DIR-20",
     by_ncp("device.revoke", lambda s: {"device": bytes(16)}), "unknown_device"),
    ("device.revoke twice", "DIR-20",
     after(lambda s: s.directory.revoke(s.agent.device, by=s.france.ncp.device),
            by_ncp("device.revoke", lambda s: {"device": s.agent.device.id})), "inactive"),
    ("device.rekey", "DIR-21", own_entry, None),
    ("device.rekey to the present key", "KEY-5",
     _rekeyed_to(lambda s: s.agent.device.box.public), "key_reused"),
    ("device.rekey back to an old key", "KEY-5", _rekeyed_to(_old_box), "key_reused"),
    ("device.rekey to a key of small order", "KEY-2", _rekeyed_to(lambda s: SMALL_BOX), "bad_key"),
    ("device.rekey to a key beyond the field", "KEY-2",
     _rekeyed_to(lambda s: (2**255 - 10).to_bytes(32, "little")), "bad_key"),
]  # fmt: skip
