"""A channel's entries as everybody judges them (PROTOCOL 7.6, 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.vectors.notation import fixed
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    ended,
    grant_to,
    hold,
    listed,
    message,
    other_audit_set,
    rotation,
    suspended,
    twin,
    work,
)
from tests.support.vectors.stage import Stage


def _history(stage: Stage) -> None:
    stage.operation.rotate(stage.work, stage.officer)


def _suspend_analyst(stage: Stage) -> None:
    """A recipient goes, and the operation hears of it."""
    stage.directory.suspend(stage.analyst)
    stage.operation.control("directory.sync", {})


def _revoked_meanwhile(stage: Stage) -> None:
    stage.directory.revoke(stage.analyst.device, by=stage.belgium.ncp.device)


def _not_vouched(stage: Stage) -> HeldDevice:
    return stage.directory.device(stage.officer)


def _over_by(entry: Callable[[Stage], Entry]) -> Make:
    return after(ended, entry)


def _close(stage: Stage, by: HeldPerson | None = None, **fields: Any) -> Entry:
    return stage.operation.close(stage.work, by or stage.chief, **fields)


def _drop(stage: Stage, chan: Callable[[Stage], ChannelId] = work) -> Entry:
    return stage.operation.current("drop", b"sealed", chan(stage), stage.bot)


def _result(stage: Stage, drop: Entry | None = None, **fields: Any) -> Entry:
    """A result for a drop that this puts into the log first; its box is anything of the size."""
    by, chan = fields.pop("by", stage.officer), fields.pop("chan", stage.work)
    re = stage.operation.append(drop or _drop(stage)).leaf
    body = {"re": re, "device": stage.bot.device.id, "box": bytes(304), **fields}
    return stage.operation.author("drop.result", body, by, chan=chan)


def _answered_after(stage: Stage, change: Callable[[Stage], object]) -> Entry:
    """A result for a drop that was accepted before something changed."""
    re = stage.operation.append(_drop(stage)).leaf
    change(stage)
    body = {"re": re, "device": stage.bot.device.id, "box": bytes(304)}
    return stage.operation.author("drop.result", body, stage.officer, chan=stage.work)


def _revoke_bot(stage: Stage) -> None:
    administration = stage.bot.administration
    stage.directory.revoke(stage.bot.device, by=administration.ncp.device)


def _answered_late(stage: Stage) -> Entry:
    return _answered_after(stage, lambda s: s.operation.remove(s.analyst))


def _answered_twice(stage: Stage) -> Entry:
    first = _result(stage)
    stage.operation.append(first)
    if first.body is None:
        raise ValueError("a result has a body")
    return stage.operation.author("drop.result", first.body, stage.chief, chan=stage.work)


def _other_device(stage: Stage) -> Entry:
    """A bot's second device, which its first one vouched for, has a result of its own."""
    first = _result(stage)
    stage.operation.append(first)
    second = stage.directory.device(stage.bot, voucher=stage.bot.device)
    if first.body is None:
        raise ValueError("a result has a body")
    body = {**first.body, "device": second.id}
    return stage.operation.author("drop.result", body, stage.officer, chan=stage.work)


def _flag(stage: Stage, **fields: Any) -> Entry:
    header = fields.pop("header", {})
    body = {"n": 1, "code": "wraps_root", **fields}
    return stage.operation.current("channel.flag", body, stage.work, stage.observer, **header)


def _other_with_epoch(stage: Stage) -> ChannelId:
    chan = stage.operation.channel("other")
    stage.operation.rotate(chan)
    return chan


