"""Submissions that are not what the protocol says: envelope, encoding, header, body, signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cbor2
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ZERO_SCOPE, DeviceId, EntryId, LogId
from cencomm_crypto.public.keys import SigningKey, SigType
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Submission

from tests.mallory.world import ANALYST, CHIEF, OFFICER
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import Group

Change = Callable[[Submission], bytes]


def parts(submission: Submission) -> list[bytes]:
    """The five byte strings of a submission."""
    return [
        submission.header,
        submission.body,
        submission.sig,
        submission.wraps,
        submission.shares,
    ]


def array(*items: Any, head: bytes = b"\x85", tail: bytes = b"") -> bytes:
    """A CBOR array of encoded items, with whatever head and tail."""
    return head + b"".join(cbor2.dumps(item) for item in items) + tail


envelopes = Group("submissions")
ENVELOPES: list[tuple[str, str, Change]] = [
    ("nothing at all", "malformed", lambda s: b""),
    ("a break where a value belongs", "malformed", lambda s: b"\xff"),
    ("cut in the middle", "malformed", lambda s: s.encode()[:-100]),
    ("a byte after the end", "malformed", lambda s: s.encode() + b"\x00"),
    ("twice in one body", "malformed", lambda s: s.encode() * 2),
    ("JSON", "malformed", lambda s: b'["header"]'),
    ("four parts", "malformed", lambda s: encode(parts(s)[:4])),
    ("six parts", "malformed", lambda s: encode([*parts(s), b""])),
    ("text where bytes belong", "malformed", lambda s: encode([*parts(s)[:4], "shares"])),
    ("a map", "malformed", lambda s: encode({"header": s.header})),
    ("an array without end", "malformed",
     lambda s: array(*parts(s), head=b"\x9f", tail=b"\xff")),
    ("a length that is not shortest", "not_canonical",
     lambda s: array(*parts(s), head=b"\x98\x05")),
    ("a tag around it", "wrong_type", lambda s: b"\xd9\xd9\xf7" + s.encode()),
    ("a shared reference", "wrong_type", lambda s: b"\xd8\x1c" + s.encode()),
    ("a float", "wrong_type", lambda s: array(*parts(s)[:4], 1.5)),
    ("a null", "wrong_type", lambda s: array(*parts(s)[:4], None)),
    ("a number of a hundred digits", "wrong_type", lambda s: array(*parts(s)[:4], 10**100)),
    ("nested beyond eight", "too_deep", lambda s: b"\x81" * 200 + b"\x00"),
    ("a promise of 2^63 bytes", "malformed", lambda s: b"\x85\x5b" + b"\x7f" + b"\xff" * 7 + b"x"),
    ("a promise of 2^32 items", "malformed", lambda s: b"\x9a" + b"\xff" * 4),
    ("an empty header", "malformed", lambda s: replace(s, header=b"").encode()),
    ("a header of 5 KiB", "malformed", lambda s: replace(s, header=bytes(5000)).encode()),
    ("a body of 57 KiB", "malformed", lambda s: replace(s, body=bytes(57_345)).encode()),
    ("a signature of 63 bytes", "malformed", lambda s: replace(s, sig=s.sig[:63]).encode()),
    ("wraps beside a message", "malformed", lambda s: replace(s, wraps=bytes(112)).encode()),
    ("shares beside a message", "malformed", lambda s: replace(s, shares=bytes(112)).encode()),
    ("larger than the server takes", "too_large", lambda s: bytes((2 << 20) + 1)),
]  # fmt: skip
for _name, _code, _change in ENVELOPES:

    async def _envelope(bench: Bench, change: Change = lambda s: b"") -> Answer:
        return await bench.submit(OFFICER, change(Submission.of(bench.message())))

    envelopes.case(_name, _code)(partial(_envelope, change=_change))


@envelopes.case("another content type", "unsupported_media")
async def _kind(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/entries"
    body = Submission.of(bench.message()).encode()
    return await bench.ask("POST", path, body, by=OFFICER, kind="application/octet-stream")


def signed(bench: Bench, header: bytes, body: bytes, by: str = OFFICER) -> Submission:
    """Any bytes under a true signature of the officer's device."""
    key = bench.stage.station(by).vault.device_key
    return Submission(header, body, key.sign(SigType.ENTRY, sha256(header) + sha256(body)))


