"""Garbage on HTTP: methods, paths, headers, bodies that are cut, large, or no JSON of ours."""

from __future__ import annotations

import gzip
import json
from functools import partial

from tests.mallory.world import OFFICER
from tests.support.bad_input.bench import CBOR, JSON, Answer, Bench
from tests.support.bad_input.cases import Group

http = Group("HTTP")
CHALLENGE = "/v1/login/challenge"
DEVICE = {"device": "00" * 16}


def sends(method: str, path: str, body: bytes | None = None, **rest: str) -> object:
    """A case that is one request without a session."""

    async def send(bench: Bench) -> Answer:
        kind = rest.get("kind")
        headers = {name: value for name, value in rest.items() if name != "kind"}
        return await bench.ask(method, path, body, kind=kind, headers=headers)

    return send


REQUESTS: list[tuple[str, str, object]] = [
    ("a path that is no route", "not_found", sends("GET", "/v1/nothing")),
    ("a path that climbs", "not_found", sends("GET", "/v1/../../etc/passwd")),
    ("a path with an escaped slash", "not_found", sends("GET", "/v1%2finfo")),
    ("another method", "method_not_allowed", sends("DELETE", "/v1/info")),
    ("a method of one's own", "bad_request", sends("BREW", "/v1/login")),
    ("a body where none belongs", "too_large", sends("GET", "/v1/info", b"x", kind=JSON)),
    ("no content type", "unsupported_media", sends("POST", CHALLENGE, b"{}")),
    ("a form", "unsupported_media",
     sends("POST", CHALLENGE, b"device=1", kind="application/x-www-form-urlencoded")),
    ("CBOR where JSON belongs", "unsupported_media", sends("POST", CHALLENGE, b"\xa0", kind=CBOR)),
    ("a compressed body", "unsupported_media",
     sends("POST", CHALLENGE, gzip.compress(b"{}"), kind=JSON, **{"Content-Encoding": "gzip"})),
    ("a parameter twice", "bad_request", sends("GET", "/v1/enrolments?invitation=a&invitation=b")),
    ("an unknown parameter", "bad_request", sends("GET", "/v1/info?verbose=1")),
    ("a parameter that is missing", "bad_request", sends("GET", "/v1/enrolments")),
]  # fmt: skip
for _name, _code, _send in REQUESTS:
    http.case(_name, _code)(_send)  # type: ignore[arg-type]

queries = Group("cursors and ids")
QUERIES: list[tuple[str, str]] = [
    ("a cursor below zero", "after=-1"),
    ("a cursor beyond 2^53", f"after={2**53}"),
    ("a cursor of a thousand digits", "after=" + "9" * 1000),
    ("a cursor that is no number", "after=one"),
    ("a cursor in other digits", "after=%D9%A1"),
    ("a limit of nothing", "limit=0"),
    ("a limit of more than a page", "limit=10001"),
]
for _name, _query in QUERIES:

    async def _read(bench: Bench, query: str = "") -> Answer:
        path = f"/v1/logs/{bench.stage.log.hex()}/entries?{query}"
        return await bench.ask("GET", path, by=OFFICER)

    queries.case(_name, "bad_request")(partial(_read, query=_query))


@queries.case("a log id that is no hex", "bad_request")
async def _no_hex(bench: Bench) -> Answer:
    return await bench.ask("GET", "/v1/logs/zz/entries", by=OFFICER)


@queries.case("a log id in capitals", "bad_request")
async def _capitals(bench: Bench) -> Answer:
    return await bench.ask("GET", f"/v1/logs/{'AB' * 16}/entries", by=OFFICER)


@queries.case("a log that is not there", "unknown_log")
async def _no_log(bench: Bench) -> Answer:
    return await bench.ask("GET", f"/v1/logs/{'00' * 16}/entries", by=OFFICER)


