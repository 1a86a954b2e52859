"""What the gate lets through: strangers by address, sessions by device, failed logins, sizes."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from cencomm_config.errors import LoginFailed, NotAuthenticated
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.tail import MAX_PART
from cencomm_server.accounts.principal import Principal
from cencomm_server.http.call import Access, Answer, Call, Route, Takes, json_answer
from cencomm_server.http.gate import ENTRY_BYTES, Gate, Limits
from cencomm_server.throttle import Rates, Throttle

from tests.support.throttles import WIDE, HandClock
from tests.unit.server.test_http_api import Front

Client = TestClient[Any, Any]
TOKENS = {secrets.token_bytes(32): DeviceId(bytes([number]) * 16) for number in range(3)}
FIRST, SECOND, THIRD = TOKENS


class Sessions:
    """`gate.Sessions` that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate(self, token: bytes) -> Principal:
        self.asked += 1
        if token not in TOKENS:
            raise NotAuthenticated("unknown")
        return Principal(TOKENS[token], PersonId(b"p" * 16), "human", b"h" * 32)


async def public(call: Call) -> Answer:
    return json_answer({})


async def large(call: Call) -> Answer:
    return Answer(bytes(3 * 64 * 1024), "application/cbor")


async def login(call: Call) -> Answer:
    if call.body != b'{"good":1}':
        raise LoginFailed("no")
    return json_answer({})


ROUTES = (
    Route("GET", "/healthz", public, Access.FREE),
    Route("GET", "/public", public, Access.PUBLIC),
    Route("POST", "/login", login, Access.LOGIN, Takes.JSON),
    Route("GET", "/own", public, Access.TOKEN),
    Route("GET", "/large", large, Access.TOKEN),
    Route("POST", "/raw", public, Access.TOKEN, Takes.SUBMISSION),
)


class Scene:
    """A gate with small numbers, behind a proxy that says where requests come from."""

    def __init__(self, rates: Rates) -> None:
        self.clock = HandClock()
        self.sessions = Sessions()
        self.throttle = Throttle(rates, self.clock)
        limits = Limits(
            json_bytes=4096, submission_bytes=1 << 20, proxies=(ip_network("127.0.0.0/8"),)
        )
        self.app = Gate(self.sessions, limits, self.throttle).application(ROUTES)
        self.client: Client

    async def get(
        self, path: str, address: str = "192.0.2.1", token: bytes | None = None
    ) -> ClientResponse:
        return await self.client.get(path, headers=headers(address, token))

    async def codes(
        self, path: str, times: int, address: str = "192.0.2.1", token: bytes | None = None
    ) -> list[int]:
        return [(await self.get(path, address, token)).status for _ in range(times)]

    async def login(self, address: str = "192.0.2.1", good: bool = False) -> ClientResponse:
        body = b'{"good":1}' if good else b"{}"
        return await self.client.post(
            "/login",
            data=body,
            headers={**headers(address), "Content-Type": "application/json"},
        )


def headers(address: str, token: bytes | None = None) -> Mapping[str, str]:
    given = {"X-Forwarded-For": address}
    if token is not None:
        text = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
        given["Authorization"] = f"Bearer {text}"
    return given


@asynccontextmanager
async def opened(**rates: Any) -> AsyncIterator[Scene]:
    scene = Scene(replace(WIDE, **rates))
    async with TestClient(TestServer(scene.app), auto_decompress=False) as client:
        scene.client = client
        yield scene


async def test_a_stranger_is_refused_after_its_burst_with_the_time_to_wait() -> None:
    async with opened(address_rate_per_s=0.5, address_burst=3) as scene:
        assert await scene.codes("/public", 5) == [200, 200, 200, 429, 429]
        refused = await scene.get("/public")
        assert (refused.headers["Retry-After"], (await refused.json())["code"]) == (
            "2",
            "rate_limited",
        )
        assert await scene.codes("/public", 1, "192.0.2.2") == [200]
        scene.clock.now += 2
        assert await scene.codes("/public", 2) == [200, 429]


async def test_unknown_routes_count_and_the_sign_of_life_does_not() -> None:
    async with opened(address_rate_per_s=0.5, address_burst=3) as scene:
        assert await scene.codes("/nowhere", 4) == [404, 404, 404, 429]
        assert await scene.codes("/public", 1) == [429]
        assert await scene.codes("/healthz", 20) == [200] * 20


async def test_one_ipv6_subscriber_is_one_address() -> None:
    async with opened(address_rate_per_s=0.5, address_burst=3) as scene:
        asked = [await scene.codes("/public", 1, f"2001:db8::{n:x}") for n in range(1, 6)]
        assert asked == [[200], [200], [200], [429], [429]]
        assert await scene.codes("/public", 1, "2001:db8:0:1::1") == [200]


@pytest.mark.parametrize("forged", ["{}, 192.0.2.1", "{},192.0.2.1:1234", "{}, [192.0.2.1]"])
async def test_what_a_client_puts_before_the_proxys_word_changes_nothing(forged: str) -> None:
    async with opened(address_rate_per_s=0.5, address_burst=3) as scene:
        asked = [await scene.codes("/public", 1, forged.format(f"198.51.100.{n}")) for n in "12345"]
        assert asked == [[200], [200], [200], [429], [429]]


