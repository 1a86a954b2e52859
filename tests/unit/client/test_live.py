"""The live connection proves itself anew at each connect, comes back, and survives a bad server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]
from aiohttp import web
from cencomm_client.answers import PushFrame
from cencomm_client.errors import LoginFailed, NotAuthenticated, RefusedByRule, Unreachable
from cencomm_client.live import LiveConnection, LiveState
from cencomm_client.transport import Transport
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from tests.support.waiting import until
from tests.support.web import serving

LOG = LogId(b"L" * 16)
SUBMISSION = Submission(b"h", b"b", b"s" * 64)
RECEIPT = Receipt(4, 5, b"note", (b"p" * 32,))


class Desk:
    """A Socket.IO server that a test drives, and what it saw."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncServer(
            async_mode="aiohttp", transports=["websocket"], always_connect=False
        )
        self.auths: list[Any] = []
        self.appends: list[bytes] = []
        self.refusal = ""
        self.answer: object = RECEIPT.encode()
        self.sio.on("connect", self._connect)
        self.sio.on("append", self._append)

    async def _connect(self, sid: str, environ: object, auth: object) -> None:
        self.auths.append(auth)
        if self.refusal:
            answer = {"code": self.refusal, "detail": "why"}
            raise socketio.exceptions.ConnectionRefusedError(self.refusal, answer)

    async def _append(self, sid: str, data: bytes) -> object:
        self.appends.append(data)
        return self.answer

    async def push(self, event: str, data: object) -> None:
        await self.sio.emit(event, data)

    async def drop_all(self) -> None:
        for sid in list(self.sio.manager.get_participants("/", None)):
            await self.sio.disconnect(sid[0])


class Client:
    """A running live connection and what came."""

    def __init__(self, transport: Transport) -> None:
        self.connects = 0
        self.frames: list[tuple[str, PushFrame]] = []
        self.states: list[LiveState] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.live = LiveConnection(
            transport,
            self._auth,
            on_connected=self._connected,
            on_entries=self._take("entries"),
            on_head=self._take("head"),
            on_state=self.states.append,
            jitter=lambda: -0.45,
        )

    async def _auth(self) -> Mapping[str, Any]:
        return {"nonce": f"{self.connects:02x}"}

    async def _connected(self) -> None:
        self.connects += 1

    def _take(self, event: str) -> Callable[[PushFrame], Any]:
        async def take(frame: PushFrame) -> None:
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            self.frames.append((event, frame))

        return take


@asynccontextmanager
async def connected(desk: Desk) -> AsyncIterator[tuple[Client, asyncio.Task[None]]]:
    app = web.Application()
    desk.sio.attach(app, socketio_path="/v1/socket")
    async with serving(app) as url, Transport(url) as transport:
        client = Client(transport)
        running = asyncio.create_task(client.live.run())
        try:
            await until(lambda: client.live.connected or running.done())
            yield client, running
        finally:
            await client.live.close()
            with suppress(Exception):
                await running


async def test_an_append_is_acknowledged_with_a_receipt() -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        assert await client.live.append(LOG, SUBMISSION) == RECEIPT
        desk.answer = {"code": "not_permitted", "detail": "no"}
        with pytest.raises(RefusedByRule):
            await client.live.append(LOG, SUBMISSION)
    assert desk.appends[0] == LOG + SUBMISSION.encode()
    assert client.states[-1] is LiveState.CLOSED


async def test_pushed_frames_come_in_their_order() -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        for number in range(20):
            await desk.push("entries", encode([LOG, number, b"note"]) + b"items")
        await desk.push("head", encode([LOG, 99, b"note"]))
        await until(lambda: len(client.frames) == 21)
    assert [frame.size for _, frame in client.frames] == [*range(20), 99]
    assert client.frames[-1][0] == "head"


