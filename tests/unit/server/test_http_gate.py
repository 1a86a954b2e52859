"""The gate: limits before parsing, tokens, failures as JSON, headers, and what is never logged."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from cencomm_config.errors import NotAuthenticated, NotFound, RateLimited, StoreDown
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.wire import Submission
from cencomm_server.accounts.principal import Principal
from cencomm_server.http import gate as gate_module
from cencomm_server.http.address import address_of
from cencomm_server.http.call import Access, Answer, Call, Route, Takes, json_answer
from cencomm_server.http.gate import Gate, Limits

from tests.support.throttles import wide

TOKEN = secrets.token_bytes(32)
BEARER = {"Authorization": "Bearer " + base64.urlsafe_b64encode(TOKEN).rstrip(b"=").decode()}
Client = TestClient[Any, Any]


class OneSession:
    """`Sessions` that knows TOKEN."""

    async def authenticate(self, token: bytes) -> Principal:
        if token != TOKEN:
            raise NotAuthenticated("unknown")
        return Principal(DeviceId(b"d" * 16), PersonId(b"p" * 16), "human", b"h" * 32)


async def echo(call: Call) -> Answer:
    fields = call.fields()
    name, count = fields.text("name", 20), fields.count("count", most=9)
    key = fields.hex("key", 2)
    fields.end()
    return json_answer({"name": name, "count": count, "key": key.hex()})


async def raw(call: Call) -> Answer:
    call.query.end()
    return Answer(call.body, "application/cbor")


async def listing(call: Call) -> Answer:
    after, limit = call.query.count("after", 0), call.query.count("limit", 10, least=1, most=50)
    call.query.end()
    return json_answer({"after": after, "limit": limit, "who": call.principal.device.hex()})


async def fail(call: Call) -> Answer:
    kind = call.path["kind"]
    raise {
        "limited": RateLimited("slow down", retry_after_s=17),
        "down": StoreDown("the store is down"),
        "rule": ProtocolError(ErrorCode.STALE_SEEN, "somebody was first"),
        "missing": NotFound("no such thing"),
        "bug": ZeroDivisionError("secret detail of the code"),
    }[kind]


ROUTES = (
    Route("POST", "/echo", echo, Access.PUBLIC, Takes.JSON),
    Route("POST", "/raw", raw, Access.PUBLIC, Takes.SUBMISSION),
    Route("GET", "/list", listing, Access.TOKEN),
    Route("GET", "/fail/{kind}", fail, Access.PUBLIC),
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = Gate(OneSession(), Limits(json_bytes=1024, submission_bytes=4096), wide()).application(
        ROUTES
    )
    async with TestClient(TestServer(app), auto_decompress=False) as opened:
        yield opened


async def told(response: ClientResponse, status: int, code: str) -> str:
    answer = await response.json()
    assert (response.status, answer.keys(), answer["code"]) == (
        status,
        {"code", "detail"},
        code,
    ), answer
    detail: str = answer["detail"]
    return detail


GOOD = {"name": "x", "count": 1, "key": "00ff"}
JSON_HEADERS = {"Content-Type": "application/json"}


async def test_a_good_request_is_answered(client: Client) -> None:
    response = await client.post("/echo", json=GOOD)
    assert (response.status, await response.json()) == (200, GOOD)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b"7", "a number"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name":"x","name":"y","count":1,"key":"00ff"}', "twice"),
        (b'{"count":1,"key":"00ff"}', "name is missing"),
        (b'{"name":"x","count":1,"key":"00ff","more":1}', "unknown field: more"),
        (b'{"name":1,"count":1,"key":"00ff"}', "name: expected a string"),
        (b'{"name":"","count":1,"key":"00ff"}', "name: expected 1 to 20"),
        (b'{"name":"\\u202ex","count":1,"key":"00ff"}', "name: expected 1 to 20"),
        (b'{"name":"x","count":"1","key":"00ff"}', "count: expected a whole number"),
        (b'{"name":"x","count":1.0,"key":"00ff"}', "count: expected a whole number"),
        (b'{"name":"x","count":true,"key":"00ff"}', "count: expected a whole number"),
        (b'{"name":"x","count":-1,"key":"00ff"}', "count: expected a whole number from 0 to 9"),
        (b'{"name":"x","count":1,"key":"00FF"}', "key: expected 4 lower-case hex"),
        (b'{"name":"x","count":1,"key":"00 ff"}', "key: expected 4 lower-case hex"),
        (b'{"name":"x","count":1,"key":"00"}', "key: expected 4 lower-case hex"),
        (b'{"name":"x","count":1,"key":null}', "key: expected a string, got null"),
    ],
)
async def test_a_bad_body_is_told_what_was_expected(
    client: Client, body: bytes, expected: str
) -> None:
    response = await client.post("/echo", data=body, headers=JSON_HEADERS)
    assert expected in await told(response, 400, "bad_request")


async def test_deep_json_has_its_own_code(client: Client) -> None:
    app = Gate(OneSession(), Limits(json_bytes=10**6, submission_bytes=1), wide()).application(
        ROUTES
    )
    async with TestClient(TestServer(app)) as roomy:
        response = await roomy.post("/echo", data=b"[" * 500_000, headers=JSON_HEADERS)
        await told(response, 400, "too_deep")


async def test_hostile_field_names_come_back_harmless(client: Client) -> None:
    """A51."""
    response = await client.post("/echo", json={**GOOD, "\x1b[31m<b>": 1})
    assert "\u241b\uff3b31m\uff1cb\uff1e" in await told(response, 400, "bad_request")


async def test_a_body_is_measured_before_it_is_parsed(client: Client) -> None:
    """A35."""
    response = await client.post("/echo", data=b"{" * 1025, headers=JSON_HEADERS)
    assert "1024" in await told(response, 413, "too_large")


async def test_a_stranger_may_send_one_entry_and_no_wraps() -> None:
    """A35: what a great rotate needs is held in memory for those with a session alone."""
    routes = (
        Route("POST", "/raw", raw, Access.PUBLIC, Takes.SUBMISSION),
        Route("POST", "/own", raw, Access.TOKEN, Takes.SUBMISSION),
    )
    app = Gate(OneSession(), Limits(json_bytes=1024, submission_bytes=1 << 20), wide()).application(
        routes
    )
    headers = {"Content-Type": "application/cbor"}
    largest = Submission(bytes(4096), bytes(56 * 1024), bytes(64)).encode()
    async with TestClient(TestServer(app), auto_decompress=False) as opened:
        answer = await opened.post("/raw", data=largest, headers=headers)
        assert answer.status == 200
        answer = await opened.post("/raw", data=bytes(70_000), headers=headers)
        await told(answer, 413, "too_large")
        answer = await opened.post("/own", data=bytes(70_000), headers=headers | BEARER)
        assert answer.status == 200


async def test_a_body_without_length_is_cut_off_at_the_limit(client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 4096
            yield b"x" * 4096
            await asyncio.sleep(0)

    response = await client.post("/echo", data=endless(), headers=JSON_HEADERS)
    await told(response, 413, "too_large")
    assert sent < 8_000_000


async def test_a_slow_body_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "BODY_TIMEOUT_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)

    response = await client.post("/echo", data=slow(), headers=JSON_HEADERS)
    assert "did not arrive" in await told(response, 400, "bad_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/cbor", "application/x-www-form"])
async def test_another_content_type_is_refused(client: Client, kind: str) -> None:
    response = await client.post("/echo", data=b"{}", headers={"Content-Type": kind})
    await told(response, 415, "unsupported_media")


async def test_a_compressed_body_is_refused_unread(client: Client) -> None:
    headers = {**JSON_HEADERS, "Content-Encoding": "gzip"}
    response = await client.post("/echo", data=b"\x1f\x8b", headers=headers)
    await told(response, 415, "unsupported_media")


async def test_no_answer_is_compressed(client: Client) -> None:
    """A16."""
    data = bytes(4096)
    headers = {"Content-Type": "application/cbor", "Accept-Encoding": "gzip, br, deflate"}
    response = await client.post("/raw", data=data, headers=headers)
    assert "Content-Encoding" not in response.headers
    assert await response.read() == data


async def test_a_route_without_body_takes_none(client: Client) -> None:
    response = await client.request("GET", "/list", data=b"x", headers=BEARER)
    await told(response, 413, "too_large")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer ",
        "Basic eDp5",
        "Bearer " + "A" * 43,
        "Bearer " + "A" * 42,
        "Bearer " + "A" * 44,
        "Bearer " + "A" * 42 + "B",
        "Bearer " + "A" * 42 + "=",
        "Bearer " + "+" * 43,
        "Bearer é",
    ],
)
async def test_without_its_token_a_route_is_shut(client: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await client.get("/list", headers=headers)
    await told(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_with_its_token_it_is_open(client: Client) -> None:
    response = await client.get("/list?after=3", headers=BEARER)
    assert await response.json() == {"after": 3, "limit": 10, "who": (b"d" * 16).hex()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=%D9%A3", "after"),
        ("after=99999999999999999", "after"),
        ("limit=0", "from 1 to 50"),
        ("limit=51", "from 1 to 50"),
        ("after=1&after=2", "twice"),
        ("befor=1", "unknown parameter: befor"),
    ],
)
async def test_a_bad_query_is_told_what_was_expected(
    client: Client, query: str, expected: str
) -> None:
    response = await client.get(f"/list?{query}", headers=BEARER)
    assert expected in await told(response, 400, "bad_request")


async def test_unknown_routes_and_methods_answer_like_all_others(client: Client) -> None:
    await told(await client.get("/nothing"), 404, "not_found")
    response = await client.get("/echo")
    assert "POST" in await told(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"


async def test_what_a_service_raises_becomes_code_and_detail(client: Client) -> None:
    limited = await client.get("/fail/limited")
    assert limited.headers["Retry-After"] == "17"
    assert await told(limited, 429, "rate_limited") == "slow down"
    down = await client.get("/fail/down")
    assert down.headers["Retry-After"] == "1"
    await told(down, 503, "store_down")
    await told(await client.get("/fail/rule"), 409, "stale_seen")
    await told(await client.get("/fail/missing"), 404, "not_found")


async def test_a_defect_says_nothing_about_itself(client: Client) -> None:
    assert await told(await client.get("/fail/bug"), 500, "internal") == ""


async def test_security_headers_stand_on_every_answer(client: Client) -> None:
    for path in ("/nothing", "/list", "/fail/bug"):
        headers = (await client.get(path)).headers
        assert headers["Server"] == "cencomm"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_access_log_holds_no_content_token_or_address(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        await client.post("/echo", json={**GOOD, "name": "hunter2"})
        await client.get("/list?after=77777", headers=BEARER)
        await client.get("/fail/bug")
        await client.get("/no/such/hunter2")
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["route"] for line in requests] == ["/echo", "/list", "/fail/{kind}", "none"]
    text = json.dumps(requests)
    for secret in ("hunter2", "77777", BEARER["Authorization"][7:], "127.0.0.1", "00ff"):
        assert secret not in text


def test_a_forwarded_address_counts_only_from_a_known_proxy() -> None:
    proxies = (ip_network("10.0.0.0/8"),)

    def seen(remote: str, forwarded: str) -> str:
        request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded})
        return address_of(request.clone(remote=remote), proxies)

    assert seen("192.0.2.1", "198.51.100.7") == "192.0.2.1"
    assert seen("10.0.0.1", "198.51.100.7") == "198.51.100.7"
    assert seen("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2") == "198.51.100.7"
    assert seen("10.0.0.1", "") == "10.0.0.1"