@queries.case("a checkpoint of the future", "not_found")
async def _future(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/checkpoint?size=999999"
    return await bench.ask("GET", path, by=OFFICER)


@queries.case("a proof from new to old", "bad_request")
async def _backwards(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/proof?old=9&new=3"
    return await bench.ask("GET", path, by=OFFICER)


@queries.case("wraps of an epoch that is not there", "wrong_epoch")
async def _no_epoch(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/wraps?chan={bench.chan().hex()}&n=99"
    return await bench.ask("GET", path, by=OFFICER)


@queries.case("wraps of a channel that is not there", "unknown_channel")
async def _no_channel(bench: Bench) -> Answer:
    path = f"/v1/logs/{bench.stage.log.hex()}/wraps?chan={'00' * 16}&n=1"
    return await bench.ask("GET", path, by=OFFICER)


bodies = Group("JSON")
BODIES: list[tuple[str, str, bytes]] = [
    ("nothing at all", "bad_request", b""),
    ("no JSON", "bad_request", b"device=1"),
    ("JSON that is cut", "bad_request", b'{"device": "00'),
    ("two objects", "bad_request", b"{}{}"),
    ("not UTF-8", "bad_request", b'{"device": "\xff\xfe"}'),
    ("a list", "bad_request", b"[]"),
    ("null", "bad_request", b"null"),
    ("a field twice", "bad_request",
     b'{"device": "' + b"00" * 16 + b'", "device": "' + b"11" * 16 + b'"}'),
    ("a field too many", "bad_request", json.dumps({**DEVICE, "admin": True}).encode()),
    ("a field that is missing", "bad_request", b"{}"),
    ("a number where text belongs", "bad_request", b'{"device": 1}'),
    ("a number that is none", "bad_request", b'{"device": NaN}'),
    ("capital hex", "bad_request", json.dumps({"device": "AB" * 16}).encode()),
    ("hex that is short", "bad_request", b'{"device": "00"}'),
    ("hex with spaces", "bad_request", b'{"device": "' + b"0 " * 16 + b'"}'),
    ("nested ten thousand deep", "too_deep", b"[" * 10_000),
    ("larger than a form may be", "too_large", b'{"device": "' + b"0" * 17_000 + b'"}'),
]  # fmt: skip
for _name, _code, _body in BODIES:

    async def _post(bench: Bench, body: bytes = b"") -> Answer:
        return await bench.post_json(CHALLENGE, body)

    bodies.case(_name, _code)(partial(_post, body=_body))

wire = Group("bytes on the wire")
HOST = b"Host: cencomm.example\r\n"
OPENING = b"POST /v1/login/challenge HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
WIRE: list[tuple[str, str, bytes]] = [
    ("no HTTP", "bad_request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    ("a line of noise", "bad_request", b"\xff\xfe\xfd\r\n\r\n"),
    ("no version", "bad_request", b"GET /v1/info\r\n\r\n"),
    ("a version of one's own", "bad_request", b"GET /v1/info HTTP/9.9\r\n" + HOST + b"\r\n"),
    ("a header without a colon", "bad_request", b"GET /v1/info HTTP/1.1\r\n" + HOST + b"X\r\n\r\n"),
    ("a header with a zero byte", "bad_request",
     b"GET /v1/info HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n"),
    ("a header folded over two lines", "bad_request",
     b"GET /v1/info HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n"),
    ("a header of 32 KiB", "bad_request",
     b"GET /v1/info HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 32_768 + b"\r\n\r\n"),
    ("a path of 16 KiB", "bad_request",
     b"GET /v1/" + b"a" * 16_384 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("two lengths", "bad_request",
     OPENING + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
    ("a length and chunks", "bad_request",
     OPENING + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("a length below zero", "bad_request", OPENING + b"Content-Length: -2\r\n\r\n{}"),
    ("a chunk of no size", "bad_request",
     OPENING + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    ("a promise of a terabyte", "too_large", OPENING + b"Content-Length: 1099511627776\r\n\r\n{"),
    ("more chunks than a body may have", "too_large",
     OPENING + b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b" " * 16_384 + b"\r\n") * 2),
]  # fmt: skip
for _name, _code, _bytes in WIRE:

    async def _write(bench: Bench, data: bytes = b"") -> Answer:
        return await bench.raw(data)

    wire.case(_name, _code)(partial(_write, data=_bytes))


@wire.case("a body that is cut", "cut")
async def _cut(bench: Bench) -> Answer:
    return await bench.raw(OPENING + b"Content-Length: 47\r\n\r\n", b'{"device', eof=True)
