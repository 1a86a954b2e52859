"""entries.json: PROTOCOL 3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import (
    Entry,
    Head,
    Header,
    author,
    channel_id,
    leaf_hash,
    log_id32,
    parse,
)
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId
from cencomm_crypto.public.keys import SigningKey, device_id
from cencomm_crypto.public.primitives import EMPTY_ROOT, sha256

from tests.support.vectors.notation import Book, Case, Json, fixed, show

KEY = SigningKey.from_seed(fixed("entry author"))
NOW = 1_767_225_600_000
CONTROL = Header(
    type="device.accept",
    device=device_id(KEY.public),
    id=EntryId(bytes.fromhex("019b76da a800 7000 8000 000000000001".replace(" ", ""))),
    time=NOW,
    seen=Head(7, fixed("root")),
    dir=Head(3, fixed("directory root")),
    log=LogId(fixed("log", 16)),
)
CHANNEL = replace(CONTROL, type="channel.flag", chan=ChannelId(fixed("chan", 16)), epoch=2)
MESSAGE = replace(CHANNEL, type="message")
GENESIS = replace(CONTROL, type="operation.genesis", log=None, seen=Head(0, EMPTY_ROOT))
DIRECTORY = replace(CONTROL, type="device.rekey", dir=None)
BODY: dict[str, Any] = {"device": bytes(16)}


def book() -> Book:
    """Entries that authors make, and bytes that are none."""
    cases = [*_made(), *_ids(), *_refused_headers(), *_refused_bodies()]
    return Book("PROTOCOL 3: entries", cases)


def _fields(header: Header) -> Json:
    fields: dict[str, Any] = {
        name: getattr(header, name)
        for name in header.__slots__
        if not name.startswith("_") and getattr(header, name) is not None
    }
    return show(fields)


def _made() -> list[Case]:
    every = replace(
        MESSAGE, kind="WRN", re=fixed("answered"), prio="flash", ack_by=NOW + 1, to=(bytes(16),)
    )
    chosen: dict[str, tuple[str, Header, Any]] = {
        "control entry": ("ENT-1", CONTROL, BODY),
        "entry of a channel": ("ENT-1", CHANNEL, {"n": 2, "code": "wraps_root"}),
        "message with every visible field": ("ENT-7", every, b"sealed"),
        "message without": ("ENT-7", MESSAGE, b""),
        "entry of the directory": ("ENT-5", DIRECTORY, {"box_pk": fixed("box")}),
        "200 addressees": ("ENT-7", replace(MESSAGE, to=(bytes(16),) * 200), b"sealed"),
    }
    cases = []
    for name, (rule, header, body) in chosen.items():
        entry = author(header, body, KEY)
        inputs = {
            "header": _fields(header),
            "body": show(body),
            "seed": KEY.seed,
        }
        cases.append(
            Case(name, rule, "author", inputs, _bytes(entry),
                 intermediate={"header_hash": entry.header_hash, "body_hash": entry.body_hash})
        )  # fmt: skip
    return cases


def _bytes(entry: Entry) -> dict[str, Json]:
    return {
        "header": entry.header_bytes,
        "body": entry.body_bytes,
        "sig": entry.sig,
        "inner": entry.inner,
        "scope": entry.scope,
    }


def _ids() -> list[Case]:
    genesis = author(
        GENESIS,
        {
            "directory": fixed("directory"),
            "name": "Operation Vector",
            "window": [NOW, NOW + 1],
            "grace": 0,
            "live": [NOW, NOW + 1],
            "phases": 1,
            "history": "all",
            "metadata": "full",
            "browser": False,
            "retention": {"erase_at": 0},
            "clocks": dict.fromkeys(
                ("accept_s", "flash_s", "feedback_s", "seizure_s", "long_s", "sit_s"), 60
            ),
            "exercise": False,
            "forms": b"",
            "audit": {"persons": [], "k": 0},
            "witness": {"keys": [], "k": 0, "fresh": 0, "mode": "warn"},
            "legal": "none",
            "rules": 1,
            "suite_min": 1,
        },
        KEY,
    )
    window = {"window": [NOW, NOW + 1], "name": "work", "rule": {"all": True}}
    creation = author(replace(CONTROL, type="channel.create"), window, KEY)
    flag = author(CHANNEL, {"n": 2, "code": "wraps_root"}, KEY)
    raw = {"header": genesis.header_bytes, "body": genesis.body_bytes, "sig": genesis.sig}
    cases = [
        Case("log id, all 32 bytes", "ENT-4", "log id", raw, {"id": log_id32(genesis)}),
        Case("main channel's id", "ENT-4", "channel id", raw, {"id": channel_id(genesis)}),
        Case("another channel's id", "ENT-4", "channel id",
             {"header": creation.header_bytes, "body": creation.body_bytes, "sig": creation.sig},
             {"id": channel_id(creation)}),
    ]  # fmt: skip
    for name, seq, at, entry in (
        ("leaf of a control entry", 5, NOW, creation),
        ("leaf of a channel's entry", 6, NOW + 1, flag),
        ("leaf far on", 2**40, 2**53 - 1, flag),
    ):
        cases.append(
            Case(name, "ENT-3", "leaf",
                 {"seq": seq, "at": at, "scope": entry.scope, "inner": entry.inner},
                 {"leaf": leaf_hash(seq, at, entry.scope, entry.inner)})
        )  # fmt: skip
    return cases


def _refused_headers() -> list[Case]:
    base = {**_plain(CONTROL)}
    without = {name: {key: item for key, item in base.items() if key != name} for name in base}
    tables: list[tuple[str, str, Any, str]] = [
        ("ENT-2", "v 2", {**base, "v": 2}, "unknown_version"),
        ("ENT-2", "v 2 with keys of its own", {"v": 2, "new": 1}, "unknown_version"),
        ("ENT-2", "suite 2", {**base, "suite": 2}, "unknown_version"),
        ("ENT-2", "v as text", {**base, "v": "1"}, "malformed"),
        ("ENT-6", "unknown type", {**base, "type": "device.teleport"}, "unknown_type"),
        ("ENT-6", "unknown type of a channel",
         {**base, "type": "channel.teleport", "chan": bytes(16)}, "unknown_type"),
        ("ENT-6", "unknown type of the directory",
         {**without["dir"], "type": "admin.teleport"}, "unknown_type"),
        ("ENT-1", "an array", [1], "malformed"),
        ("ENT-1", "an unknown key", {**base, "extra": 1}, "malformed"),
        ("ENT-1", "device of 15 bytes", {**base, "device": bytes(15)}, "malformed"),
        ("ENT-1", "a time beyond 2^53-1", {**base, "time": 2**53}, "malformed"),
        ("ENT-1", "a negative time", {**base, "time": -1}, "malformed"),
        ("ENT-1", "seen of three", {**base, "seen": [1, bytes(32), 2]}, "malformed"),
        ("ENT-1", "seen root of 31 bytes", {**base, "seen": [1, bytes(31)]}, "malformed"),
        ("ENT-1", "empty type", {**base, "type": ""}, "malformed"),
        ("ENT-1", "type of 33 bytes", {**base, "type": "t" * 33}, "malformed"),
        ("ENT-1", "a control character in kind", {**_plain(MESSAGE), "kind": "W\nRN"}, "malformed"),
        ("ENT-7", "201 addressees", {**_plain(MESSAGE), "to": [bytes(16)] * 201}, "malformed"),
        ("ENT-7", "no addressees", {**_plain(MESSAGE), "to": []}, "malformed"),
        ("ENT-5", "log in a genesis", {**_plain(GENESIS), "log": bytes(16)}, "malformed"),
        ("ENT-5", "no log elsewhere", without["log"], "malformed"),
        ("ENT-5", "chan in a control entry", {**base, "chan": bytes(16)}, "wrong_scope"),
        ("ENT-5", "no chan in a channel's entry",
         {key: item for key, item in _plain(CHANNEL).items() if key != "chan"}, "wrong_scope"),
        ("ENT-5", "epoch in a control entry", {**base, "epoch": 1}, "malformed"),
        ("ENT-5", "no epoch in a flag",
         {key: item for key, item in _plain(CHANNEL).items() if key != "epoch"}, "malformed"),
        ("ENT-5", "epoch 0", {**_plain(CHANNEL), "epoch": 0}, "malformed"),
        ("ENT-5", "no dir in an operation", without["dir"], "malformed"),
        ("ENT-5", "dir in the directory", {**_plain(DIRECTORY), "dir": [1, bytes(32)]},
         "malformed"),
    ]  # fmt: skip
    cases = [
        Case(f"header: {name}", rule, "parse",
             {"header": encode(fields), "body": encode(BODY), "sig": bytes(64)}, failure=code)
        for rule, name, fields, code in tables
    ]  # fmt: skip
    cases += [
        Case(f"header: {name} missing", "ENT-1", "parse",
             {"header": encode(without[name]), "body": encode(BODY), "sig": bytes(64)},
             failure="malformed")
        for name in ("v", "suite", "type", "device", "id", "time", "seen")
    ]  # fmt: skip
    padded = encode({**base, "kind": "k" * 32, "to": [bytes(16)] * 200, "x": bytes(700)})
    cases.append(
        Case("header over 4096 bytes", "ENC-6", "parse",
             {"header": padded, "body": encode(BODY), "sig": bytes(64)}, failure="too_large")
    )  # fmt: skip
    return cases


def _plain(header: Header) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "v": 1, "suite": 1, "type": header.type, "device": bytes(header.device),
        "id": bytes(header.id), "time": header.time, "seen": list(header.seen),
    }  # fmt: skip
    if header.dir is not None:
        fields["dir"] = list(header.dir)
    for name in ("log", "chan", "epoch"):
        if getattr(header, name) is not None:
            fields[name] = getattr(header, name)
    return fields


def _refused_bodies() -> list[Case]:
    control, message = CONTROL.encode(), MESSAGE.encode()
    entry = author(MESSAGE, b"sealed", KEY)
    tables: list[tuple[str, bytes, bytes, int, str]] = [
        ("another shape", control, encode({"device": bytes(15)}), 64, "malformed"),
        ("an unknown key", control, encode({**BODY, "extra": 1}), 64, "malformed"),
        ("a key missing", control, encode({}), 64, "malformed"),
        ("no map", control, encode([bytes(16)]), 64, "malformed"),
        ("not canonical", control, bytes.fromhex("b801666465766963655000") + bytes(15), 64,
         "not_canonical"),
        ("signature of 63 bytes", control, encode(BODY), 63, "malformed"),
        ("signature of 65 bytes", message, b"sealed", 65, "malformed"),
    ]  # fmt: skip
    cases = [
        Case(f"body: {name}", "ENT-1", "parse",
             {"header": header, "body": body, "sig": bytes(size)}, failure=code)
        for name, header, body, size, code in tables
    ]  # fmt: skip
    decision = {
        "person": bytes(16), "role": "operations", "poster": fixed("poster"), "serial": 1,
        "sigs": [[0, bytes(64)]],
    }  # fmt: skip
    posted = {**_plain(DIRECTORY), "type": "role.grant"}
    cases += [
        Case(f"body: {name}", "KEY-8", "parse",
             {"header": encode(posted), "body": encode(body), "sig": bytes(64)},
             failure="malformed")
        for name, body in (
            ("a role.withdraw that roots signed, posted as role.grant",
             {**decision, "type": "role.withdraw"}),
            ("what roots signed without saying what it is", decision),
        )
    ]  # fmt: skip
    cases += [
        Case("body of 57,344 bytes", "ENC-6", "parse zeros", {"header": message, "zeros": 57_344},
             {"inner": parse(message, bytes(57_344), bytes(64)).inner}),
        Case("body over 57,344 bytes", "ENC-6", "parse zeros",
             {"header": message, "zeros": 57_345}, failure="too_large"),
        Case("an erased message", "ENT-8", "parse erased",
             {"header": message, "body_hash": sha256(b"sealed"), "sig": entry.sig},
             {"inner": entry.inner}),
        Case("an erased control entry", "ENT-8", "parse erased",
             {"header": control, "body_hash": sha256(b""), "sig": bytes(64)},
             failure="malformed"),
        Case("a good signature of an entry", "ENT-1", "verify entry",
             {"header": message, "body": b"sealed", "sig": entry.sig, "public": KEY.public}, {}),
        Case("a signature over another body", "ENT-1", "verify entry",
             {"header": message, "body": b"sea1ed", "sig": entry.sig, "public": KEY.public},
             failure="bad_signature"),
        Case("a signature over another header", "ENT-1", "verify entry",
             {"header": replace(MESSAGE, epoch=3).encode(), "body": b"sealed",
              "sig": entry.sig, "public": KEY.public}, failure="bad_signature"),
        Case("an erased entry's signature still verifies", "ENT-8", "verify erased",
             {"header": message, "body_hash": sha256(b"sealed"), "sig": entry.sig,
              "public": KEY.public}, {}),
    ]  # fmt: skip
    return cases
