"""Bare WebSocket connections that make load and count what comes back, cheaper than any server.

Nothing that comes is decoded: deliveries are counted by a marker that stands in each message,
acknowledgements by the bytes that begin them. So both servers cost the load the same.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

FIRST = 10_000_000  # numbers of messages have eight digits
_DIGITS = 8
MARK = b"~number~"  # the number follows
TEXT, BINARY = 1, 2
JOIN_S = 30.0
_PING = b"\x81\x012"  # of engine.io's server

Count = Callable[[int], None]


def marked(number: int, size_bytes: int = 32) -> bytes:
    """What a message carries in plain sight, filled up to a size."""
    return (MARK + b"%d" % number).ljust(size_bytes, b".")


def frame(opcode: int, payload: bytes) -> bytes:
    """One client frame; its mask is zero, which leaves the payload as it is (RFC 6455 5.3)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    else:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


class Scanner:
    """Calls `found` with each number that follows `needle`, wherever reads cut the stream."""

    def __init__(self, needle: bytes, found: Count) -> None:
        self._needle, self._found = needle, found
        self._skip, self._size = len(needle), len(needle) + _DIGITS
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Look through what came next."""
        if self._rest:
            data = self._rest + data
        done, at = 0, data.find(self._needle)
        while at >= 0 and at + self._size <= len(data):
            done = at + self._size
            self._found(int(data[at + self._skip : done]))
            at = data.find(self._needle, done)
        self._rest = data[max(done, len(data) - self._size + 1) :]


class Connection(asyncio.Protocol):
    """One WebSocket: first its handshake is read, then what comes is scanned, or thrown away."""

    def __init__(self, acknowledged: bytes) -> None:
        """`acknowledged`: what stands before the number in an acknowledgement."""
        self._acknowledged = acknowledged
        self._scanners: tuple[Scanner, ...] | None = None
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._news = asyncio.Event()
        self._heard = b""
        self.transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, path: str, acknowledged: bytes) -> Connection:
        """Connect on loopback and do the WebSocket handshake; no extension is offered."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: cls(acknowledged), "127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        made.transport.write("\r\n".join((*lines, "", "")).encode())
        await made.heard(b"\r\n\r\n")
        return made

    async def heard(self, wanted: bytes) -> None:
        """Wait until the server has said this, during the handshake."""
        async with asyncio.timeout(JOIN_S):
            while wanted not in self._heard:
                if self.transport.is_closing():
                    raise ConnectionError(f"closed after {self._heard[-300:]!r}")
                self._news.clear()
                await self._news.wait()

    def listen(self, delivered: Count | None, *, posts: bool) -> None:
        """From now on count deliveries, if anybody wants them, and acknowledgements of posts."""
        scanners = [] if delivered is None else [Scanner(MARK, delivered)]
        if posts:
            scanners.append(Scanner(self._acknowledged, self._acknowledge))
        self._scanners = tuple(scanners)

    def post(self, number: int, frames: bytes) -> asyncio.Future[None]:
        """Send; the future is done when the server has acknowledged `number`."""
        waiting = self._pending[number] = asyncio.get_running_loop().create_future()
        self.transport.write(frames)
        return waiting

    def close(self) -> None:
        """Cut the connection."""
        self._pending.clear()
        self.transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        if data == _PING:  # between two phases: whoever is asked is there
            self.transport.write(frame(TEXT, b"3"))
        elif self._scanners is None:
            self._heard += data
            self._news.set()
        else:
            if self._pending:
                self._heard = data[-300:]  # says why, where an acknowledgement never comes
            for scanner in self._scanners:
                scanner.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._news.set()
        error = ConnectionError(f"closed after {self._heard[-300:]!r}")
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _acknowledge(self, number: int) -> None:
        waiting = self._pending.pop(number)
        if not waiting.done():
            waiting.set_result(None)
