"""Live sockets over real connections: who gets in, what goes through, what a hostile one costs."""

from __future__ import annotations

import asyncio
import base64
import os
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
import socketio  # type: ignore[import-untyped]
from aiohttp import web
from cencomm_config.errors import LoginFailed
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.encoding import decode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import DeviceId, LogId
from cencomm_crypto.public.wire import Receipt, Submission, decode_sequenced, split_sequence
from cencomm_server.engine.reader import Reader
from cencomm_server.events import APPEND, ENTRIES, HEAD, SOCKET_PATH
from cencomm_server.push.fanout import Fanout
from cencomm_server.push.sockets import LiveSockets

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.engine import Scene

ORIGIN = "https://cencomm.example"


class LiveScene(Scene):
    """The scene behind a real port; to authenticate, a client names its device."""

    sockets: LiveSockets
    port: int

    async def open(self, **settings: Any) -> LiveScene:
        await self.serve()
        self.sockets = LiveSockets(
            fanout=Fanout(self.served.logs),
            appends=self.served.appends,
            authenticate=self._authenticate,
            origins=[ORIGIN],
            **settings,
        )
        application = web.Application(middlewares=[self._errors])
        application.router.add_route("*", SOCKET_PATH + "/", self.sockets.handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        await self.sockets.stop()
        await self._runner.cleanup()

    async def _authenticate(self, auth: Mapping[str, object], request: web.Request) -> Reader:
        await asyncio.sleep(0)
        device = auth.get("device")
        if not isinstance(device, str) or request.remote != "127.0.0.1":
            raise LoginFailed("no")
        found = self.directory.state.devices[DeviceId(bytes.fromhex(device))]
        return Reader(found.id, found.person)

    @web.middleware
    async def _errors(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except CencommError as error:
            return web.json_response({"code": str(error.code), "detail": error.detail}, status=400)

    # -- clients ------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def client(self, held: HeldPerson | HeldDevice) -> Client:
        """A connected client of the library."""
        client = Client(self)
        await client.connect(held)
        return client

    async def raw(self, session: aiohttp.ClientSession, **headers: str) -> Any:
        """A bare WebSocket that has done nothing yet."""
        return await session.ws_connect(
            f"{self.url}{SOCKET_PATH}/?EIO=4&transport=websocket", headers=headers, compress=15
        )


class Client:
    """The library's client, keeping what it is sent."""

    def __init__(self, scene: LiveScene) -> None:
        self.scene = scene
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.entries: list[tuple[LogId, int, list[Any]]] = []
        self.heads: list[tuple[LogId, int]] = []
        self.gone = asyncio.Event()
        self.news = asyncio.Condition()
        self.sio.on(ENTRIES, self._on_entries)
        self.sio.on(HEAD, self._on_head)
        self.sio.on("disconnect", lambda reason: self.gone.set())

    async def connect(self, held: HeldPerson | HeldDevice | None) -> None:
        device = held.device if isinstance(held, HeldPerson) else held
        auth = {"device": device.id.hex()} if device else {"nothing": 1}
        await self.sio.connect(
            self.scene.url, auth=auth, transports=["websocket"], socketio_path=SOCKET_PATH,
            wait_timeout=5,
        )  # fmt: skip

    async def append(self, entry: Entry, log: LogId | None = None) -> Any:
        data = (log or self.scene.log) + Submission.of(entry).encode()
        return await self.sio.call(APPEND, data, timeout=5)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(condition)

    def received(self) -> list[int]:
        """Seqs of the operation's items that were pushed."""
        return [
            item.seq for log, _, items in self.entries for item in items if log == self.scene.log
        ]

    async def _on_entries(self, data: bytes) -> None:
        first, *rest = split_sequence(data)
        log, size, _ = decode(first, max_size=4096)
        self.entries.append((log, size, [decode_sequenced(item) for item in rest]))
        async with self.news:
            self.news.notify_all()

    async def _on_head(self, data: bytes) -> None:
        log, size, _ = decode(data, max_size=4096)
        self.heads.append((log, size))
        async with self.news:
            self.news.notify_all()


@pytest.fixture
async def scene() -> AsyncIterator[LiveScene]:
    """A live server with short limits."""
    scene = await LiveScene().open(stall_s=1.0, authenticate_s=1.0, max_sockets=20)
    yield scene
    await scene.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A bare HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_an_entry_goes_in_by_append_and_out_to_every_member(scene: LiveScene) -> None:
    author, other = await scene.client(scene.officer), await scene.client(scene.operation.creator)
    await other.until(lambda: (scene.log, scene.operation.log.size) in other.heads)
    entry = scene.sealed()
    receipt = Receipt.decode(await author.append(entry))
    scene.verify(entry, receipt)
    await other.until(lambda: receipt.seq in other.received())
    (item,) = other.entries[-1][2]
    assert item.entry == entry
    assert other.entries[-1][1] == receipt.seq + 1
    await author.sio.disconnect()
    await other.sio.disconnect()


async def test_answers_and_pushes_do_not_get_into_each_others_way(scene: LiveScene) -> None:
    """A pushed frame between an acknowledgement and its attachment would break the connection."""
    author = await scene.client(scene.officer)
    entries = [scene.sealed() for _ in range(120)]
    receipts = [
        Receipt.decode(data)
        for data in await asyncio.gather(*(author.append(entry) for entry in entries))
    ]
    first = scene.operation.log.size
    assert sorted(receipt.seq for receipt in receipts) == list(range(first, first + 120))
    await author.until(lambda: len(author.received()) == 120)
    assert author.received() == list(range(first, first + 120))
    assert not author.gone.is_set()
    await author.sio.disconnect()


async def test_a_refused_entry_is_answered_with_its_code(scene: LiveScene) -> None:
    author = await scene.client(scene.officer)
    answer = await author.append(scene.sealed(epoch=9))
    assert answer["code"] == ErrorCode.WRONG_EPOCH
    assert answer["detail"]
    for payload in (b"", b"x" * 16, b"x" * 100, "text", 5, None, ["a"]):
        answer = await author.sio.call(APPEND, payload, timeout=5)
        assert answer["code"] in ("bad_request", "malformed"), payload
    assert isinstance(await author.append(scene.sealed()), bytes)
    await author.sio.disconnect()


async def test_nobody_gets_in_without_authentication(scene: LiveScene) -> None:
    client = Client(scene)
    refused: list[Any] = []
    client.sio.on("connect_error", refused.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(None)
    assert refused[0]["data"] == {"code": "login_failed", "detail": "no"}
    await soon(lambda: len(scene.sockets) == 0)


async def test_compression_is_not_accepted(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    """A16, DESIGN 10: the client offers per-message deflate as every browser does."""
    async with await scene.raw(session) as socket:
        assert socket.compress == 0


async def test_only_listed_origins_and_only_websocket_get_through(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    """A27: cross-site WebSocket."""
    async with await scene.raw(session, Origin=ORIGIN) as socket:
        assert (await socket.receive_str()).startswith("0")
    for origin in ("https://evil.example", ORIGIN + ".evil.example", "null", ORIGIN + "/"):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await scene.raw(session, Origin=origin)
    good = "EIO=4&transport=websocket"
    for query in (
        "EIO=4&transport=polling",
        "EIO=3&transport=websocket",
        "",
        f"{good}&sid=x",
        good,
    ):
        answer = await session.get(f"{scene.url}{SOCKET_PATH}/?{query}")
        assert (await answer.json())["code"] == "bad_request"
    answer = await session.post(f"{scene.url}{SOCKET_PATH}/?EIO=4&transport=websocket")
    assert (await answer.json())["code"] == "bad_request"


async def soon(condition: Callable[[], bool]) -> None:
    """Wait for what the server does by itself."""
    for _ in range(250):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen within 5 s")


async def ending(socket: Any) -> tuple[int | None, str]:
    """Read to the end of a connection: the close code and its reason."""
    async with asyncio.timeout(5):
        while True:
            message = await socket.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                return socket.close_code, str(message.extra or "")


CODES = ("malformed", "bad_request", "not_authenticated")
GARBAGE_WITH_ATTACHMENT = '451-["append",{"_placeholder":true,"num":7}]'
GARBAGE: list[str | bytes] = [
    "", "x", "9", "2", "5", "6", "0{}", "2probe", "4", "4x", "47", "4" + "[" * 60_000, "b!!!",
    "40" + "[" * 60_000, "42", "42{}", "42[]", '42["connect"]', '42["disconnect"]', '42["x",1]',
    "42[[],1]", "42null", "42" + "9" * 5000, '452-["append",{"_placeholder":true,"num":0}]',
    '4599999999999-["append"]', GARBAGE_WITH_ATTACHMENT,
    b"", b"binary that nobody announced", "44{}", "1", "41", "3extra", "\ufeff4", "\uff140",
]  # fmt: skip


@pytest.mark.parametrize("connected", [False, True])
async def test_garbage_ends_its_own_connection_with_a_code_and_harms_nobody(
    scene: LiveScene, session: aiohttp.ClientSession, connected: bool
) -> None:
    """A35."""
    honest = await scene.client(scene.officer)
    root = scene.runtime.replay.tree.root()
    for garbage in GARBAGE:
        socket = await scene.raw(session)
        await socket.receive()
        if connected:
            await socket.send_str(f'40{{"device":"{scene.officer.device.id.hex()}"}}')
            while not (await socket.receive_str()).startswith("40"):
                pass
        if isinstance(garbage, bytes):
            await socket.send_bytes(garbage)
        else:
            await socket.send_str(garbage)
        if garbage == GARBAGE_WITH_ATTACHMENT:
            await socket.send_bytes(b"attachment")
        code, reason = await ending(socket)
        if garbage not in ("1", "41"):
            assert code == 1008, garbage
            assert reason.split(":")[0] in ("malformed", "bad_request", "not_authenticated"), (
                garbage
            )
    assert scene.runtime.replay.tree.root() == root
    assert isinstance(await honest.append(scene.sealed()), bytes)
    await honest.sio.disconnect()


async def test_a_message_over_the_limit_ends_the_connection(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    socket = await scene.raw(session)
    await socket.receive()
    await socket.send_str("4" * (128 * 1024 + 1))
    code, _ = await ending(socket)
    assert code == 1009


async def test_a_socket_that_never_speaks_is_closed(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    socket = await scene.raw(session)
    code, reason = await ending(socket)
    assert code == 1008
    assert reason.startswith("not_authenticated")


async def test_sockets_are_counted_before_they_cost_anything(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    sockets = [await scene.raw(session) for _ in range(20)]
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await scene.raw(session)
    await asyncio.gather(*(socket.close() for socket in sockets))


async def test_a_device_that_opens_many_sockets_takes_no_place_of_others(scene: LiveScene) -> None:
    """A35: beyond four the newest one ends the oldest, as after a connection that half died."""
    other = await scene.client(scene.operation.creator)
    mine = [await scene.client(scene.officer) for _ in range(7)]
    for client in mine[:3]:
        async with asyncio.timeout(5):
            await client.gone.wait()
    await soon(lambda: len(scene.sockets) == 5)
    assert not any(client.gone.is_set() for client in (other, *mine[3:]))
    assert isinstance(await mine[-1].append(scene.sealed()), bytes)
    for client in (other, *mine[3:]):
        await client.sio.disconnect()


async def test_a_revoked_device_loses_its_live_socket_at_once(scene: LiveScene) -> None:
    client = await scene.client(scene.officer)
    scene.directory.revoke(scene.officer.device, by=scene.officer.administration.ncp.device)
    await scene.served.follow_directory()
    async with asyncio.timeout(2):
        await client.gone.wait()


@pytest.mark.parametrize("by", ["device", "person"])
async def test_a_logout_closes_live_sockets_at_once(scene: LiveScene, by: str) -> None:
    client, other = await scene.client(scene.officer), await scene.client(scene.operation.creator)
    if by == "device":
        await scene.sockets.disconnect_device(scene.officer.device.id)
    else:
        await scene.sockets.disconnect_person(scene.officer.id)
    async with asyncio.timeout(2):
        await client.gone.wait()
    await scene.submit(scene.sealed())
    await other.until(lambda: len(other.received()) == 1)
    assert client.received() == []
    await other.sio.disconnect()


class Stalled:
    """A member that connects and then reads nothing, on a bare socket with a small buffer."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def connect(self, scene: LiveScene) -> None:
        bare = sockets.socket()
        bare.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", scene.port))
        self._reader, self._writer = await asyncio.open_connection(sock=bare, limit=4096)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET {SOCKET_PATH}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await self._reader.readuntil(b"\r\n\r\n")
        auth = f'40{{"device":"{scene.officer.device.id.hex()}"}}'.encode()
        self._writer.write(bytes((0x81, 0x80 | len(auth))) + bytes(4) + auth)
        await self._reader.readuntil(b"40{")
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def close(self) -> None:
        self._writer.transport.abort()


async def test_a_stalled_reader_costs_a_bounded_buffer_then_is_dropped(scene: LiveScene) -> None:
    """A34: measured without the bound: 7,488 packets, 60 MB."""
    member = await scene.client(scene.operation.creator)
    stalled = Stalled()
    await stalled.connect(scene)
    (wire,) = (
        live.wire for live in scene.sockets._live.values()
        if live.reader.device == scene.officer.device.id
    )  # fmt: skip
    assert wire._transport is not None
    transport = wire._transport
    most, count = 0, 300
    for _ in range(count // 5):
        entries = [
            scene.operation.current("message", bytes(40_000), scene.work, scene.officer)
            for _ in range(5)
        ]
        await asyncio.gather(*(scene.submit(entry) for entry in entries))
        most = max(most, transport.get_write_buffer_size())
    assert 0 < most <= 64 * 1024 + 256 * 1024  # the bound, and the frame that crossed it
    assert set(wire._heads) <= {scene.log}
    await member.until(
        lambda: (
            (scene.log, scene.operation.log.size + count) in member.heads
            or len(member.received()) == count
        )
    )
    await soon(transport.is_closing)
    await soon(lambda: len(scene.sockets) == 1)
    stalled.close()
    await member.sio.disconnect()


async def test_a_lagging_reader_gets_a_head_when_it_reads_again(scene: LiveScene) -> None:
    slow = await scene.client(scene.operation.creator)
    transport = slow.sio.eio.ws._writer.transport
    transport.pause_reading()
    count = 0
    wire = next(
        live.wire for live in scene.sockets._live.values()
        if live.reader.device == scene.operation.creator.device.id
    )  # fmt: skip
    while not wire._heads:
        entries = [
            scene.operation.current("message", bytes(50_000), scene.work, scene.officer)
            for _ in range(4)
        ]
        await asyncio.gather(*(scene.submit(entry) for entry in entries))
        count += 4
        assert count < 1000
    transport.resume_reading()
    await slow.until(lambda: (scene.log, scene.operation.log.size + count) in slow.heads)
    assert not slow.gone.is_set()
    await scene.submit(scene.sealed())
    await slow.until(lambda: scene.operation.log.size + count in slow.received())
    await slow.sio.disconnect()


async def test_a_client_that_posts_and_never_reads_is_read_no_further(scene: LiveScene) -> None:
    """A34: its receipts would pile up here without bound."""
    posting = Stalled()
    await posting.connect(scene)
    (wire,) = (live.wire for live in scene.sockets._live.values())
    transport = wire._transport
    assert transport is not None
    served = 0
    data = scene.log + Submission.of(scene.sealed(epoch=9)).encode()
    refusals = wire.serve
    assert refusals is not None

    async def counted(payload: bytes) -> bytes | dict[str, object]:
        nonlocal served
        served += 1
        answer = await refusals(payload)
        assert isinstance(answer, dict)
        return {**answer, "detail": "x" * 4096}

    wire.serve = counted
    head = bytes((0x82, 0xFE)) + len(data).to_bytes(2, "big") + bytes(4)
    posts = 3000
    for number in range(posts):
        event = b'451-%d["append",{"_placeholder":true,"num":0}]' % number
        posting._writer.write(bytes((0x81, 0x80 | len(event))) + bytes(4) + event + head + data)
    await soon(lambda: transport.get_write_buffer_size() > 64 * 1024)
    before = -1
    while served != before:  # until it is read no further
        before = served
        await asyncio.sleep(0.3)
    assert served < posts // 2
    assert transport.get_write_buffer_size() < 64 * 1024 + 33 * 5000
    posting.close()
    await soon(lambda: len(scene.sockets) == 0)


async def test_an_append_in_a_longer_form_is_served_too(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    """By the library: spaces are JSON, and an event need not ask for an acknowledgement."""
    member = await scene.client(scene.operation.creator)
    socket = await scene.raw(session)
    await socket.send_str(f'40{{"device":"{scene.officer.device.id.hex()}"}}')
    first = scene.operation.log.size
    plain = '["append",{"_placeholder":true,"num":0}]'
    for event, between in ((f"451-{plain}", ""), (f"451-6{plain}", "3"), (f"451-7 {plain}", "")):
        await socket.send_str(event)
        if between:  # a pong of the client's may slip in
            await socket.send_str(between)
        await socket.send_bytes(scene.log + Submission.of(scene.sealed()).encode())
    await member.until(lambda: member.received() == [first, first + 1, first + 2])
    for id in (6, 7):
        async with asyncio.timeout(5):
            while (await socket.receive()).data != f'461-{id}[{{"_placeholder":true,"num":0}}]':
                pass
    await socket.close()
    await member.sio.disconnect()


async def test_an_attachment_that_does_not_follow_ends_the_connection(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    for instead in ('451-8["append",{"_placeholder":true,"num":0}]', "42[]", ""):
        socket = await scene.raw(session)
        await socket.send_str(f'40{{"device":"{scene.officer.device.id.hex()}"}}')
        await socket.send_str('451-7["append",{"_placeholder":true,"num":0}]')
        await socket.send_str(instead)
        await socket.send_bytes(b"x")
        code, reason = await ending(socket)
        assert code == 1008, (instead, reason)
        assert reason.split(":")[0] in CODES


async def test_a_client_that_floods_is_read_no_faster_than_it_is_served(scene: LiveScene) -> None:
    """At most 32 appends of one socket run at once; the rest waits in its own connection."""
    author = await scene.client(scene.officer)
    running = most = 0
    append = scene.served.appends.append

    async def counted(*arguments: Any) -> Receipt:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.01)
            return await append(*arguments)
        finally:
            running -= 1

    scene.served.appends.append = counted  # type: ignore[method-assign,assignment]
    answers = await asyncio.gather(*(author.append(scene.sealed()) for _ in range(200)))
    assert all(isinstance(answer, bytes) for answer in answers)
    assert 1 < most <= 32  # all 200 at once, if nothing held them back
    await author.sio.disconnect()


async def test_a_stopping_server_says_so_and_takes_no_more_connections(
    scene: LiveScene, session: aiohttp.ClientSession
) -> None:
    client = await scene.client(scene.officer)
    await scene.sockets.stop()
    async with asyncio.timeout(2):
        await client.gone.wait()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await scene.raw(session)
