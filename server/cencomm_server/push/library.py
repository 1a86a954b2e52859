"""python-socketio, held to what this server needs: bounded everywhere, one event, one attachment.

The only module beside `wire` that knows the library. It overrides private methods, which the
versions in pyproject.toml pin and `tests/unit/server/test_push_library.py` checks. Why:

- a client may send the names `connect` and `disconnect` as events and so call those handlers;
- an event may announce 10**10 attachments, and the parts that came are kept (A35);
- every event becomes a task at once, and every answer waits in a queue without bound (A34).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import engineio  # type: ignore[import-untyped]  # no stubs
import socketio  # type: ignore[import-untyped]  # no stubs

from cencomm_server.events import APPEND
from cencomm_server.push.wire import Wire

MAX_MESSAGE_BYTES = 128 * 1024  # DESIGN 9
QUEUE_PACKETS = 256  # answers of the library that wait for one socket; beyond it, nothing is read
PING_INTERVAL_S, PING_TIMEOUT_S = 25, 20

MakeWire = Callable[[Callable[[Any], Any], Any], Wire]
RefusedConnection: type[Exception] = socketio.exceptions.ConnectionRefusedError


class _Queue(asyncio.Queue[Any]):
    """A bounded queue whose end mark (None) always fits: what waits before it is lost."""

    async def put(self, item: Any) -> None:
        if item is None:
            while not self.empty():
                self.get_nowait()
                self.task_done()
        await super().put(item)


class _Packet(socketio.packet.Packet):  # type: ignore[misc]
    def decode(self, encoded_packet: str) -> int:
        count: int = super().decode(encoded_packet)
        if count > 1:
            raise ValueError("more than one attachment")
        return count


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    def create_queue(self, *_args: Any, **_kwargs: Any) -> asyncio.Queue[Any]:
        return _Queue(QUEUE_PACKETS)


class Library(socketio.AsyncServer):  # type: ignore[misc]
    """The Socket.IO server: WebSocket only, no compression, no CORS answers of its own.

    The caller checks Origin and query before `handle_request`, registers the handlers of
    `connect`, `disconnect` and `append`, and keeps the wires that `make_wire` makes.
    """

    def __init__(self, make_wire: MakeWire, wire_of: Callable[[str], Wire | None]) -> None:
        logger = logging.getLogger("cencomm_server.push.library")
        super().__init__(
            async_mode="aiohttp",
            transports=["websocket"],
            serializer=_Packet,
            allow_upgrades=False,
            http_compression=False,
            always_connect=False,
            cors_allowed_origins=[],
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            logger=logger,
            engineio_logger=logger,
        )
        self._wire_of = wire_of
        self._running: set[asyncio.Task[None]] = set()
        # the driver table is shared by all servers of the process: change a copy
        self.eio._async = {**self.eio._async, "websocket": make_wire}

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        """One message of a client: what the library cannot read ends the connection."""
        wire = self._wire_of(eio_sid)
        if wire is None or wire.closed:
            return
        if isinstance(data, bytes) and eio_sid not in self._binary_packet:
            wire.refuse("malformed", "a binary message that no event announced")
            return
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:
            logging.getLogger(__name__).debug("unreadable packet", exc_info=error)
            wire.refuse("malformed", "a Socket.IO 5 packet with at most one attachment expected")

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """A connect packet; the library would answer another namespace without a code."""
        wire = self._wire_of(eio_sid)
        if wire is not None and namespace not in (None, "/"):
            wire.refuse("bad_request", "the only namespace is '/'")
            return
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_event(self, eio_sid: str, namespace: str, id: int, data: Any) -> None:
        """Run one event of a client that `Wire` left to the library; waits while too many run."""
        wire = self._wire_of(eio_sid)
        if wire is None:
            return
        if not isinstance(data, list) or not data or data[0] != APPEND:
            wire.refuse("bad_request", f"the only event from a client is {APPEND!r}")
            return
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is None or not self.manager.is_connected(sid, namespace or "/"):
            wire.refuse("not_authenticated", "CONNECT with token and signed challenge comes first")
            return
        await wire.slots.acquire()
        task = asyncio.create_task(self._answer(sid, eio_sid, data, namespace or "/", id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: wire.slots.release())

    async def _answer(
        self, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int
    ) -> None:
        with contextlib.suppress(engineio.exceptions.SocketIsClosedError):
            await self._handle_event_internal(self, sid, eio_sid, data, namespace, id)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)