headers = Group("headers")
Fields = dict[str, Any]
HEADERS: list[tuple[str, str, Callable[[Fields], Fields]]] = [
    ("a version of tomorrow", "unknown_version", lambda h: {**h, "v": 2}),
    ("a suite of tomorrow", "unknown_version", lambda h: {**h, "suite": 2}),
    ("a version that is text", "malformed", lambda h: {**h, "v": "1"}),
    ("a type that nobody knows", "unknown_type", lambda h: {**h, "type": "message.secret"}),
    ("a field too many", "malformed", lambda h: {**h, "admin": True}),
    ("a field that is missing", "malformed", lambda h: {k: v for k, v in h.items() if k != "time"}),
    ("a device of 15 bytes", "malformed", lambda h: {**h, "device": h["device"][:15]}),
    ("a time that is text", "malformed", lambda h: {**h, "time": "now"}),
    ("a time below zero", "malformed", lambda h: {**h, "time": -1}),
    ("a head of one part", "malformed", lambda h: {**h, "seen": h["seen"][:1]}),
    ("a size beyond 2^53", "malformed", lambda h: {**h, "seen": [2**53, h["seen"][1]]}),
    ("no log", "malformed", lambda h: {k: v for k, v in h.items() if k != "log"}),
    ("no directory head", "malformed", lambda h: {k: v for k, v in h.items() if k != "dir"}),
    ("no epoch", "malformed", lambda h: {k: v for k, v in h.items() if k != "epoch"}),
    ("epoch zero", "malformed", lambda h: {**h, "epoch": 0}),
    ("no channel", "wrong_scope", lambda h: {k: v for k, v in h.items() if k != "chan"}),
    ("a kind with a control character", "malformed", lambda h: {**h, "kind": "MSG\n"}),
    ("201 addressees", "malformed", lambda h: {**h, "to": [bytes(16)] * 201}),
    ("a key of 24 bytes", "too_large", lambda h: {**h, "a" * 24: 1}),
    ("text that is not NFC", "not_canonical", lambda h: {**h, "kind": "e\u0301"}),
]
for _name, _code, _alter in HEADERS:

    async def _header(bench: Bench, alter: Any = None) -> Answer:
        entry = bench.message()
        fields = alter(decode_map(entry.header_bytes, max_size=4096))
        data = cbor2.dumps(fields, canonical=True)
        return await bench.submit(OFFICER, signed(bench, data, entry.body_bytes or b""))

    headers.case(_name, _code)(partial(_header, alter=_alter))


@headers.case("keys out of order", "not_canonical")
async def _order(bench: Bench) -> Answer:
    fields = decode_map(bench.message().header_bytes, max_size=4096)
    data = cbor2.dumps(dict(reversed(list(fields.items()))))
    return await bench.submit(OFFICER, signed(bench, data, bytes(328)))


@headers.case("a key twice", "malformed")
async def _twice(bench: Bench) -> Answer:
    data = bench.message().header_bytes
    data = bytes([data[0] + 1]) + cbor2.dumps("v") + cbor2.dumps(1) + data[1:]
    return await bench.submit(OFFICER, signed(bench, data, bytes(328)))


@headers.case("a channel on a control entry", "wrong_scope")
async def _scope(bench: Bench) -> Answer:
    entry = bench.control(CHIEF, "directory.sync", {})
    fields = {**decode_map(entry.header_bytes, max_size=4096), "chan": bench.chan()}
    return await bench.submit(CHIEF, signed(bench, encode(fields), entry.body_bytes or b"", CHIEF))


@headers.case("a channel of zeros", "unknown_channel")
async def _zero_scope(bench: Bench) -> Answer:
    return await bench.post(OFFICER, bench.opaque(OFFICER, chan=ZERO_SCOPE))


@headers.case("another operation's log", "wrong_log")
async def _wrong_log(bench: Bench) -> Answer:
    return await bench.submit(OFFICER, Submission.of(bench.message()), bench.pending)


@headers.case("the directory's log", "wrong_log")
async def _into_directory(bench: Bench) -> Answer:
    return await bench.submit(OFFICER, Submission.of(bench.message()), bench.stage.directory)


@headers.case("a log that is not there", "unknown_log")
async def _no_log(bench: Bench) -> Answer:
    log = LogId(bytes(16))
    entry = bench.message()
    fields = {**decode_map(entry.header_bytes, max_size=4096), "log": log}
    made = signed(bench, encode(fields), entry.body_bytes or b"")
    return await bench.submit(OFFICER, made, log)