async def test_without_a_configured_proxy_nobodys_word_counts() -> None:
    rates = replace(WIDE, address_rate_per_s=0.5, address_burst=3)
    limits = Limits(json_bytes=4096, submission_bytes=1 << 20)
    app = Gate(Sessions(), limits, Throttle(rates, HandClock())).application(ROUTES)
    async with TestClient(TestServer(app)) as client:
        asked = [
            (await client.get("/public", headers=headers(f"192.0.2.{n}"))).status for n in range(5)
        ]
    assert asked == [200, 200, 200, 429, 429]


async def test_a_device_counts_by_itself_wherever_it_comes_from() -> None:
    async with opened(device_rate_per_s=0.5, device_burst=3) as scene:
        asked = [await scene.codes("/own", 1, f"192.0.2.{n}", FIRST) for n in range(5)]
        assert asked == [[200], [200], [200], [429], [429]]
        assert await scene.codes("/own", 1, token=SECOND) == [200]
        refused = await scene.get("/own", token=FIRST)
        assert refused.headers["Retry-After"] == "2"


async def test_what_a_device_sends_and_is_sent_counts_by_its_size() -> None:
    async with opened(device_rate_per_s=1.0, device_burst=10) as scene:
        assert await scene.codes("/large", 4, token=FIRST) == [200, 200, 200, 429]
        body = bytes(5 * 64 * 1024)
        sent = [
            await scene.client.post(
                "/raw",
                data=body,
                headers={**headers("192.0.2.1", SECOND), "Content-Type": "application/cbor"},
            )
            for _ in range(2)
        ]
        assert [response.status for response in sent] == [200, 429]


async def test_sessions_behind_one_address_pass_while_a_stranger_there_is_refused() -> None:
    async with opened(address_rate_per_s=0.01, address_burst=5) as scene:
        assert await scene.codes("/own", 2, token=FIRST) == [200, 200]
        assert 429 in await scene.codes("/public", 10)
        assert await scene.codes("/own", 20, token=FIRST) == [200] * 20


async def test_guessed_tokens_are_refused_before_the_store_is_asked() -> None:
    async with opened(address_rate_per_s=0.01, address_burst=5) as scene:
        guesses = [await scene.codes("/own", 1, token=secrets.token_bytes(32)) for _ in range(20)]
        assert guesses == [[401]] * 5 + [[429]] * 15
        assert scene.sessions.asked == 5
        asked = [
            (await scene.client.get("/own", headers=headers("192.0.2.9"))).status for _ in "1234567"
        ]
        assert asked == [401] * 5 + [429] * 2  # no token at all counts too


async def test_failed_logins_from_one_address_are_slowed_whoever_they_name() -> None:
    async with opened(address_login_tries=4, login_window_s=400) as scene:
        codes = [(await scene.login()).status for _ in range(6)]
        assert codes == [401] * 4 + [429] * 2
        refused = await scene.login(good=True)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "100")
        assert (await scene.login("192.0.2.2")).status == 401
        scene.clock.now += 100
        assert (await scene.login(good=True)).status == 200
        assert await scene.codes("/public", 1) == [200]


async def test_good_logins_use_up_nothing() -> None:
    async with opened(address_login_tries=2, login_window_s=400) as scene:
        assert [(await scene.login(good=True)).status for _ in range(10)] == [200] * 10


# -- sizes, on every route ------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False])
async def test_every_route_refuses_a_body_beyond_its_size_before_parsing(announced: bool) -> None:
    front = Front()
    sizes = {Takes.NOTHING: 0, Takes.JSON: 4096, Takes.SUBMISSION: 65536, Takes.TAIL: MAX_PART}
    media = {
        Takes.JSON: "application/json",
        Takes.SUBMISSION: "application/cbor",
        Takes.TAIL: "application/cbor",
    }
    async with TestClient(TestServer(front.app)) as client:
        for route in front.table:
            most = sizes[route.takes]
            if route.takes is Takes.SUBMISSION and route.access is not Access.TOKEN:
                most = min(most, ENTRY_BYTES)
            if route.access in (Access.TOKEN, Access.OPERATOR):
                continue  # the token comes first: see the next test
            data = bytes(most + 1)

            async def chunked(data: bytes = data) -> AsyncIterator[bytes]:
                yield data

            path = re.sub(r"\{\w+\}", "00" * 16, route.path)
            response = await client.request(
                route.method,
                path,
                data=data if announced else chunked(),
                headers={"Content-Type": media.get(route.takes, "text/plain")},
            )
            assert (response.status, (await response.json())["code"]) == (413, "too_large"), path


async def test_every_route_with_a_token_refuses_without_one_before_it_reads() -> None:
    front = Front()
    async with TestClient(TestServer(front.app)) as client:
        for route in front.table:
            if route.access is not Access.TOKEN:
                continue
            path = re.sub(r"\{\w+\}", "00" * 16, route.path)
            response = await client.request(route.method, path, data=bytes(1 << 20))
            assert (response.status, (await response.json())["code"]) == (401, "not_authenticated")
