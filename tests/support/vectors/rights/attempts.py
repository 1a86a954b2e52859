"""How anybody would try each type of an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cencomm_crypto.public.entry import Entry

from tests.support.directory import HeldPerson
from tests.support.operation import DAY
from tests.support.vectors.stage import Stage

Body = Mapping[str, Any]


Attempt = Callable[[Stage, HeldPerson], Entry]


def _simple(kind: str, body: Body | None = None) -> Attempt:
    return lambda stage, by: stage.operation.author(kind, body or {}, by)


def _acceptance(stage: Stage, by: HeldPerson) -> Entry:
    device = stage.directory.device(stage.deputy)
    return stage.operation.author("device.accept", {"device": device.id}, by)


def _list_change(stage: Stage, by: HeldPerson) -> Entry:
    listed = stage.operation.channel("listed", [stage.chief, stage.deputy])
    body = {"chan": listed, "add": [], "remove": [stage.deputy.id]}
    return stage.operation.author("channel.members", body, by)


def _directed(stage: Stage, by: HeldPerson) -> Entry:
    return stage.operation.channel_entry("aside", [by, stage.deputy], by=by, parent=stage.work)


def _ended(stage: Stage) -> dict[str, Any]:
    stage.operation.wait_until(stage.operation.state.end + 1)
    return {}


def _closing(stage: Stage, by: HeldPerson) -> Entry:
    _ended(stage)
    return stage.operation.author("operation.close", {}, by)


def _sync(stage: Stage, by: HeldPerson) -> Entry:
    stage.directory.person(stage.france)
    return stage.operation.author("directory.sync", {}, by)


def _suspended(stage: Stage) -> dict[str, Any]:
    stage.operation.control("operation.suspend", {})
    return {}


def _other_auditors(stage: Stage) -> dict[str, Any]:
    return {"audit": {"persons": [auditor.id for auditor in stage.auditors], "k": 3}}


def _held(stage: Stage) -> dict[str, Any]:
    return {"hold": stage.operation.control("hold", {"reason": "court order"}).leaf}


PREPARED: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "window": lambda stage: {"not_after": stage.operation.state.window[1] + DAY},
    "audit": _other_auditors,
    "close": lambda stage: {},
    "resume": _suspended,
    "erase": _ended,
    "unhold": _held,
}


def _proposal(subject: str) -> Attempt:
    return lambda stage, by: stage.operation.author(
        f"{subject}.propose", PREPARED[subject](stage), by
    )


def _approval(subject: str) -> Attempt:
    def attempt(stage: Stage, by: HeldPerson) -> Entry:
        leaf = stage.operation.propose(subject, PREPARED[subject](stage), stage.deputy)
        return stage.operation.approval(subject, leaf, by)

    return attempt


def _release(stage: Stage, by: HeldPerson) -> Entry:
    entry = stage.operation.message(stage.work, stage.analyst).leaf
    body = {"entry": entry, "fields": ["goods"], "use": "cen", "manifest": bytes(32)}
    return stage.operation.author("release", body, by)


def _receipt(stage: Stage, by: HeldPerson) -> Entry:
    leaf = stage.operation.append(_release(stage, stage.ncp)).leaf
    return stage.operation.author("release.receipt", {"release": leaf, "receipt": "CEN-1"}, by)


def _request(stage: Stage, by: HeldPerson) -> Entry:
    _ended(stage)
    body = {"chan": stage.work, "purpose": "yearly audit"}
    return stage.operation.author("audit.request", body, by)


def _audit_grant(stage: Stage, by: HeldPerson) -> Entry:
    request = stage.operation.append(_request(stage, stage.auditors[1])).leaf
    body = {"request": request, "x": 1, "chan": stage.work, "n": 1, "share": b"sealed"}
    return stage.operation.author("audit.grant", body, by)


def _report(stage: Stage, by: HeldPerson) -> Entry:
    request = stage.operation.append(_request(stage, stage.auditors[0])).leaf
    return stage.operation.author("audit.report", {"request": request, "hash": bytes(32)}, by)


def _grant(stage: Stage, by: HeldPerson) -> Entry:
    device = stage.directory.device(stage.officer, voucher=stage.officer.device)
    body = {"n": 1, "device": device.id, "box_pk": device.box.public, "wrap": bytes(32)}
    return stage.operation.current("channel.grant", body, stage.work, by)


def _flag(stage: Stage, by: HeldPerson) -> Entry:
    return stage.operation.current("channel.flag", {"n": 1, "code": "wraps_root"}, stage.work, by)


def _sealed(kind: str) -> Attempt:
    return lambda stage, by: stage.operation.current(kind, b"sealed", stage.work, by)


def _result(stage: Stage, by: HeldPerson) -> Entry:
    dropped = stage.operation.append(_sealed("drop")(stage, stage.bot))
    body = {"re": dropped.leaf, "device": stage.bot.device.id, "box": bytes(304)}
    return stage.operation.author("drop.result", body, by, chan=stage.work)


def _channel_close(stage: Stage, by: HeldPerson) -> Entry:
    return stage.operation.close(stage.work, by)


def _reveal(stage: Stage, by: HeldPerson) -> Entry:
    _ended(stage)
    return stage.operation.reveal(stage.work, 1, by)


def _restored(stage: Stage, by: HeldPerson) -> Entry:
    """Without root signatures nobody's role helps."""
    body = {
        "type": "log.restored", **stage.operation.lose(bytes(16)),
        "poster": by.device.sign.public, "serial": 1, "sigs": [],
    }  # fmt: skip
    return stage.operation.author("log.restored", body, by)


def _by_role(role: str) -> Attempt:
    return lambda stage, by: stage.operation.author(
        "role.set", {"person": stage.deputy.id, "role": role}, by
    )


ATTEMPTS: dict[str, Attempt] = {
    "members.admit": lambda stage, by: stage.operation.author(
        "members.admit", {"members": [{"person": stage.outsider.id, "role": "officer"}]}, by
    ),
    "members.remove": lambda stage, by: stage.operation.author(
        "members.remove", {"persons": [stage.deputy.id]}, by
    ),
    "role.set": _by_role("officer"),
    "device.accept": _acceptance,
    "channel.create": _directed,
    "channel.members": _list_change,
    "phase.set": _simple("phase.set", {"phase": "post"}),
    "operation.cancel": _simple("operation.cancel"),
    "operation.suspend": _simple("operation.suspend"),
    "operation.close": _closing,
    "directory.sync": _sync,
    "rules.raise": _simple("rules.raise", {"rules": 1}),
    "release": _release,
    "release.receipt": _receipt,
    "hold": _simple("hold", {"reason": "court order"}),
    "audit.request": _request,
    "audit.grant": _audit_grant,
    "audit.report": _report,
    "log.restored": _restored,
    **{f"{subject}.propose": _proposal(subject) for subject in PREPARED},
    **{f"{subject}.approve": _approval(subject) for subject in PREPARED},
    "channel.rotate": lambda stage, by: stage.operation.rotation(stage.work, by),
    "channel.grant": _grant,
    "channel.flag": _flag,
    "message": _sealed("message"),
    "drop": _sealed("drop"),
    "drop.result": _result,
    "channel.close": _channel_close,
    "channel.reveal": _reveal,
}