@headers.case("a genesis in a log that has one", "wrong_type")
async def _genesis(bench: Bench) -> Answer:
    genesis = next(bench.stage.station(CHIEF).mirror.items(bench.stage.log, 0, 1)).entry
    assert genesis is not None
    return await bench.submit(CHIEF, Submission.of(genesis))


@headers.case("a message where a genesis belongs", "wrong_type")
async def _no_genesis(bench: Bench) -> Answer:
    body = Submission.of(bench.message()).encode()
    return await bench.ask("POST", "/v1/logs", body, by=OFFICER, kind="application/cbor")


bodies = Group("bodies")
BODIES: list[tuple[str, str, bytes]] = [
    ("an empty one where a map belongs", "malformed", b""),
    ("a field too many", "malformed", encode({"phase": "live", "now": True})),
    ("a field that is missing", "malformed", encode({})),
    ("a phase that nobody knows", "malformed", encode({"phase": "war"})),
    ("a number where text belongs", "malformed", encode({"phase": 2})),
    ("a list", "malformed", encode(["live"])),
    ("a map without end", "malformed", b"\xbf\x65phase\x64live\xff"),
    ("a length that is not shortest", "not_canonical", b"\xa1\x65phase\x78\x04live"),
]
for _name, _code, _body in BODIES:

    async def _control(bench: Bench, body: bytes = b"") -> Answer:
        header = bench.header(CHIEF, "phase.set").encode()
        return await bench.submit(CHIEF, signed(bench, header, body, CHIEF))

    bodies.case(_name, _code)(partial(_control, body=_body))

signatures = Group("signatures and replays")
OTHER = SigningKey.from_seed(sha256(b"a stranger"))


def resigned(entry: Entry, sig: bytes) -> Submission:
    """The same entry under another signature."""
    return replace(Submission.of(entry), sig=sig)


@signatures.case("unsigned", "bad_signature")
async def _unsigned(bench: Bench) -> Answer:
    return await bench.submit(OFFICER, resigned(bench.message(), bytes(64)))


@signatures.case("signed by a stranger", "bad_signature")
async def _stranger(bench: Bench) -> Answer:
    entry = bench.message()
    sig = OTHER.sign(SigType.ENTRY, entry.header_hash + entry.body_hash)
    return await bench.submit(OFFICER, resigned(entry, sig))


@signatures.case("signed for another purpose", "bad_signature")
async def _purpose(bench: Bench) -> Answer:
    entry = bench.message()
    key = bench.stage.station(OFFICER).vault.device_key
    sig = key.sign(SigType.ENROL, entry.header_hash + entry.body_hash)
    return await bench.submit(OFFICER, resigned(entry, sig))


@signatures.case("one bit of the body changed", "bad_signature")
async def _body_bit(bench: Bench) -> Answer:
    entry = bench.message()
    body = bytearray(entry.body_bytes or b"")
    body[100] ^= 1
    return await bench.submit(OFFICER, replace(Submission.of(entry), body=bytes(body)))


@signatures.case("another's entry under one's own session", "not_permitted")
async def _anothers(bench: Bench) -> Answer:
    return await bench.post(ANALYST, bench.message(ANALYST), session_of=OFFICER)


@signatures.case("by a device that is not there", "unknown_device")
async def _no_device(bench: Bench) -> Answer:
    header = bench.header(CHIEF, "channel.reveal", chan=bench.chan(), device=DeviceId(bytes(16)))
    body = encode({"n": 1, "kc": bytes(32)})
    return await bench.submit(CHIEF, signed(bench, header.encode(), body, CHIEF))


@signatures.case("an id that this device used for other bytes", "id_reused")
async def _id(bench: Bench) -> Answer:
    mirror = bench.stage.station(CHIEF).mirror
    device = bench.stage.device(CHIEF)
    old = next(
        item.entry
        for item in mirror.items(bench.stage.log)
        if item.entry is not None
        and item.entry.header.type == "message"
        and item.entry.header.device == device
        and item.entry.header.chan == bench.chan()
    )
    return await bench.post(CHIEF, bench.message(CHIEF, id=EntryId(old.header.id)))


@signatures.case("a message replayed into another epoch", "wrong_epoch")
async def _epoch(bench: Bench) -> Answer:
    entry = bench.message()
    fields = {**decode_map(entry.header_bytes, max_size=4096), "epoch": 2}
    return await bench.submit(OFFICER, signed(bench, encode(fields), entry.body_bytes or b""))