EPOCHS: list[Row] = [
    ("rotate", "ROT-1", rotation, None),
    ("rotate of the present epoch", "ROT-1",
     lambda s: s.operation.rotation(s.work, s.officer, header={"epoch": 1}), "wrong_epoch"),
    ("rotate past an epoch", "ROT-1",
     lambda s: s.operation.rotation(s.work, s.officer, header={"epoch": 3}), "wrong_epoch"),
    ("first rotate of a channel", "ROT-1",
     lambda s: s.operation.rotation(s.operation.channel("other")), None),
    ("rotate that links no epoch though there is one", "ROT-1", lambda s: rotation(s, p=0), None),
    ("rotate that links an older epoch", "ROT-1", after(_history, lambda s: rotation(s, p=1)),
     None),
    ("rotate that links an unknown epoch", "ROT-1", lambda s: rotation(s, p=9), "bad_epoch_link"),
    ("rotate that links itself", "ROT-1", lambda s: rotation(s, p=2), "bad_epoch_link"),
    ("rotate without prev_close", "ROT-1", lambda s: rotation(s, prev_close=None),
     "bad_epoch_link"),
    ("rotate without prev_link", "ROT-1", lambda s: rotation(s, prev_link=None), "bad_epoch_link"),
    ("rotate with prev_close to nothing", "ROT-1",
     lambda s: rotation(s, p=0, prev_close=bytes(48)), "bad_epoch_link"),
    ("rotate with prev_link to nothing", "ROT-1",
     lambda s: rotation(s, p=0, prev_link=bytes(48)), "bad_epoch_link"),
    ("rotate without an escrow", "ROT-1", lambda s: rotation(s, escrow=None), "bad_audit_set"),
    ("rotate without a root of shares", "ROT-1", lambda s: rotation(s, shares_root=None),
     "bad_audit_set"),
    ("rotate without a number of shares", "ROT-1", lambda s: rotation(s, shares=None),
     "bad_audit_set"),
    ("rotate with a share too few", "ROT-2", lambda s: rotation(s, shares=2), "bad_count"),
    ("rotate when an auditor has no device", "ESC-2",
     after(lambda s: s.directory.revoke(
                s.auditors[0].device, by=s.auditors[0].administration.ncp.device),
            lambda s: rotation(s, shares=2)), None),
    ("rotate with a ghost", "ROT-2", lambda s: rotation(s, recips=fixed("ghost")),
     "bad_recipients"),
    ("rotate with a recipient too many", "ROT-2", lambda s: rotation(s, count=8), "bad_count"),
    ("rotate by an observer", "ROT-2",
     lambda s: s.operation.rotation(s.work, s.observer), "not_permitted"),
    ("rotate by who is not in the channel", "ROT-2",
     lambda s: s.operation.rotation(listed(s), s.analyst), "not_member"),
    ("rotate to a new device of its person", "OPS-22",
     after(twin, lambda s: s.operation.rotation(s.work, s.officer)), None),
    ("rotate that forgets a new device", "OPS-22", lambda s: _forgets(s), "bad_recipients"),
    ("rotate to a device that an NCP alone added", "OPS-22",
     after(_not_vouched, lambda s: s.operation.rotation(s.work, s.officer)), None),
    ("message without an epoch", "OPS-14",
     lambda s: s.operation.sealed(s.operation.channel("other")), "stale_epoch"),
    ("message in an older epoch", "MSG-2",
     after(_history, lambda s: message(s, epoch=1)), "wrong_epoch"),
    ("message in an epoch to come", "MSG-2", lambda s: message(s, epoch=2), "wrong_epoch"),
    ("message after a removal", "OPS-14",
     after(lambda s: s.operation.remove(s.analyst), message), "stale_epoch"),
    ("message after a removal and a rotate", "OPS-14",
     after(lambda s: s.operation.remove(s.analyst),
            after(_history, lambda s: message(s))), None),
    ("message after a suspension was synced", "OPS-14", after(_suspend_analyst, message),
     "stale_epoch"),
    ("message that names a revocation", "OPS-14", after(_revoked_meanwhile, message),
     "stale_epoch"),
    ("message that has not seen a revocation", "OPS-14",
     after(_revoked_meanwhile,
            lambda s: message(s, dir=s.directory.head_at(s.base_directory))), None),
    ("message after a re-key", "OPS-14",
     after(lambda s: s.directory.rekey(s.analyst.device), message), None),
    ("message after a new device", "OPS-14", after(twin, message), None),
    ("message after an admission", "OPS-14",
     after(lambda s: s.operation.admit(s.outsider, "officer"), message), None),
    ("message after another audit set", "OPS-14", after(other_audit_set, message),
     "stale_epoch"),
    ("message after another audit set and a rotate", "OPS-14",
     after(other_audit_set, after(_history, lambda s: message(s))), None),
    ("message after a granted device left", "OPS-14", lambda s: _granted_device_left(s),
     "stale_epoch"),
    ("message by who is not in the channel", "CHN-2",
     lambda s: s.operation.sealed(_with_epoch(s), s.analyst), "not_member"),
    ("drop", "DRP-3", _drop, None),
    ("drop into another channel", "DRP-3", lambda s: _drop(s, _other_with_epoch), "not_member"),
    ("drop in a stale epoch", "DRP-3", after(lambda s: s.operation.remove(s.analyst), _drop),
     "stale_epoch"),
    ("drop.result", "DRR-1", _result, None),
    ("drop.result to another device of the bot", "DRR-1", lambda s: _other_device(s), None),
    ("drop.result twice", "DRR-1", lambda s: _answered_twice(s), "already_exists"),
    ("drop.result while a rotate is due", "DRR-1", lambda s: _answered_late(s), None),
    ("drop.result by who is not in the channel", "DRR-1",
     after(lambda s: s.operation.admit(s.outsider, "expert", chan=_other_with_epoch(s)),
            lambda s: _result(s, by=s.outsider)), "not_member"),
    ("drop.result about a message", "DRR-1", lambda s: _result(s, message(s)),
     "unknown_reference"),
    ("drop.result about nothing", "DRR-1", lambda s: _result(s, re=fixed("nothing")),
     "unknown_reference"),
    ("drop.result in another channel than the drop", "DRR-1",
     lambda s: _result(s, chan=_other_with_epoch(s)), "unknown_reference"),
    ("drop.result to a device of a person", "DRR-1",
     lambda s: _result(s, device=s.officer.device.id), "unknown_device"),
    ("drop.result to no device", "DRR-1", lambda s: _result(s, device=fixed("none", 16)),
     "unknown_device"),
    ("drop.result to a revoked device", "DRR-1", lambda s: _answered_after(s, _revoke_bot),
     "inactive"),
    ("drop.result to a device that an NCP alone added", "DRR-1",
     lambda s: _result(s, device=s.directory.device(s.bot).id), "not_permitted"),
    ("drop.result to a bot that was removed", "DRR-1",
     lambda s: _answered_after(s, lambda s: s.operation.remove(s.bot)), "not_permitted"),
    ("drop.result after channel.close", "DRR-1",
     lambda s: _answered_after(s, lambda s: s.operation.append(_close(s))), "closed"),
    ("drop.result after the window", "DRR-1",
     lambda s: _answered_after(s, lambda s: s.operation.wait_until(s.operation.state.end + 1)),
     "closed"),
    ("drop.result in post", "DRR-1",
     lambda s: _answered_after(s, lambda s: s.operation.control("phase.set", {"phase": "post"})),
     None),
    ("drop.result while suspended", "DRR-1", lambda s: _answered_after(s, suspended),
     "wrong_phase"),
    ("grant to a new device", "GRA-1", lambda s: grant_to(s, twin(s)), None),
    ("grant in place of a bad wrap", "GRA-1", lambda s: grant_to(s, s.analyst.device), None),
    ("grant of an older epoch", "GRA-1",
     after(_history, lambda s: grant_to(s, twin(s), n=1)), None),
    ("grant of an unknown epoch", "GRA-1", lambda s: grant_to(s, twin(s), n=2), "wrong_epoch"),
    ("grant whose header names an older epoch", "GRA-1",
     after(_history, lambda s: grant_to(s, twin(s), epoch=1)), "wrong_epoch"),
    ("grant to a device that an NCP alone added", "GRA-1",
     lambda s: grant_to(s, _not_vouched(s)), "not_permitted"),
    ("grant to no member", "GRA-1", lambda s: grant_to(s, s.outsider.device), "not_permitted"),
    ("grant under an older box key", "GRA-1",
     lambda s: grant_to(s, s.analyst.device, box_pk=s.directory.rekey(s.analyst.device).public),
     "not_permitted"),
    ("grant to a later member", "GRA-1",
     after(lambda s: s.operation.admit(s.outsider, "officer"),
            lambda s: grant_to(s, s.outsider.device)), None),
    ("flag", "ROT-7", _flag, None),
    ("flag of an unknown epoch", "ROT-7", lambda s: _flag(s, n=2), "wrong_epoch"),
    ("flag whose header names another epoch", "ROT-7", lambda s: _flag(s, header={"epoch": 2}),
     "wrong_epoch"),
    ("channel.close by a coordinator", "CLO-2", _close, None),
    ("channel.close by an officer", "CLO-2", lambda s: _close(s, s.officer), "not_permitted"),
    ("channel.close by an officer once it is over", "CLO-2",
     _over_by(lambda s: _close(s, s.officer)), None),
    ("channel.close of another epoch", "CLO-2",
     after(_history, lambda s: _close(s, n=1, kc=s.operation.close_keys[s.work, 1])),
     "wrong_epoch"),
    ("channel.close twice", "CLO-2",
     after(lambda s: s.operation.append(_close(s)), _close), "already_exists"),
    ("channel.close with another key", "CLO-1", lambda s: _close(s, kc=fixed("kc")), "bad_commit"),
    ("channel.close without an epoch", "CLO-2",
     lambda s: s.operation.author(
         "channel.close", {"n": 1, "kc": bytes(32)}, s.chief, chan=s.operation.main),
     "wrong_epoch"),
    ("message after channel.close", "CLO-2",
     after(lambda s: s.operation.append(_close(s)), message), "closed"),
    ("reveal while the channel runs", "CLO-2",
     lambda s: s.operation.reveal(s.work, 1, s.officer), "not_closed"),
    ("reveal", "CLO-2", _over_by(lambda s: s.operation.reveal(s.work, 1, s.officer)), None),
    ("reveal with another key", "CLO-1",
     _over_by(lambda s: s.operation.reveal(s.work, 1, s.officer, kc=fixed("kc"))), "bad_commit"),
    ("reveal of an unknown epoch", "CLO-2",
     _over_by(lambda s: s.operation.author(
         "channel.reveal", {"n": 2, "kc": bytes(32)}, s.officer, chan=s.work)), "wrong_epoch"),
    ("reveal by who never received it", "CLO-2",
     _over_by(lambda s: s.operation.reveal(s.work, 1, s.outsider)), "not_permitted"),
    ("reveal twice", "CLO-2",
     _over_by(after(lambda s: s.operation.append(s.operation.reveal(s.work, 1, s.officer)),
                     lambda s: s.operation.reveal(s.work, 1, s.analyst))), "already_exists"),
    ("reveal by a removed member", "CLO-2",
     after(lambda s: s.operation.remove(s.officer),
            _over_by(lambda s: s.operation.reveal(s.work, 1, s.officer))), None),
    ("reveal by a revoked device", "CLO-2",
     after(_revoked_meanwhile,
            _over_by(lambda s: s.operation.reveal(s.work, 1, s.analyst))), None),
    ("reveal with an old head and an old directory", "OPS-3",
     lambda s: _late_reveal(s), None),
    ("reveal while suspended", "OPS-8",
     after(suspended, lambda s: s.operation.reveal(s.work, 1, s.officer)), "wrong_phase"),
]  # fmt: skip


