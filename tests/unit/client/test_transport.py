"""The transport takes what a route may give, maps refusals, and gives up on a hostile server."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from cencomm_client.answers import parse_push, parse_receipt, parse_wraps
from cencomm_client.errors import (
    REFUSAL_CLASSES,
    AnswerMalformed,
    AnswerTooLarge,
    ConflictingEntry,
    EpochSuperseded,
    InsecureUrl,
    LoginFailed,
    NoSession,
    NotAuthenticated,
    Redirected,
    Refused,
    RefusedByRule,
    TransportError,
    TryLater,
    Unreachable,
    refusal,
)
from cencomm_client.exchange import MAX_JSON, check_url
from cencomm_client.transport import MAX_PAGE, Transport
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.wire import Receipt, Submission

from tests.support.web import answering

LOG = LogId(b"L" * 16)
ENTRIES = f"/v1/logs/{LOG.hex()}/entries"
SUBMISSION = Submission(b"h", b"b", b"s" * 64)
RECEIPT = Receipt(4, 5, b"note", (b"p" * 32,))


@asynccontextmanager
async def server(path: str, answer: web.StreamResponse | Any) -> AsyncIterator[Transport]:
    """A server that answers one path, with a response or by a handler."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if isinstance(answer, web.StreamResponse):
            return answer
        made: web.StreamResponse = await answer(request)
        return made

    async with answering({path: handle}) as url, Transport(url, timeout_s=5) as transport:
        transport.token = b"t" * 32
        yield transport


async def test_a_receipt_comes_back_for_a_submission() -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers["Authorization"], headers["Content-Type"], await request.read()))
        return web.Response(body=RECEIPT.encode())

    async with server(ENTRIES, handle) as transport:
        assert await transport.append(LOG, SUBMISSION) == RECEIPT
    authorization, kind, body = seen[0]
    assert authorization == "Bearer dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ"
    assert kind == "application/cbor"
    assert Submission.decode(body) == SUBMISSION


async def test_a_page_tells_where_to_go_on() -> None:
    page = web.Response(body=b"items", headers={"X-Cencomm-Next": "7", "X-Cencomm-Size": "9"})
    async with server(ENTRIES, page) as transport:
        answer = await transport.entries(LOG, 3)
    assert (answer.items, answer.next, answer.size) == (b"items", 7, 9)


async def test_lists_are_read_to_their_end() -> None:
    async def handle(request: web.Request) -> web.Response:
        after = request.query.get("after")
        rows = [{"log": (b"A" if after is None else b"B").hex() * 16, "kind": "x", "size": 1}]
        return web.json_response({"logs": rows, "next": None if after else "next"})

    async with server("/v1/logs", handle) as transport:
        assert [row.log[:1] for row in await transport.logs()] == [b"A", b"B"]


async def test_a_list_without_an_end_is_given_up() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"logs": [], "next": "again"})

    async with server("/v1/logs", handle) as transport:
        with pytest.raises(AnswerTooLarge):
            await transport.logs()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("login_failed", 401, LoginFailed),
        ("session_expired", 401, NotAuthenticated),
        ("rate_limited", 429, TryLater),
        ("stale_seen", 409, ConflictingEntry),
        ("stale_epoch", 409, EpochSuperseded),
        ("not_permitted", 403, RefusedByRule),
        ("a_code_of_the_future", 400, Refused),
    ],
)
async def test_a_refusal_becomes_its_class(code: str, status: int, kind: type[Refused]) -> None:
    answer = web.json_response(
        {"code": code, "detail": "why"}, status=status, headers={"Retry-After": "3"}
    )
    async with server(ENTRIES, answer) as transport:
        with pytest.raises(Refused) as caught:
            await transport.append(LOG, SUBMISSION)
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.detail) == (code, "why")
    assert (caught.value.status, caught.value.retry_after_s) == (status, 3)


