"""Heads, root signatures, conflicts (PROTOCOL 6.2)."""

from __future__ import annotations

from collections.abc import Callable

from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.keys import SigType, device_id
from cencomm_crypto.public.primitives import EMPTY_ROOT

from tests.support.directory import ZERO32
from tests.support.vectors.directory.acts import (
    SMALL,
    Make,
    Row,
    about_agent,
    after,
    broken,
    france,
    governed,
    own_entry,
    restored,
    suspend_agent,
    suspend_france,
)
from tests.support.vectors.notation import fixed
from tests.support.vectors.stage import DirectoryStage


def unseen(change: Callable[[DirectoryStage], object], make: Callable[..., Entry]) -> Make:
    """An entry whose author has not seen what was appended before it."""

    def both(stage: DirectoryStage) -> Entry:
        head = stage.directory.head
        change(stage)
        return make(stage, head)

    return both


def _poster_of(changed: bytes) -> Make:
    def make(stage: DirectoryStage) -> Entry:
        directory = stage.directory
        entry = directory.by_governance("admin.suspend", {"admin": stage.france.id})
        body = {**(entry.body or {}), "poster": changed}
        body.pop("sigs")
        signed = directory.signed(
            body, SigType.GOVERNANCE, list(enumerate(directory.governance))[:2], directory.id32
        )
        return directory.author("admin.suspend", signed, directory.poster)

    return make


def _small_poster(stage: DirectoryStage) -> Entry:
    """A poster whose key would make every signature verify somewhere."""
    directory = stage.directory
    body = {
        "admin": stage.france.id,
        "type": "admin.suspend",
        "poster": SMALL,
        "serial": directory.state.governance.serial + 1,
    }
    signed = directory.signed(
        body, SigType.GOVERNANCE, list(enumerate(directory.governance))[:2], directory.id32
    )
    return directory.author("admin.suspend", signed, directory.poster, device=device_id(SMALL))


def _with_extra_signature(stage: DirectoryStage) -> Entry:
    """Two good signatures, and a third that is not."""
    directory = stage.directory
    entry = directory.by_governance("admin.suspend", {"admin": stage.france.id}, signers=(0, 1, 2))
    body = dict(entry.body or {})
    body["sigs"] = [*body["sigs"][:2], [2, body["sigs"][0][1]]]
    return directory.author("admin.suspend", body, directory.poster)


def _signed_as(kind: SigType, over: bytes | None = None) -> Make:
    def make(stage: DirectoryStage) -> Entry:
        directory = stage.directory
        serial = directory.state.governance.serial + 1
        body = {
            "type": "admin.suspend", "admin": stage.france.id,
            "poster": directory.poster.sign.public, "serial": serial,
        }  # fmt: skip
        keys = list(enumerate(directory.governance))[:2]
        signed = directory.signed(body, kind, keys, directory.id32 if over is None else over)
        return directory.author("admin.suspend", signed, directory.poster)

    return make


def _replayed(stage: DirectoryStage) -> Entry:
    """A body that governance signed before, posted again by its own poster (RULES Directory)."""
    directory = stage.directory
    entry = directory.by_governance("admin.suspend", {"admin": stage.france.id})
    directory.append(entry)
    directory.resume_administration(stage.france)
    return directory.author("admin.suspend", entry.body or {}, directory.poster)


def _seen_back(stage: DirectoryStage) -> Entry:
    early = stage.directory.head
    stage.directory.rekey(stage.colleague.device)
    stage.directory.rekey(stage.agent.device)
    return own_entry(stage, seen=early)


def _same_id(stage: DirectoryStage) -> Entry:
    entry = own_entry(stage)
    stage.directory.append(entry)
    return own_entry(stage, id=entry.header.id)


def _id_of_another(stage: DirectoryStage) -> Entry:
    entry = own_entry(stage, stage.colleague.device)
    stage.directory.append(entry)
    return own_entry(stage, id=entry.header.id)


def _dir_of_restored(stage: DirectoryStage) -> Entry:
    return stage.directory.by_governance(
        "log.restored", restored()(stage), dir=stage.directory.head
    )


HEADS: list[Row] = [
    ("entry of a device", "DIR-3", own_entry, None),
    ("another log", "ENT-4", lambda s: own_entry(s, log=bytes(16)), "wrong_log"),
    ("an entry type of operations", "DIR-12",
     lambda s: s.directory.author("directory.sync", {}, s.agent.device, dir=s.directory.head),
     "wrong_type"),
    ("an entry type of operations, of another log", "ENT-4",
     lambda s: s.directory.author("directory.sync", {}, s.agent.device, dir=s.directory.head,
                                  log=bytes(16)), "wrong_log"),
    ("dir in a log.restored", "ENT-5", _dir_of_restored, "malformed"),
    ("unknown device", "DIR-12",
     lambda s: own_entry(s, s.directory.new_device(s.agent.id)), "unknown_device"),
    ("broken signature", "ENT-1", lambda s: broken(own_entry(s)), "bad_signature"),
    ("seen beyond its place", "DIR-3",
     lambda s: own_entry(s, seen=Head(s.directory.log.size + 1, fixed("root"))), "wrong_head"),
    ("seen with a wrong root", "DIR-3",
     lambda s: own_entry(s, seen=Head(s.directory.log.size, fixed("root"))), "wrong_head"),
    ("seen nothing", "DIR-3", lambda s: own_entry(s, seen=Head(0, EMPTY_ROOT)), "stale_seen"),
    ("seen goes back", "DIR-3", _seen_back, "seen_decreased"),
    ("an entry id used before", "DIR-5", _same_id, "duplicate_id"),
    ("an entry id of another device", "DIR-5", lambda s: _id_of_another(s), None),
    ("revoked device", "DIR-7",
     after(lambda s: s.directory.revoke(s.agent.device, by=s.france.ncp.device), own_entry),
     "inactive"),
    ("suspended person", "DIR-7", after(suspend_agent, own_entry), "inactive"),
    ("suspended administration", "DIR-7", after(suspend_france, own_entry), "inactive"),
]  # fmt: skip


