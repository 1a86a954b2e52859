"""Heads, watermark, compare-and-set, authors (PROTOCOL 7.2)."""

from __future__ import annotations

from collections.abc import Callable

from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.primitives import EMPTY_ROOT

from tests.support.vectors.notation import fixed
from tests.support.vectors.operation.acts import (
    Make,
    Row,
    after,
    broken,
    disturbed,
    hold,
    message,
    rotation,
)
from tests.support.vectors.stage import Stage


def _own_id(stage: Stage) -> Entry:
    entry = hold(stage)
    stage.operation.append(entry)
    return hold(stage, id=entry.header.id)


def _message_id(stage: Stage) -> Entry:
    entry = message(stage)
    stage.operation.append(entry)
    return message(stage, id=entry.header.id)


def _id_of_another_scope(stage: Stage) -> Entry:
    entry = message(stage, stage.chief)
    stage.operation.append(entry)
    return hold(stage, id=entry.header.id)


def _seen_back(stage: Stage) -> Entry:
    early = stage.operation.head
    stage.operation.append(message(stage))
    stage.operation.append(message(stage))
    return message(stage, seen=early)


def _seen_back_in_control(stage: Stage) -> Entry:
    early = stage.operation.head
    stage.operation.append(message(stage, stage.chief))
    stage.operation.append(hold(stage))
    return message(stage, stage.chief, seen=early)


def _seen_back_elsewhere(stage: Stage) -> Entry:
    """Another channel's entries do not count: its readers alone could tell."""
    other = stage.operation.channel("other")
    stage.operation.rotate(other)
    early = stage.operation.head
    stage.operation.message(other, stage.officer)
    stage.operation.message(other, stage.officer)
    return message(stage, seen=early)


def _stale_directory(make: Callable[..., Entry]) -> Make:
    """An entry that names an older directory than the log's control entries did."""

    def both(stage: Stage) -> Entry:
        old = stage.directory.head
        stage.directory.person(stage.france)
        stage.operation.control("directory.sync", {})
        return make(stage, dir=old)

    return both


def _rotate_with_old_directory(stage: Stage, dir: Head) -> Entry:
    return stage.operation.rotation(stage.work, stage.officer, header={"dir": dir})


def _other(stage: Stage) -> ChannelId:
    found = stage.operation.state.channel_named("other")
    if found is None:
        raise ValueError("no channel of this name")
    return found.id


HEADS: list[Row] = [
    ("control entry", "OPS-1", hold, None),
    ("message", "OPS-1", message, None),
    ("another log", "ENT-4", lambda s: hold(s, log=bytes(16)), "wrong_log"),
    ("an entry type of the directory", "OPS-16",
     lambda s: s.directory.author("device.rekey", {"box_pk": s.directory.box_key().public},
                                  s.officer.device, log=s.operation.log.id16), "wrong_type"),
    ("an entry type of the directory, of another log", "ENT-4",
     lambda s: s.directory.author("device.rekey", {"box_pk": s.directory.box_key().public},
                                  s.officer.device), "wrong_log"),
    ("a channel that does not exist", "OPS-16",
     lambda s: s.operation.author("message", b"", s.officer, chan=bytes(16), epoch=1),
     "unknown_channel"),
    ("seen beyond its place", "OPS-1",
     lambda s: hold(s, seen=Head(s.operation.log.size + 1, fixed("root"))), "wrong_head"),
    ("seen with a wrong root", "OPS-1",
     lambda s: hold(s, seen=Head(s.operation.log.size, fixed("root"))), "wrong_head"),
    ("dir with a wrong root", "OPS-1",
     lambda s: hold(s, dir=Head(s.directory.head.size, fixed("root"))), "wrong_head"),
    ("dir of size 0", "OPS-1", lambda s: hold(s, dir=Head(0, EMPTY_ROOT)), "wrong_head"),
    ("control entry below the watermark", "OPS-2", _stale_directory(hold), "stale_directory"),
    ("rotate below the watermark", "OPS-2", _stale_directory(_rotate_with_old_directory),
     "stale_directory"),
    ("message below the watermark", "OPS-2", _stale_directory(message), None),
    ("unknown device", "OPS-5",
     lambda s: hold(s, s.directory.new_device(s.chief.id)), "unknown_device"),
    ("a device younger than the entry's directory", "OPS-5",
     lambda s: hold(s, s.directory.device(s.chief, voucher=s.chief.device),
                     dir=s.directory.head_at(s.base_directory)), "unknown_device"),
    ("broken signature", "ENT-1", lambda s: broken(hold(s)), "bad_signature"),
    ("an entry id used before", "OPS-4", _own_id, "duplicate_id"),
    ("a message's id used before", "OPS-4", _message_id, "duplicate_id"),
    ("an entry id of another scope", "OPS-4", _id_of_another_scope, None),
    ("seen goes back in a channel", "OPS-4", _seen_back, "seen_decreased"),
    ("seen goes back behind a control entry", "OPS-4", _seen_back_in_control, "seen_decreased"),
    ("seen behind another channel's", "OPS-4", _seen_back_elsewhere, None),
    ("a control entry came between", "OPS-3",
     disturbed(lambda s: s.operation.control("hold", {"reason": "first"}, s.deputy), hold),
     "stale_seen"),
    ("a message came between", "OPS-3",
     disturbed(lambda s: s.operation.append(message(s)), hold), None),
    ("a rotate came before a control entry", "OPS-3",
     disturbed(lambda s: s.operation.rotate(s.work), hold), None),
    ("another's rotate came before a control entry", "OPS-3",
     disturbed(lambda s: s.operation.rotate(s.work, s.officer), hold), None),
    ("a control entry came before a rotate", "OPS-3",
     disturbed(lambda s: s.operation.control("hold", {"reason": "first"}), rotation),
     "stale_seen"),
    ("another rotate came before a rotate", "OPS-3",
     disturbed(lambda s: s.operation.rotate(s.work, s.analyst), rotation), "stale_seen"),
    ("another channel's rotate came before a rotate", "OPS-3",
     after(lambda s: s.operation.channel("other"),
            disturbed(lambda s: s.operation.rotate(
                _other(s), s.analyst), rotation)), None),
    ("a control entry came before a message", "OPS-3",
     disturbed(lambda s: s.operation.control("hold", {"reason": "first"}), message), None),
    ("revoked device", "OPS-5",
     after(lambda s: s.directory.revoke(s.chief.device, by=s.chief.administration.ncp.device),
            hold), "inactive"),
    ("revoked device at an older directory", "OPS-5",
     after(lambda s: s.directory.revoke(s.officer.device, by=s.france.ncp.device),
            lambda s: message(s, dir=s.directory.head_at(s.base_directory))), None),
    ("suspended administration", "OPS-5",
     after(lambda s: s.directory.suspend_administration(s.france), message), "inactive"),
    ("nobody's entry", "OPS-5", lambda s: hold(s, s.stranger), "not_member"),
    ("a role without the right", "OPS-5", lambda s: hold(s, s.officer), "not_permitted"),
    ("a member's device that an NCP alone added", "OPS-5",
     lambda s: message(s, s.directory.device(s.officer)), "not_permitted"),
    ("a member's device that its own device added", "OPS-5",
     lambda s: message(s, s.directory.device(s.officer, voucher=s.officer.device)), None),
]  # fmt: skip