def test_every_code_of_the_protocol_and_every_passing_state_has_its_class() -> None:
    for code in ErrorCode:
        assert issubclass(REFUSAL_CLASSES[code], Refused), code
    for service in ("rate_limited", "too_busy", "store_down", "clock_jumped", "shutting_down"):
        assert service in set(ServiceCode)
        assert type(refusal(service)) is TryLater


async def test_a_failure_without_a_code_is_tried_again_later() -> None:
    async with server(ENTRIES, web.Response(status=502, body=b"<html>")) as transport:
        with pytest.raises(TryLater):
            await transport.append(LOG, SUBMISSION)
    async with server(ENTRIES, web.Response(status=404, body=b"<html>")) as transport:
        with pytest.raises(Refused) as caught:
            await transport.append(LOG, SUBMISSION)
    assert caught.value.code == "refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    async with answering({"/stolen": elsewhere}) as other:
        answer = web.Response(status=status, headers={"Location": f"{other}/stolen"})
        async with server(ENTRIES, answer) as transport:
            with pytest.raises(Redirected):
                await transport.append(LOG, SUBMISSION)
    assert reached == []


async def test_an_answer_is_not_read_beyond_its_limit() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(headers={"X-Cencomm-Next": "1", "X-Cencomm-Size": "1"})
        await answer.prepare(request)
        try:
            while sent < 64 * MAX_PAGE:
                await answer.write(bytes(256 * 1024))
                sent += 256 * 1024
        except ConnectionError:
            pass
        return answer

    async with server(ENTRIES, endless) as transport:
        with pytest.raises(AnswerTooLarge):
            await transport.entries(LOG, 0)
    assert sent < 8 * MAX_PAGE

    announced = web.Response(body=b"{" + b" " * MAX_JSON + b"}")
    async with server("/v1/logs", announced) as transport:
        with pytest.raises(AnswerTooLarge, match="bytes, at most"):
            await transport.logs()


async def test_a_compressed_answer_is_refused_before_it_unpacks() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    answer = web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    async with server(ENTRIES, answer) as transport:
        with pytest.raises(AnswerMalformed, match="compressed"):
            await transport.entries(LOG, 0)


async def test_a_server_that_never_answers_is_left() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with answering({ENTRIES: silent}) as url, Transport(url, timeout_s=0.3) as transport:
        transport.token = b"t" * 32
        with pytest.raises(Unreachable):
            await transport.entries(LOG, 0)
    async with Transport("http://127.0.0.1:1") as transport:
        with pytest.raises(Unreachable):
            await transport.info()


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"x" * 10)
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with server(ENTRIES, broken) as transport:
        with pytest.raises(Unreachable):
            await transport.append(LOG, SUBMISSION)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"nonce": 5, "expires": 1}', b'{"nonce": "zz", "expires": 1}',
     b'{"nonce": "' + b"ab" * 32 + b'", "expires": 1.5}',
     b'{"nonce": "' + b"ab" * 32 + b'", "expires": true}',
     b'{"nonce": "' + b"ab" * 32 + b'", "expires": -1}',
     b"[" * 100_000, b"\xff\xfe"],
)  # fmt: skip
async def test_json_of_another_shape_is_named(body: bytes) -> None:
    answer = web.Response(body=body, content_type="application/json")
    async with server("/v1/login/challenge", answer) as transport:
        with pytest.raises(AnswerMalformed):
            await transport.challenge(DeviceId(b"d" * 16))


