"""Releases, audits and restoration (PROTOCOL 7.11, 11.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigType

from tests.support.directory import HeldPerson
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    disturbed,
    ended,
    hold,
    message,
    rotation,
)
from tests.support.vectors.operation.decisions import requested
from tests.support.vectors.stage import Stage


def _released(by: Callable[[Stage], HeldPerson], author: str = "analyst", **fields: Any) -> Make:
    def make(stage: Stage) -> Entry:
        leaf = stage.operation.message(stage.work, getattr(stage, author)).leaf
        body = {"entry": leaf, "fields": ["goods"], "use": "cen", "manifest": bytes(32), **fields}
        return stage.operation.author("release", body, by(stage))

    return make


def _release(stage: Stage) -> bytes:
    entry = _released(lambda s: s.ncp)(stage)
    return stage.operation.append(entry).leaf


def _receipt(release: Callable[[Stage], bytes], by: str = "ncp") -> Make:
    return lambda stage: stage.operation.author(
        "release.receipt", {"release": release(stage), "receipt": "CEN-1"}, getattr(stage, by)
    )


def _answered(stage: Stage) -> bytes:
    leaf = _release(stage)
    stage.operation.control("release.receipt", {"release": leaf, "receipt": "CEN-1"}, stage.ncp)
    return leaf


def _second_ncp(stage: Stage) -> HeldPerson:
    stage.operation.admit(stage.france.ncp, "ncp")
    return stage.france.ncp


def _share(by: Callable[[Stage], HeldPerson], **fields: Any) -> Make:
    def make(stage: Stage) -> Entry:
        body = {
            "request": requested(stage), "x": 2, "chan": stage.work, "n": 1, "share": b"sealed",
        }  # fmt: skip
        asked = {key: item(stage) if callable(item) else item for key, item in fields.items()}
        return stage.operation.author("audit.grant", {**body, **asked}, by(stage))

    return make


def _reported(stage: Stage) -> bytes:
    leaf = requested(stage)
    body = {"request": leaf, "hash": bytes(32)}
    stage.operation.control("audit.report", body, stage.auditors[0])
    return leaf


DISCLOSURE: list[Row] = [
    ("release", "REL-1", _released(lambda s: s.ncp), None),
    ("release of another administration's entry", "REL-1",
     _released(lambda s: s.ncp, author="officer"), "not_permitted"),
    ("release of an entry that its reader does not know", "REL-1",
     _released(lambda s: s.ncp, entry=bytes(32)), None),
    ("release by a dismissed NCP", "REL-1",
     after(lambda s: s.directory.dismiss(s.ncp), _released(lambda s: s.ncp)), "not_permitted"),
    ("release that replaces", "REL-1",
     lambda s: _released(lambda st: st.ncp, replaces=_release(s))(s), None),
    ("release that replaces nothing", "REL-1", _released(lambda s: s.ncp, replaces=bytes(32)),
     "unknown_reference"),
    ("release that replaces another's", "REL-1",
     lambda s: _replaces_foreign(s), "not_permitted"),
    ("release after the end", "REL-1", lambda s: _released_late(s), None),
    ("release.receipt", "REL-2", _receipt(_release), None),
    ("release.receipt twice", "REL-2", _receipt(_answered), "already_exists"),
    ("release.receipt of nothing", "REL-2", _receipt(lambda _: bytes(32)), "unknown_reference"),
    ("release.receipt of another's", "REL-2",
     lambda s: s.operation.author(
         "release.receipt", {"release": _release(s), "receipt": "CEN-1"}, _second_ncp(s)),
     "not_permitted"),
    ("a release does not disturb a decision", "OPS-18",
     disturbed(_release, lambda s, seen: hold(s, seen=seen)), None),
    ("a decision disturbs a release", "OPS-18",
     disturbed(lambda s: s.operation.append(hold(s)),
                lambda s, seen: s.operation.author(
                    "release", {"entry": bytes(32), "fields": [], "use": "cen",
                                "manifest": bytes(32)}, s.ncp, seen=seen)), "stale_seen"),
    ("audit.request", "AUD-1",
     lambda s: after(ended, lambda st: st.operation.author(
         "audit.request", {"chan": st.work, "purpose": "audit"}, st.auditors[0]))(s), None),
    ("audit.request of an unknown channel", "AUD-1",
     lambda s: after(ended, lambda st: st.operation.author(
         "audit.request", {"chan": bytes(16), "purpose": "audit"}, st.auditors[0]))(s),
     "unknown_channel"),
    ("audit.grant", "AUD-2", _share(lambda s: s.auditors[1]), None),
    ("audit.grant of an epoch that nobody knows here", "AUD-2",
     _share(lambda s: s.auditors[1], n=77), None),
    ("audit.grant for another's place", "AUD-2", _share(lambda s: s.auditors[1], x=1),
     "not_permitted"),
    ("audit.grant for another channel", "AUD-2",
     _share(lambda s: s.auditors[1], chan=lambda s: s.operation.main), "bad_value"),
    ("audit.grant to no request", "AUD-2", _share(lambda s: s.auditors[1], request=bytes(32)),
     "unknown_reference"),
    ("audit.grant after the report", "AUD-2",
     lambda s: s.operation.author(
         "audit.grant", {"request": _reported(s), "x": 2, "chan": s.work, "n": 1,
                         "share": b"sealed"}, s.auditors[1]), "closed"),
    ("audit.grant by a past auditor", "AUD-2",
     after(lambda s: s.operation.approve(
                "audit", s.operation.propose(
                    "audit", {"audit": {"persons": [s.auditors[0].id, s.auditors[2].id],
                                        "k": 2}}), s.deputy),
            _share(lambda s: s.auditors[1])), None),
    ("audit.report", "AUD-3",
     lambda s: s.operation.author(
         "audit.report", {"request": requested(s), "hash": bytes(32)}, s.auditors[0]), None),
    ("audit.report by another auditor", "AUD-3",
     lambda s: s.operation.author(
         "audit.report", {"request": requested(s), "hash": bytes(32)}, s.auditors[1]),
     "not_permitted"),
    ("audit.report twice", "AUD-3",
     lambda s: s.operation.author(
         "audit.report", {"request": _reported(s), "hash": bytes(32)}, s.auditors[0]), "closed"),
    ("audit.report of nothing", "AUD-3",
     after(ended, lambda s: s.operation.author(
         "audit.report", {"request": bytes(32), "hash": bytes(32)}, s.auditors[0])),
     "unknown_reference"),
    ("log.restored", "RES-1", lambda s: _restored(s), None),
    ("log.restored by one key of two", "RES-1", lambda s: _restored(s, signers=1), "bad_threshold"),
    ("log.restored signed as an administration's root", "RES-1",
     lambda s: _restored(s, kind=SigType.ADMIN_ROOT), "bad_signature"),
    ("log.restored of serial 0", "RES-1", lambda s: _restored(s, serial=0), "bad_serial"),
    ("log.restored of serial 2", "RES-1", lambda s: _restored(s, serial=2), None),
    ("log.restored of the genesis", "RES-1",
     lambda s: _restored(s, start=0), "bad_value"),
    ("log.restored beyond what was seen", "RES-1", lambda s: _restored(s, to=9_999), "bad_value"),
    ("log.restored with a leaf too few", "RES-1", lambda s: _restored(s, leaves=[bytes(56)]),
     "bad_count"),
    ("log.restored of another log", "RES-3", lambda s: _restored(s, log=bytes(16)), "wrong_log"),
    ("log.restored with leaves that are not the tree's", "RES-3",
     lambda s: _restored(s, leaves=[bytes(56)] * 2), "bad_proof"),
    ("a message in a channel that lost an entry", "RES-1",
     after(lambda s: s.operation.append(_restored(s)), message), "stale_epoch"),
    ("a rotate in a channel that lost an entry", "RES-1",
     after(lambda s: s.operation.append(_restored(s)), rotation), None),
]  # fmt: skip


def _replaces_foreign(stage: Stage) -> Entry:
    leaf = _release(stage)
    ncp = _second_ncp(stage)
    entry = stage.operation.message(stage.work, stage.officer).leaf
    body = {
        "entry": entry, "fields": [], "use": "cen", "manifest": bytes(32), "replaces": leaf,
    }  # fmt: skip
    return stage.operation.author("release", body, ncp)


def _released_late(stage: Stage) -> Entry:
    leaf = stage.operation.message(stage.work, stage.analyst).leaf
    ended(stage)
    body = {"entry": leaf, "fields": ["goods"], "use": "cen", "manifest": bytes(32)}
    return stage.operation.author("release", body, stage.ncp)


def _restored(
    stage: Stage,
    *,
    serial: int = 1,
    signers: int = 2,
    kind: SigType = SigType.GOVERNANCE,
    start: int | None = None,
    **changed: Any,
) -> Entry:
    """A message of the work channel and a control entry were lost, and are named."""
    directory = stage.directory
    body = {
        "type": "log.restored", **stage.operation.lose(stage.work, bytes(16)),
        "poster": directory.poster.sign.public, "serial": serial, **changed,
    }  # fmt: skip
    if start is not None:
        body["from"] = start
    keys = list(enumerate(directory.governance))[:signers]
    signed = directory.signed(body, kind, keys, directory.id32)
    return stage.operation.author("log.restored", signed, directory.poster)