def _with_epoch(stage: Stage) -> ChannelId:
    chan = listed(stage)
    stage.operation.rotate(chan)
    return chan


def _forgets(stage: Stage) -> Entry:
    """A rotate computed before the officer had a second device, with the old count and hash."""
    old = stage.operation.rotation(stage.work, stage.analyst)
    twin(stage)
    if old.body is None:
        raise ValueError("a rotate has a body")
    body = {"count": old.body["count"] + 1, "recips": old.body["recips"]}
    return stage.operation.rotation(stage.work, stage.analyst, **body)


def _granted_device_left(stage: Stage) -> Entry:
    device = twin(stage)
    stage.operation.append(grant_to(stage, device))
    stage.directory.revoke(device, by=stage.officer.device)
    return message(stage, stage.analyst)


def _late_reveal(stage: Stage) -> Entry:
    """channel.close and channel.reveal are free of the compare-and-set and of the watermark."""
    seen, directory = stage.operation.head, stage.directory.head
    stage.directory.person(stage.france)
    ended(stage)
    stage.operation.append(hold(stage))
    return stage.operation.author(
        "channel.reveal",
        {"n": 1, "kc": stage.operation.close_keys[stage.work, 1]},
        stage.officer,
        chan=stage.work,
        seen=seen,
        dir=directory,
    )


PLAIN: list[Row] = [
    ("rotate without history", "ROT-1", lambda s: s.operation.rotation(s.work), None),
    ("rotate with prev_link though history is none", "ROT-1",
     lambda s: s.operation.rotation(s.work, prev_link=bytes(48)), "bad_epoch_link"),
    ("rotate with an escrow though nobody audits", "ROT-1",
     lambda s: s.operation.rotation(s.work, escrow=bytes(48)), "bad_audit_set"),
    ("rotate with shares though nobody audits", "ROT-1",
     lambda s: s.operation.rotation(s.work, shares=0), "bad_audit_set"),
    ("grant to a device of who was in the epoch", "GRA-1", lambda s: grant_to(s, twin(s)), None),
    ("grant to a later member though history is none", "GRA-1",
     after(lambda s: s.operation.admit(s.outsider, "officer"),
            lambda s: grant_to(s, s.outsider.device)), "not_permitted"),
    ("nobody requests an audit", "AUD-1",
     after(ended, lambda s: s.operation.author(
         "audit.request", {"chan": s.work, "purpose": "audit"}, s.auditors[0])), "not_member"),
]  # fmt: skip