@pytest.mark.parametrize("value", ["", "-1", "1.0", "x", "9" * 17, "\u0661"])
async def test_page_headers_of_another_shape_are_named(value: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(
            body=b"", headers={"X-Cencomm-Next": value.encode().decode("latin-1"),
                               "X-Cencomm-Size": "1"}
        )  # fmt: skip

    async with server(ENTRIES, handle) as transport:
        with pytest.raises(AnswerMalformed):
            await transport.entries(LOG, 0)


def test_sealed_answers_of_another_shape_are_named() -> None:
    good = encode([LOG, 3, b"note"])
    assert parse_push(good + b"rest").items == b"rest"
    for bad in (b"", b"\xff", encode([LOG, 3]), encode([b"short", 3, b"n"]), b"\x9f"):
        with pytest.raises(AnswerMalformed):
            parse_push(bad)
    for bad in (b"", b"\xff", encode({"seq": 1}), encode([1])):
        with pytest.raises(AnswerMalformed):
            parse_receipt(bad)
    assert parse_wraps(encode({"share": []})).wrap is None
    full = parse_wraps(encode({"wrap": bytes(112), "share": [[2, b"w"]]}))
    assert (full.wrap, full.shares) == (bytes(112), ((2, b"w"),))
    for bad in (encode({"wrap": b"x"}), encode({"share": [[0, b"w"]]}), encode({"share": 1})):
        with pytest.raises(AnswerMalformed):
            parse_wraps(bad)


async def test_without_a_session_nothing_is_sent() -> None:
    async with Transport("http://127.0.0.1:1") as transport:
        with pytest.raises(NoSession):
            await transport.wraps(LOG, ChannelId(b"c" * 16), 1)


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "http://192.168.1.5:8470", "ftp://localhost", "https://", "nonsense",
     "http://localhost.example.org", "https://user:secret@example.org", "https://x.org/?token=1",
     "http://127.0.0.1.example.org", "http://[::2]:80", "https://x.org/#f"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(InsecureUrl):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://cencomm.example", "https://cencomm.example"),
        ("https://cencomm.example:8443/", "https://cencomm.example:8443"),
        ("http://127.0.0.1:8470", "http://127.0.0.1:8470"),
        ("http://localhost:8470", "http://localhost:8470"),
        ("http://[::1]:8470", "http://[::1]:8470"),
    ],
)
def test_an_address_gives_the_origin_that_is_signed(url: str, origin: str) -> None:
    assert str(check_url(url)) == origin


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    """There is no switch against it: the session has no ssl argument to set."""
    async with Transport("https://localhost:1") as transport:
        connector = transport.http.connector
        assert connector is not None
        assert connector._ssl is True  # type: ignore[attr-defined]
        with pytest.raises(TransportError):
            await transport.info()


async def test_the_server_info_may_wait_for_its_directory() -> None:
    fields = {"name": "n", "directory": None, "log_key": "ab" * 32, "v": 1, "suite": 1}
    answer = web.Response(body=json.dumps(fields).encode())
    async with server("/v1/info", answer) as transport:
        assert (await transport.info()).directory == b""


def limited(
    times: int, then: web.Response, wait: str = "0"
) -> tuple[list[str], Callable[[web.Request], Awaitable[web.Response]]]:
    """A handler that refuses so often for coming too fast; and what it was asked."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.method)
        if len(seen) <= times:
            return web.json_response(
                {"code": "rate_limited", "detail": "slowly"},
                status=429,
                headers={"Retry-After": wait},
            )
        return then

    return seen, handle


async def test_a_call_that_came_too_fast_waits_as_asked_and_is_made_again() -> None:
    seen, handle = limited(2, web.json_response({"logs": [], "next": None}))
    async with server("/v1/logs", handle) as transport:
        assert await transport.logs() == ()
    assert len(seen) == 3


async def test_nobody_waits_longer_than_patience_has() -> None:
    seen, handle = limited(9, web.json_response({}), wait="900")
    async with server("/v1/logs", handle) as transport:
        with pytest.raises(TryLater) as caught:
            await transport.logs()
    assert (len(seen), caught.value.retry_after_s) == (1, 900)


async def test_an_entry_is_left_to_the_outbox_which_keeps_its_bytes() -> None:
    seen, handle = limited(9, web.json_response({}))
    async with server(ENTRIES, handle) as transport:
        with pytest.raises(TryLater):
            await transport.append(LOG, SUBMISSION)
    assert len(seen) == 1