async def test_a_flood_is_dropped_beyond_its_bound_and_pulled_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A34: a slow owner, a fast server; memory stays bounded and nothing is missed for good."""
    monkeypatch.setattr("cencomm_client.live.MAX_QUEUED_FRAMES", 5)
    desk = Desk()
    async with connected(desk) as (client, _):
        client.gate.clear()
        for number in range(40):
            await desk.push("entries", encode([LOG, number, b"note"]))
        await asyncio.sleep(0.2)
        assert len(client.frames) == 0
        client.gate.set()
        await until(lambda: client.connects == 2)
        assert [frame.size for _, frame in client.frames] == list(range(6))


async def test_a_pull_that_fails_costs_one_connection_and_not_all_that_follow() -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        client.failure = Unreachable("the pull after a flood met a server that is away")
        await desk.push("head", encode([LOG, 1, b"note"]))
        await until(lambda: client.connects == 2)
        client.failure = None
        await until(lambda: client.live.connected)
        await desk.push("head", encode([LOG, 2, b"note"]))
        await until(lambda: [frame.size for _, frame in client.frames] == [2])
        assert client.connects == 2


async def test_every_connect_signs_a_fresh_challenge_and_pulls() -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        await desk.drop_all()
        await until(lambda: client.connects == 2 and client.live.connected)
        assert await client.live.append(LOG, SUBMISSION) == RECEIPT
    assert [auth["nonce"] for auth in desk.auths] == ["00", "01"]
    assert LiveState.WAITING in client.states


async def test_a_session_that_is_over_ends_it() -> None:
    desk = Desk()
    desk.refusal = "session_expired"
    async with connected(desk) as (client, running):
        with pytest.raises(NotAuthenticated):
            await running
    assert client.states[-1] is LiveState.REFUSED


async def test_a_proof_that_fails_three_times_ends_it() -> None:
    desk = Desk()
    desk.refusal = "login_failed"
    async with connected(desk) as (_, running):
        with pytest.raises(LoginFailed):
            await running
    assert len(desk.auths) == 3


async def test_a_refusal_that_passes_is_tried_again() -> None:
    desk = Desk()
    desk.refusal = "too_busy"
    app = web.Application()
    desk.sio.attach(app, socketio_path="/v1/socket")
    async with serving(app) as url, Transport(url) as transport:
        client = Client(transport)
        running = asyncio.create_task(client.live.run())
        await until(lambda: len(desk.auths) >= 2)
        assert client.connects == 0
        desk.refusal = ""
        await until(lambda: client.live.connected)
        await client.live.close()
        await running


@pytest.mark.parametrize("data", [b"\xff", "text", 7, encode([LOG, 3]), {"a": 1}])
async def test_a_server_that_pushes_garbage_is_left_and_found_again(data: object) -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        await desk.push("entries", data)
        await until(lambda: client.connects == 2)
        assert client.frames == []


async def test_what_the_owner_raises_ends_the_connection() -> None:
    desk = Desk()
    async with connected(desk) as (client, running):
        client.failure = RuntimeError("alarm")
        await desk.push("entries", encode([LOG, 1, b"note"]))
        with pytest.raises(RuntimeError, match="alarm"):
            await running


async def test_an_append_without_a_connection_or_too_large_goes_another_way() -> None:
    desk = Desk()
    async with connected(desk) as (client, _):
        with pytest.raises(Unreachable):
            await client.live.append(LOG, Submission(b"h", b"b", b"s" * 64, bytes(200_000)))
        await client.live.close()
        with pytest.raises(Unreachable):
            await client.live.append(LOG, SUBMISSION)


async def test_a_connection_that_breaks_while_waiting_leaves_the_outcome_unknown() -> None:
    desk = Desk()
    waiting = asyncio.Event()

    async def never(sid: str, data: bytes) -> object:
        waiting.set()
        await asyncio.sleep(30)
        return None

    desk.sio.on("append", never)
    async with connected(desk) as (client, _):
        sending = asyncio.create_task(client.live.append(LOG, SUBMISSION))
        await waiting.wait()
        await desk.drop_all()
        async with asyncio.timeout(5):
            with pytest.raises(Unreachable):
                await sending
