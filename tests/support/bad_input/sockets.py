"""Garbage on the live socket: handshakes, packets, events, submissions."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from cencomm_client import session
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.wire import Submission

from tests.mallory.world import OFFICER, OUTSIDER
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import Group
from tests.support.bad_input.entries import signed

sockets = Group("live socket")
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}

HANDSHAKES: list[tuple[str, str, str, dict[str, str]]] = [
    ("a page of another origin", "bad_origin", "EIO=4&transport=websocket",
     {**UPGRADE, "Origin": "https://mallory.example"}),
    ("the origin null", "bad_origin", "EIO=4&transport=websocket", {**UPGRADE, "Origin": "null"}),
    ("polling", "bad_request", "EIO=4&transport=polling", {}),
    ("an older engine", "bad_request", "EIO=3&transport=websocket", UPGRADE),
    ("no upgrade", "bad_request", "EIO=4&transport=websocket", {}),
    ("the token in the address", "bad_request", "EIO=4&transport=websocket&token=abc", UPGRADE),
    ("a session of the library's", "bad_request", "EIO=4&transport=websocket&sid=abc", UPGRADE),
]  # fmt: skip
for _name, _code, _query, _headers in HANDSHAKES:

    async def _handshake(bench: Bench, query: str = "", headers: Any = None) -> Answer:
        return await bench.ask("GET", f"/v1/socket/?{query}", headers=headers)

    sockets.case(_name, _code)(partial(_handshake, query=_query, headers=_headers))

CONNECTS: list[tuple[str, str, str]] = [
    ("no auth", "bad_request", "40"),
    ("auth that is a list", "bad_request", "40[]"),
    ("auth without a token", "bad_request", '40{"device": "00"}'),
    ("another namespace", "bad_request", "40/admin,{}"),
]
for _name, _code, _frame in CONNECTS:

    async def _connect(bench: Bench, frame: str = "") -> Answer:
        return await bench.socket(frame, by=None)

    sockets.case(_name, _code)(partial(_connect, frame=_frame))


async def _auth(bench: Bench, **changed: Any) -> Answer:
    station = bench.stage.station(OFFICER)
    auth = await session.live_auth(station.vault, station.transport)
    return await bench.socket("40" + json.dumps({**auth, **changed}), by=None)


sockets.case("a token that was never given", "not_authenticated")(partial(_auth, token="A" * 43))
sockets.case("an unsigned challenge", "login_failed")(partial(_auth, sig="00" * 64))
sockets.case("a field too many in auth", "bad_request")(partial(_auth, admin=True))


@sockets.case("another's challenge with one's own token", "login_failed")
async def _others(bench: Bench) -> Answer:
    station = bench.stage.station(OUTSIDER)
    auth = await session.live_auth(station.vault, station.transport)
    own = await session.live_auth(
        bench.stage.station(OFFICER).vault, bench.stage.station(OFFICER).transport
    )
    return await bench.socket("40" + json.dumps({**auth, "token": own["token"]}), by=None)


@sockets.case("an event before the connect", "not_authenticated")
async def _before(bench: Bench) -> Answer:
    return await bench.socket('420["append",""]', by=None)


PACKETS: list[tuple[str, str, str]] = [
    ("a packet of no type", "malformed", "9"),
    ("an empty text", "malformed", ""),
    ("an engine packet that clients do not send", "malformed", "2probe"),
    ("an event that is no JSON", "malformed", "42[append"),
    ("an event that is an object", "bad_request", '421{"append": 1}'),
    ("an event of another name", "bad_request", '421["delete","x"]'),
    ("the library's own event", "bad_request", '421["disconnect"]'),
    ("ten thousand attachments announced", "malformed", '4510000-1["append"]'),
    ("JSON nested ten thousand deep", "malformed", "42" + "[" * 10_000),
    ("an append of nothing", "bad_request", '421["append"]'),
    ("an append of text", "bad_request", '421["append","entry"]'),
    ("an append of a number", "bad_request", '421["append",5]'),
    ("an append of a list", "bad_request", '421["append",["x"]]'),
]
for _name, _code, _packet in PACKETS:

    async def _packet_case(bench: Bench, packet: str = "") -> Answer:
        return await bench.socket(packet)

    sockets.case(_name, _code)(partial(_packet_case, packet=_packet))

APPEND = '451-1["append",{"_placeholder":true,"num":0}]'


@sockets.case("bytes that nothing announced", "malformed")
async def _bytes(bench: Bench) -> Answer:
    return await bench.socket(b"\x00\x01\x02")


@sockets.case("an append of two parts", "bad_request")
async def _two(bench: Bench) -> Answer:
    return await bench.socket('451-1["append",{"_placeholder":true,"num":0},"more"]', b"x" * 20)


@sockets.case("an append of too few bytes", "bad_request")
async def _few(bench: Bench) -> Answer:
    return await bench.socket(APPEND, b"short")


@sockets.case("an append of noise", "malformed")
async def _noise(bench: Bench) -> Answer:
    return await bench.socket(APPEND, bench.stage.log + b"\xff" * 100)


@sockets.case("an append to a log that is not there", "unknown_log")
async def _no_log(bench: Bench) -> Answer:
    fields = {**decode_map(bench.message().header_bytes, max_size=4096), "log": bytes(16)}
    made = signed(bench, encode(fields), bytes(328))
    return await bench.socket(APPEND, bytes(16) + made.encode())


@sockets.case("an append to another log than was signed", "wrong_log")
async def _wrong_log(bench: Bench) -> Answer:
    return await bench.socket(APPEND, bench.pending + Submission.of(bench.message()).encode())


@sockets.case("an unsigned append", "bad_signature")
async def _unsigned(bench: Bench) -> Answer:
    entry = bench.message()
    submission = Submission(entry.header_bytes, entry.body_bytes or b"", bytes(64))
    return await bench.socket(APPEND, bench.stage.log + submission.encode())


@sockets.case("a frame of 200 KiB", "close 1009")
async def _large(bench: Bench) -> Answer:
    return await bench.socket(APPEND, bytes(200 * 1024))
