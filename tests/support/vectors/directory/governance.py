"""What the governance root decides (PROTOCOL 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry

from tests.support.vectors.directory.acts import (
    SMALL,
    Body,
    Row,
    after,
    by_ncp,
    france,
    governed,
    new_admin,
    own_entry,
    restored,
    role,
    suspend_agent,
    suspend_france,
)
from tests.support.vectors.stage import DirectoryStage


def _rekeyed_governance(**changed: Any) -> Callable[[DirectoryStage], Body]:
    def body(stage: DirectoryStage) -> Body:
        keys = [stage.directory.signing_key("governance").public for _ in range(3)]
        return {"keys": keys, "k": 2, **changed}

    return body


def _under_the_new_root(stage: DirectoryStage) -> Entry:
    """The serial goes on through a re-key, and the new keys sign."""
    directory = stage.directory
    keys = [directory.signing_key("governance") for _ in range(2)]
    body = {"keys": [key.public for key in keys], "k": 1}
    directory.append(directory.by_governance("governance.rekey", body))
    directory.governance, directory.k = keys, 1
    return directory.by_governance("admin.suspend", {"admin": stage.france.id})


def _under_the_old_root(stage: DirectoryStage) -> Entry:
    directory = stage.directory
    directory.append(directory.by_governance("governance.rekey", _rekeyed_governance()(stage)))
    return directory.by_governance("admin.suspend", {"admin": stage.france.id})


def _admin_rekeyed(stage: DirectoryStage, *, old: bool) -> Entry:
    directory = stage.directory
    root = directory.signing_key("root")
    body = {"admin": stage.france.id, "root": root.public}
    directory.append(directory.by_governance("admin.rekey", body))
    kept = stage.france.root
    return directory.by_admin_root(
        "ncp.dismiss", {"person": stage.france.ncp.id}, stage.france, root=kept if old else root
    )


def _witness_body(keys: list[bytes]) -> Body:
    rows = [[f"w{place}.example", key] for place, key in enumerate(keys)]
    return {"witness": {"keys": rows, "k": len(rows), "fresh": 300 if rows else 0, "mode": "warn"}}


def _witness_set(keys: Callable[[DirectoryStage], list[bytes]]) -> Callable[[DirectoryStage], Body]:
    return lambda stage: _witness_body(keys(stage))


def _witness_returns(stage: DirectoryStage) -> Entry:
    directory = stage.directory
    key = directory.signing_key("witness").public
    for keys in ([key], []):
        body = _witness_body(keys)
        directory.append(directory.by_governance("witness.set", body))
    return directory.by_governance("witness.set", _witness_set(lambda _: [key])(stage))


GOVERNANCE: list[Row] = [
    ("admin.add", "DIR-6", governed("admin.add", new_admin("NL")), None),
    ("admin.add with a hyphen", "DIR-6", governed("admin.add", new_admin("RILO-WE")), None),
    ("admin.add of an active code", "DIR-6", governed("admin.add", new_admin("FR")),
     "already_exists"),
    ("admin.add of a look-alike", "DIR-6",
     after(lambda s: s.directory.administration("RILO"),
            governed("admin.add", new_admin("R1L0"))), "already_exists"),
    ("admin.add of a suspended one's code", "DIR-6",
     after(suspend_france, governed("admin.add", new_admin("FR"))), None),
    ("admin.add in small letters", "DIR-6", governed("admin.add", new_admin("fr")), "bad_value"),
    ("admin.add ending in a hyphen", "DIR-6", governed("admin.add", new_admin("FR-")),
     "bad_value"),
    ("admin.add with another alphabet", "DIR-6",
     governed("admin.add", new_admin("\u0424\u0420")), "bad_value"),
    ("admin.add with a used root", "DIR-13",
     governed("admin.add", lambda s: {"code": "NL", "root": s.france.root.public}), "key_reused"),
    ("admin.add with a device's key", "DIR-13",
     governed("admin.add", lambda s: {"code": "NL", "root": s.agent.device.sign.public}),
     "key_reused"),
    ("admin.add with a root of small order", "KEY-1",
     governed("admin.add", lambda s: {"code": "NL", "root": SMALL}), "bad_key"),
    ("admin.suspend of an unknown one", "DIR-14",
     governed("admin.suspend", lambda s: {"admin": bytes(16)}), "unknown_administration"),
    ("admin.suspend twice", "DIR-14", after(suspend_france, governed("admin.suspend", france)),
     "inactive"),
    ("admin.resume", "DIR-14", after(suspend_france, governed("admin.resume", france)), None),
    ("admin.resume of an active one", "DIR-14", governed("admin.resume", france),
     "already_exists"),
    ("admin.resume while another has the code", "DIR-6",
     after(suspend_france,
            after(lambda s: s.directory.append(
                       s.directory.by_governance("admin.add", new_admin("FR")(s))),
                   governed("admin.resume", france))), "already_exists"),
    ("admin.rekey", "DIR-10", lambda s: _admin_rekeyed(s, old=False), None),
    ("the old root after admin.rekey", "DIR-10", lambda s: _admin_rekeyed(s, old=True),
     "bad_signature"),
    ("admin.rekey of a suspended one", "DIR-14",
     after(suspend_france, governed("admin.rekey", lambda s: {
         **france(s), "root": s.directory.signing_key("root").public})), None),
    ("admin.rekey to a used key", "DIR-13",
     governed("admin.rekey", lambda s: {**france(s), "root": s.belgium.root.public}),
     "key_reused"),
    ("governance.rekey", "DIR-15", governed("governance.rekey", _rekeyed_governance()), None),
    ("governance.rekey that keeps a key", "DIR-15",
     governed("governance.rekey", lambda s: {
         "keys": [s.directory.governance[2].public, s.directory.signing_key("g").public],
         "k": 2}), None),
    ("governance.rekey with k above its keys", "DIR-15",
     governed("governance.rekey", _rekeyed_governance(k=4)), "bad_threshold"),
    ("governance.rekey with a key twice", "DIR-13",
     governed("governance.rekey", lambda s: {
         "keys": [s.directory.governance[0].public] * 2, "k": 1}), "key_reused"),
    ("governance.rekey to the log's key", "DIR-13",
     governed("governance.rekey", lambda s: {"keys": [s.directory.log_key.public], "k": 1}),
     "key_reused"),
    ("after governance.rekey the new root", "DIR-15", _under_the_new_root, None),
    ("after governance.rekey the old root", "DIR-15", _under_the_old_root, "bad_signature"),
    ("logkey.set", "DIR-15",
     governed("logkey.set", lambda s: {"log_key": s.directory.signing_key("log").public}), None),
    ("logkey.set to the present key", "DIR-13",
     governed("logkey.set", lambda s: {"log_key": s.directory.log_key.public}), "key_reused"),
    ("witness.set", "DIR-16",
     governed("witness.set", _witness_set(lambda s: [s.directory.signing_key("w").public])), None),
    ("witness.set with a governance key", "DIR-13",
     governed("witness.set", _witness_set(lambda s: [s.directory.governance[0].public])),
     "key_reused"),
    ("a witness returns with its own key", "DIR-13", _witness_returns, None),
    ("suite.raise", "DIR-10", governed("suite.raise", lambda s: {"suite_min": 2}), None),
    ("suite.raise to the present one", "DIR-10",
     governed("suite.raise", lambda s: {"suite_min": 1}), "bad_value"),
    ("an entry below the minimum suite", "DIR-10",
     after(lambda s: s.directory.append(
                s.directory.by_governance("suite.raise", {"suite_min": 2})), own_entry),
     "bad_value"),
    ("role.grant", "DIR-17", governed("role.grant", role), None),
    ("role.grant to an unknown person", "DIR-17",
     governed("role.grant", lambda s: {"person": bytes(16), "role": "operations"}),
     "unknown_person"),
    ("role.grant again", "DIR-17",
     after(lambda s: s.directory.grant_operations(s.agent), governed("role.grant", role)),
     "already_exists"),
    ("role.grant to a bot", "DIR-17",
     governed("role.grant", lambda s: {"person": s.bot.id, "role": "operations"}),
     "not_permitted"),
    ("role.grant to a suspended person", "DIR-17",
     after(suspend_agent, governed("role.grant", role)), "inactive"),
    ("role.withdraw", "DIR-17",
     after(lambda s: s.directory.grant_operations(s.agent), governed("role.withdraw", role)),
     None),
    ("role.withdraw of what is not held", "DIR-17", governed("role.withdraw", role), "inactive"),
    ("role.request", "DIR-17", by_ncp("role.request", role), None),
    ("role.request again", "DIR-17",
     after(lambda s: s.directory.append(by_ncp("role.request", role)(s)),
            by_ncp("role.request", role)), "already_exists"),
    ("role.request for a holder", "DIR-17",
     after(lambda s: s.directory.grant_operations(s.agent), by_ncp("role.request", role)),
     "already_exists"),
    ("role.request for a bot", "DIR-17",
     by_ncp("role.request", lambda s: {"person": s.bot.id, "role": "operations"}),
     "not_permitted"),
    ("log.restored", "DIR-22", governed("log.restored", restored()), None),
    ("log.restored of the genesis", "DIR-22",
     governed("log.restored", restored(**{"from": 0})), "bad_value"),
    ("log.restored of nothing", "DIR-22",
     governed("log.restored", restored(**{"from": 1, "to": 1, "leaves": []})), "bad_value"),
    ("log.restored beyond what was seen", "DIR-22",
     governed("log.restored", restored(to=9_999)), "bad_value"),
    ("log.restored with a leaf too few", "DIR-22",
     governed("log.restored", restored(leaves=[bytes(56)])), "bad_count"),
    ("log.restored of another log", "RES-3",
     governed("log.restored", restored(log=bytes(16))), "wrong_log"),
    ("log.restored with a leaf that is not the tree's", "RES-3",
     governed("log.restored", restored(leaves=[bytes(56)] * 2)), "bad_proof"),
]  # fmt: skip
