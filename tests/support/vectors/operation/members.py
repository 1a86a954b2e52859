"""Members, roles and their devices (PROTOCOL 7.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.vectors.operation.acts import Make, Row, after, aside, control, hold, message
from tests.support.vectors.stage import Stage


def _admission(*rows: Callable[[Stage], dict[str, Any]]) -> Make:
    return lambda stage: stage.operation.author(
        "members.admit", {"members": [row(stage) for row in rows]}, stage.chief
    )


def _outsider(role: str, **fields: Any) -> Callable[[Stage], dict[str, Any]]:
    return lambda stage: {"person": stage.outsider.id, "role": role, **fields}


def _new_bot(stage: Stage, **fields: Any) -> dict[str, Any]:
    bot = stage.directory.person(stage.france, kind="bot")
    return {"person": bot.id, "role": "bot", **fields}


def _bot_fields(stage: Stage) -> dict[str, Any]:
    return {"chan": stage.work, "kinds": ["HIT"], "rate": 60}


def _remove(*people: Callable[[Stage], HeldPerson]) -> Make:
    return lambda stage: stage.operation.author(
        "members.remove", {"persons": [person(stage).id for person in people]}, stage.chief
    )


def _set_role(person: Callable[[Stage], HeldPerson], role: str) -> Make:
    return lambda stage: stage.operation.author(
        "role.set", {"person": person(stage).id, "role": role}, stage.chief
    )


def _accept(device: Callable[[Stage], HeldDevice]) -> Make:
    return lambda stage: stage.operation.author(
        "device.accept", {"device": device(stage).id}, stage.chief
    )


def _by_ncp_alone(stage: Stage) -> HeldDevice:
    return stage.directory.device(stage.officer)


def _back_on_a_list(stage: Stage) -> Entry:
    """Who was removed and comes back is not in the channels that listed it (MEM-2)."""
    chan = stage.operation.channel("listed", [stage.chief, stage.officer])
    stage.operation.rotate(chan)
    stage.operation.remove(stage.officer)
    stage.operation.admit(stage.officer, "officer")
    stage.operation.rotate(chan)
    return stage.operation.sealed(chan, stage.officer)


MEMBERS: list[Row] = [
    ("members.admit of an officer", "MEM-1", _admission(_outsider("officer")), None),
    ("members.admit of an expert", "MEM-1",
     lambda s: _admission(_outsider("expert", chan=s.work))(s), None),
    ("members.admit of a bot", "MEM-1",
     lambda s: _admission(lambda st: _new_bot(st, **_bot_fields(st)))(s), None),
    ("members.admit of an unknown person", "MEM-1",
     _admission(lambda _: {"person": bytes(16), "role": "officer"}), "unknown_person"),
    ("members.admit of a member", "MEM-1",
     _admission(lambda s: {"person": s.officer.id, "role": "analyst"}), "already_exists"),
    ("members.admit of one person twice", "MEM-1",
     _admission(_outsider("officer"), _outsider("analyst")), "bad_value"),
    ("members.admit of a suspended person", "MEM-1",
     after(lambda s: s.directory.suspend(s.outsider), _admission(_outsider("officer"))),
     "inactive"),
    ("members.admit of an auditor as officer", "MEM-1",
     _admission(lambda s: {"person": s.auditors[0].id, "role": "officer"}), "bad_audit_set"),
    ("members.admit as auditor", "MEM-1", _admission(_outsider("auditor")), "bad_audit_set"),
    ("members.admit of a bot as officer", "MEM-1",
     _admission(lambda s: _new_bot(s, role="officer")), "not_permitted"),
    ("members.admit of a human as bot", "MEM-1",
     lambda s: _admission(_outsider("bot", **_bot_fields(s)))(s), "not_permitted"),
    ("members.admit as ncp of who is none", "MEM-1", _admission(_outsider("ncp")), "not_permitted"),
    ("members.admit as ncp", "MEM-1",
     _admission(lambda s: {"person": s.france.ncp.id, "role": "ncp"}), None),
    ("members.admit of an expert without a channel", "MEM-1", _admission(_outsider("expert")),
     "bad_value"),
    ("members.admit of an officer with a channel", "MEM-1",
     lambda s: _admission(_outsider("officer", chan=s.work))(s), "bad_value"),
    ("members.admit of a bot without a rate", "MEM-1",
     _admission(lambda s: _new_bot(s, chan=s.work, kinds=["HIT"])), "bad_value"),
    ("members.admit of an expert in the main channel", "MEM-1",
     lambda s: _admission(_outsider("expert", chan=s.operation.main))(s), "bad_value"),
    ("members.admit of an expert into a directed channel", "MEM-1",
     lambda s: _admission(_outsider("expert", chan=aside(s)))(s), None),
    ("members.admit into a directed channel that one is not in", "MEM-1",
     lambda s: s.operation.author("members.admit", {"members": [
         {"person": s.outsider.id, "role": "expert", "chan": aside(s)}]}, s.deputy),
     "not_permitted"),
    ("members.admit of an expert in no channel", "MEM-1",
     _admission(_outsider("expert", chan=bytes(16))), "unknown_channel"),
    ("members.remove", "MEM-2", _remove(lambda s: s.officer, lambda s: s.analyst), None),
    ("members.remove of no member", "MEM-2", _remove(lambda s: s.outsider), "not_member"),
    ("members.remove of one person twice", "MEM-2",
     _remove(lambda s: s.officer, lambda s: s.officer), "bad_value"),
    ("a removed member's message", "MEM-2",
     after(lambda s: s.operation.remove(s.officer), message), "not_member"),
    ("a message of who came back to a list", "MEM-2", _back_on_a_list, "not_member"),
    ("role.set", "MEM-3", _set_role(lambda s: s.officer, "observer"), None),
    ("role.set of an expert", "MEM-3", _set_role(lambda s: s.expert, "officer"), None),
    ("role.set to the present role", "MEM-3", _set_role(lambda s: s.officer, "officer"),
     "already_exists"),
    ("role.set to expert", "MEM-3", _set_role(lambda s: s.officer, "expert"), "bad_value"),
    ("role.set to bot", "MEM-3", _set_role(lambda s: s.officer, "bot"), "bad_value"),
    ("role.set to auditor", "MEM-3", _set_role(lambda s: s.officer, "auditor"), "bad_value"),
    ("role.set of a bot", "MEM-3", _set_role(lambda s: s.bot, "officer"), "bad_value"),
    ("role.set of no member", "MEM-3", _set_role(lambda s: s.outsider, "officer"), "not_member"),
    ("role.set to ncp of who is none", "MEM-3", _set_role(lambda s: s.officer, "ncp"),
     "not_permitted"),
    ("device.accept", "MEM-4", _accept(_by_ncp_alone), None),
    ("device.accept of an unknown one", "MEM-4",
     lambda s: s.operation.author("device.accept", {"device": bytes(16)}, s.chief),
     "unknown_device"),
    ("device.accept of no member's", "MEM-4", _accept(lambda s: s.outsider.device), "not_member"),
    ("device.accept of an eligible one", "MEM-4", _accept(lambda s: s.officer.device),
     "already_exists"),
    ("device.accept of a vouched one", "MEM-4",
     _accept(lambda s: s.directory.device(s.officer, voucher=s.officer.device)), "already_exists"),
    ("device.accept of a revoked one", "MEM-4", lambda s: _accepted_too_late(s), "inactive"),
    ("a message by an accepted device", "MEM-4", lambda s: _by_accepted(s), None),
    ("directory.sync", "MEM-5",
     after(lambda s: s.directory.person(s.france), control("directory.sync")), None),
    ("directory.sync that brings nothing", "MEM-5",
     after(lambda s: s.operation.append(hold(s)), control("directory.sync")),
     "stale_directory"),
]  # fmt: skip


def _accepted_too_late(stage: Stage) -> Entry:
    device = _by_ncp_alone(stage)
    stage.directory.revoke(device, by=stage.france.ncp.device)
    return stage.operation.author("device.accept", {"device": device.id}, stage.chief)


def _by_accepted(stage: Stage) -> Entry:
    device = _by_ncp_alone(stage)
    stage.operation.control("device.accept", {"device": device.id})
    return message(stage, device)