ROOTS: list[Row] = [
    ("governance suspends", "DIR-2", governed("admin.suspend", france), None),
    ("signed by keys 0 and 2", "DIR-2", governed("admin.suspend", france, signers=(0, 2)), None),
    ("one signature of two", "DIR-2", governed("admin.suspend", france, signers=(1,)),
     "bad_threshold"),
    ("no signature", "DIR-2", governed("admin.suspend", france, signers=()), "bad_threshold"),
    ("two good signatures and a wrong one", "DIR-2", _with_extra_signature, "bad_signature"),
    ("signed as an administration's root", "KEY-4", _signed_as(SigType.ADMIN_ROOT),
     "bad_signature"),
    ("signed over another directory", "KEY-8",
     _signed_as(SigType.GOVERNANCE, fixed("elsewhere")), "bad_signature"),
    ("signed over zeros as in a genesis", "KEY-8", _signed_as(SigType.GOVERNANCE, ZERO32),
     "bad_signature"),
    ("serial repeated", "DIR-2",
     lambda s: s.directory.by_governance(
         "admin.suspend", france(s), serial=s.directory.state.governance.serial), "bad_serial"),
    ("serial left out", "DIR-2",
     lambda s: s.directory.by_governance(
         "admin.suspend", france(s), serial=s.directory.state.governance.serial + 2), None),
    ("a body posted again", "DIR-2", _replayed, "bad_serial"),
    ("another poster than signed for", "DIR-2", _poster_of(fixed("other poster")),
     "unknown_device"),
    ("a poster of small order", "DIR-2", _small_poster, "bad_key"),
    ("a root's serials are its own", "DIR-2",
     lambda s: s.directory.by_admin_root("ncp.dismiss", {"person": s.france.ncp.id}, s.france),
     None),
    ("serial of an administration's root repeated", "DIR-2",
     lambda s: s.directory.by_admin_root(
         "ncp.dismiss", {"person": s.france.ncp.id}, s.france, serial=1), "bad_serial"),
    ("an administration's root beyond its own", "DIR-2",
     lambda s: s.directory.by_admin_root(
         "ncp.dismiss", {"person": s.france.ncp.id}, s.france, root=s.belgium.root),
     "bad_signature"),
]  # fmt: skip


CONFLICTS: list[Row] = [
    ("conflict on a person", "DIR-4",
     unseen(lambda s: s.directory.grant_operations(s.agent),
             lambda s, head: s.directory.author(
                 "person.suspend", about_agent(s), s.france.ncp.device, seen=head)),
     "stale_seen"),
    ("no conflict on another person", "DIR-4",
     unseen(lambda s: s.directory.grant_operations(s.colleague),
             lambda s, head: s.directory.author(
                 "person.suspend", about_agent(s), s.france.ncp.device, seen=head)), None),
    ("a new device is a change of its person", "DIR-4",
     unseen(lambda s: s.directory.device(s.agent, voucher=s.agent.device),
             lambda s, head: s.directory.author(
                 "person.suspend", about_agent(s), s.france.ncp.device, seen=head)),
     "stale_seen"),
    ("conflict on a device", "DIR-4",
     unseen(lambda s: s.directory.rekey(s.agent.device),
             lambda s, head: s.directory.author(
                 "device.revoke", {"device": s.agent.device.id}, s.france.ncp.device, seen=head)),
     "stale_seen"),
    ("a re-key is no change of its person", "DIR-4",
     unseen(lambda s: s.directory.rekey(s.agent.device),
             lambda s, head: s.directory.author(
                 "person.suspend", about_agent(s), s.france.ncp.device, seen=head)), None),
    ("conflict on an administration", "DIR-4",
     unseen(lambda s: s.directory.resume_administration(
                 s.france) if s.directory.suspend_administration(s.france) else None,
             lambda s, head: s.directory.by_governance("admin.suspend", france(s), seen=head)),
     "seen_decreased"),
    ("conflict on an administration, by another poster", "DIR-4",
     unseen(lambda s: s.directory.resume_administration(
                 s.france) if s.directory.suspend_administration(s.france) else None,
             lambda s, head: s.directory.by_governance(
                 "admin.suspend", france(s), seen=head,
                 poster=s.directory.new_device(s.agent.id))),
     "stale_seen"),
    ("a change of an administration, and its root", "DIR-4",
     unseen(lambda s: s.directory.append(s.directory.by_governance(
                 "admin.rekey", {**france(s), "root": s.directory.signing_key("r").public})),
             lambda s, head: s.directory.by_admin_root(
                 "ncp.dismiss", {"person": s.france.ncp.id}, s.france, seen=head,
                 poster=s.directory.new_device(s.agent.id))),
     "bad_signature"),
    ("conflict on the root", "DIR-4",
     unseen(lambda s: s.directory.append(s.directory.by_governance(
                 "logkey.set", {"log_key": s.directory.signing_key("log").public})),
             lambda s, head: s.directory.by_governance(
                 "logkey.set", {"log_key": s.directory.signing_key("log").public}, seen=head,
                 poster=s.directory.new_device(s.agent.id))),
     "stale_seen"),
]  # fmt: skip
