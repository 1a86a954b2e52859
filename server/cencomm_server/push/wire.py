"""engine.io's websocket as this server wants it: no compression, bounded, writable from outside.

Four things differ from the library's class (DESIGN 9, 10; measured: 7,488 packets and 60 MB for
one stalled client, 4x the CPU with per-message deflate):

- no per-message deflate is accepted, whatever the browser offers;
- `push` writes prebuilt frames straight to the transport while less than `limit_bytes` wait
  there; beyond it only one `head` per log is kept, and a socket that does not drain is dropped;
- an `append` in the form that every client sends it is served here: the library would make four
  tasks, a queue entry and two JSON documents of each, a quarter of what a post costs (DESIGN 10);
- what is no packet of ours closes the socket with its code before the library parses it (A35).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import WSMessage, WSMsgType, web
from cencomm_crypto.public.ids import LogId
from engineio.async_drivers import aiohttp as driver  # type: ignore[import-untyped]  # no stubs

from cencomm_server.metrics import SocketEnd
from cencomm_server.push.frames import TEXT, ack_frames, close_frame, websocket_frame

_log = structlog.get_logger()

GOING_AWAY, POLICY, TRY_LATER = 1001, 1008, 1013
RETRY_S = 0.25  # how often a lagging socket is looked at
CLOSE_GRACE_S = 1.0  # time for a close frame to leave before the connection is cut
# engine.io: 1 close, 3 pong, 4 message; inside it Socket.IO's packet type 0..6. Clients never
# ping, upgrade or probe here, and JSON never stands at the engine.io level.
_PACKET = re.compile(r"1|3|4[0-6]")
_APPEND = re.compile(r'451-([0-9]{1,15})\["append",\{"_placeholder":true,"num":0\}\]')
_DISCONNECT = websocket_frame(TEXT, b"41")
SEND_BUFFER_BYTES = 128 * 1024  # in the kernel, per socket: left alone it grows to megabytes (A34)
IN_FLIGHT = 32  # appends of one socket that run at once; beyond it, nothing is read

Serve = Callable[[bytes], Awaitable[bytes | dict[str, object]]]
"""Takes what an `append` carries and gives what acknowledges it; raises nothing."""


class Wire(driver.WebSocket):  # type: ignore[misc]
    """One live connection; the library reads and writes through it, the fan-out through `push`."""

    def __init__(
        self,
        handler: Callable[[Any], Any],
        server: Any,
        *,
        limit_bytes: int,
        stall_s: float,
        on_open: Callable[[str, Wire], None],
        on_gone: Callable[[str, Wire], None],
    ) -> None:
        super().__init__(handler, server)
        self._limit_bytes = limit_bytes
        self._stall_s = stall_s
        self._on_open, self._on_gone = on_open, on_gone
        self._transport: asyncio.Transport | None = None
        self._held: str | None = None
        self._ready = False
        self._closed = False
        self.serve: Serve | None = None  # set once the connection is authenticated
        self.slots = asyncio.Semaphore(IN_FLIGHT)
        self._serving: set[asyncio.Task[None]] = set()
        self._put_back: WSMessage | None = None
        self._announced = False  # the library waits for an attachment
        self.end = SocketEnd.LEFT
        self._heads: dict[LogId, bytes] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._stuck_at, self._stuck_since = 0, 0.0

    # -- what the library calls ---------------------------------------------------------------

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Accept the upgrade without compression, and serve until the connection ends."""
        request: web.Request = environ["aiohttp.request"]
        self.environ = environ
        self._sock = web.WebSocketResponse(
            max_msg_size=self.server.max_http_buffer_size, compress=False
        )
        await self._sock.prepare(request)
        self._transport = request.transport
        _bound_kernel_buffer(request.transport)
        engine = self.handler.__self__  # the engine.io socket whose loop `handler` is
        self._on_open(engine.sid, self)
        try:
            await self.handler(self)
        finally:
            # The library leaves both undone when a packet cannot be parsed: its writer task
            # would wait on, and nobody would learn that the client has gone.
            await engine.queue.put(None)
            await engine.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            self._forget_heads()
            self._on_gone(engine.sid, self)
        return self._sock

    async def send(self, message: str | bytes) -> None:
        """Write one message; a text that announces an attachment waits for it.

        The library suspends between the two, and a pushed frame must not slip in there.
        """
        if self._closed:
            raise OSError("the connection has ended")
        if isinstance(message, str):
            if message.startswith(("45", "46")):
                self._held = message
                return
            await self._sock.send_str(message)
            if message.startswith("40"):
                self._ready = True
                self._write_heads()
            return
        held, self._held = self._held, None
        if held is not None and self._transport is not None:
            self._transport.write(websocket_frame(TEXT, held.encode("utf-8")))
        await self._sock.send_bytes(message)  # writes before it first suspends

    async def wait(self) -> str | bytes:
        """Read one message for the library, having served every `append` before it.

        Raises OSError at the end of the connection, as the library expects.
        """
        while True:
            if self._put_back is not None:
                message, self._put_back = self._put_back, None
                return self._passed_on(message)
            message = await self._receive()
            ready = self._ready and not self._announced
            if message.type is not WSMsgType.TEXT or self.serve is None or not ready:
                return self._passed_on(message)
            append = _APPEND.fullmatch(message.data)
            if append is None:
                return self._passed_on(message)
            attachment = await self._receive()
            if attachment.type is not WSMsgType.BINARY:
                self._put_back = attachment  # a pong may come between; the rest it refuses
                return self._passed_on(message)
            await self._start(self.serve, int(append[1]), attachment.data)

    async def _receive(self) -> WSMessage:
        message = await self._sock.receive()
        if self._closed:
            raise OSError("the connection has ended")
        return message

    async def _start(self, serve: Serve, id: int, data: bytes) -> None:
        """Run one append beside the others; waits while too many run, or answers lie unread."""
        await self.slots.acquire()
        await self._room()
        task = asyncio.create_task(self._answer(serve, id, data))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _room(self) -> None:
        while not self._closed:
            if self._waiting() <= self._limit_bytes:
                return
            await asyncio.sleep(RETRY_S)

    async def _answer(self, serve: Serve, id: int, data: bytes) -> None:
        try:
            answer = await serve(data)
            if not self._closed and self._transport is not None:
                self._transport.write(ack_frames(id, answer))
        finally:
            self.slots.release()

    def _passed_on(self, message: WSMessage) -> str | bytes:
        if message.type is WSMsgType.TEXT:
            text: str = message.data
            self._announced = self._announced or text.startswith("45")
            if _PACKET.match(text) and (text[0] == "4" or len(text) == 1):
                return text
            self.refuse("malformed", "a Socket.IO packet of engine.io 4 expected")
        elif message.type is WSMsgType.BINARY:
            data: bytes = message.data
            self._announced = False
            return data
        raise OSError("the connection has ended")

    # -- what the fan-out and the service call ------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether this server has ended the connection; nothing that still comes in counts."""
        return self._closed

    @property
    def lagging(self) -> bool:
        """Whether it gets heads alone, because it does not read what it was sent."""
        return bool(self._heads)

    def push(self, log: LogId, frames: bytes, head: bytes) -> bool:
        """Write `frames` if less than the bound waits, else keep `head` for when there is room.

        Both are what `event_frames` made. A log that lags gets its `head` even where a frame
        would fit again: the client pulls everything at once.
        """
        transport = self._transport
        if self._closed or transport is None or transport.is_closing():
            return False
        if self._ready and log not in self._heads and self._waiting() < self._limit_bytes:
            transport.write(frames)
            return True
        self.notify(log, head)
        return False

    def notify(self, log: LogId, head: bytes) -> None:
        """Send the newest `head` of a log, now or when there is room; older ones are dropped."""
        if not self._closed:
            self._heads[log] = head
            self._write_heads()

    def drop(
        self, code: int = GOING_AWAY, reason: str = "", end: SocketEnd = SocketEnd.LEFT
    ) -> None:
        """End the connection: say goodbye, and cut it after CLOSE_GRACE_S, drained or not."""
        if self._closed:
            return
        self._closed, self.end = True, end
        self._forget_heads()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(_DISCONNECT + close_frame(code, reason))
            asyncio.get_running_loop().call_later(CLOSE_GRACE_S, transport.abort)

    def refuse(self, code: str, detail: str) -> None:
        """Close because of what the client sent; the reason says code and sentence."""
        _log.info("socket_refused", code=code)
        self.drop(POLICY, f"{code}: {detail}", SocketEnd.REFUSED)

    # -- heads that wait ----------------------------------------------------------------------

    def _waiting(self) -> int:
        """Bytes written and not yet taken by the kernel."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def _write_heads(self) -> None:
        """Write the heads that wait, if the client has made room; else look again soon."""
        if not self._ready or not self._heads or self._retry is not None:
            return
        waiting = self._waiting()
        if waiting <= self._limit_bytes // 2 and self._transport is not None:
            self._transport.write(b"".join(self._heads.values()))
            self._heads.clear()
            return
        self._stuck_at = waiting
        self._stuck_since = asyncio.get_running_loop().time()
        self._look_again_soon()

    def _look_again_soon(self) -> None:
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._look_again)

    def _look_again(self) -> None:
        self._retry = None
        waiting, now = self._waiting(), asyncio.get_running_loop().time()
        if waiting <= self._limit_bytes // 2:
            self._write_heads()
        elif waiting < self._stuck_at:
            self._stuck_at, self._stuck_since = waiting, now
            self._look_again_soon()
        elif now - self._stuck_since >= self._stall_s:
            _log.info("socket_stalled", waiting_bytes=waiting)
            self.drop(
                TRY_LATER, "too_busy: this socket does not read what it is sent", SocketEnd.STALLED
            )
        else:
            self._look_again_soon()

    def _forget_heads(self) -> None:
        self._heads.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _bound_kernel_buffer(transport: asyncio.BaseTransport | None) -> None:
    """What a stalled client keeps waiting is memory too, though no process's."""
    bare = None if transport is None else transport.get_extra_info("socket")
    if bare is not None:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
