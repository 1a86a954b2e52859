"""The live side of the server: Socket.IO connections of authenticated devices (DESIGN 9).

`handle` is the HTTP handler of `events.SOCKET_PATH`. Origin, query and the number of sockets are
checked before the library sees the request; the session in the connect packet, by the callable
that `accounts` gives; a socket that does not authenticate in time is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from cencomm_config.errors import (
    BadOrigin,
    BadRequest,
    Internal,
    RateLimited,
    SessionExpired,
    ShuttingDown,
    TooBusy,
)
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import ID_SIZE, DeviceId, LogId, PersonId
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_server.engine.append import Appends
from cencomm_server.engine.reader import Reader
from cencomm_server.events import APPEND
from cencomm_server.metrics import Limit, LoginKind, Metrics, SocketCounts, SocketEnd
from cencomm_server.push.fanout import Fanout
from cencomm_server.push.library import MAX_MESSAGE_BYTES, Library, RefusedConnection
from cencomm_server.push.wire import GOING_AWAY, POLICY, Wire

_log = structlog.get_logger()

AUTHENTICATE_S = 10.0  # from the upgrade to the end of a successful connect
STALL_S = 30.0  # a lagging socket that takes no byte for so long is dropped (A34)
SOCKETS_PER_DEVICE = 4  # a fresh one ends the oldest: no member takes the places of all (A35)
REFUSED_GRACE_S = 1.0  # for the connect error to leave before the connection is closed

Authenticate = Callable[[Mapping[str, object], web.Request], Awaitable[Reader]]
"""Believes the auth object of a connect packet, or raises a CencommError. JSON types, unchecked."""
Admit = Callable[[web.Request], None]
"""Raises RateLimited where an address connects too often."""
Charge = Callable[[DeviceId, int], None]
"""Raises RateLimited where a device sends too much; called before its bytes are parsed."""


@dataclass(eq=False, slots=True)
class _Live:
    """One authenticated socket, as the fan-out knows it."""

    wire: Wire
    reader: Reader

    def push(self, log: LogId, frames: bytes, head: bytes) -> bool:
        return self.wire.push(log, frames, head)

    def notify(self, log: LogId, head: bytes) -> None:
        self.wire.notify(log, head)

    def inactive(self) -> None:
        self.wire.drop(POLICY, "session_expired: the device is no longer active", SocketEnd.SESSION)


class LiveSockets:
    """All live sockets of this process."""

    def __init__(
        self,
        *,
        fanout: Fanout,
        appends: Appends,
        authenticate: Authenticate,
        origins: Collection[str],
        max_sockets: int = 10_000,
        buffer_bytes: int = 64 * 1024,
        stall_s: float = STALL_S,
        authenticate_s: float = AUTHENTICATE_S,
        admit: Admit = lambda request: None,
        charge: Charge = lambda device, size_bytes: None,
        metrics: Metrics | None = None,
    ) -> None:
        """`origins`: exact browser origins; a client that is no browser sends none.

        `buffer_bytes`: what may wait for one socket before it gets `head` notices alone.
        """
        self._fanout, self._appends, self._authenticate = fanout, appends, authenticate
        self._origins = frozenset(origins)
        self._max_sockets, self._buffer_bytes = max_sockets, buffer_bytes
        self._stall_s, self._authenticate_s = stall_s, authenticate_s
        self._admit, self._charge = admit, charge
        self._metrics = metrics or Metrics()
        self._wires: dict[str, Wire] = {}  # by engine.io session
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self._live: dict[str, _Live] = {}  # by Socket.IO session
        self._stopping = False
        self._library = Library(self._make_wire, self._wires.get)
        self._library.on("connect", self._on_connect)
        self._library.on("disconnect", self._on_disconnect)
        self._library.on(APPEND, self._on_append)

    def __len__(self) -> int:
        """How many sockets are open, authenticated or not."""
        return len(self._wires)

    def counts(self) -> SocketCounts:
        """How many are open, by state."""
        live = len(self._live)
        lagging = sum(one.wire.lagging for one in self._live.values())
        return SocketCounts(live, max(len(self._wires) - live, 0), lagging)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection to its end; raises BadOrigin, BadRequest, TooBusy before it.

        And RateLimited, first of all.
        """
        self._admit(request)
        if any(origin not in self._origins for origin in request.headers.getall("Origin", [])):
            raise BadOrigin("the Origin is not on this server's list; its own expected")
        query = request.query
        if (
            request.method != "GET"
            or query.getall("EIO", []) != ["4"]
            or query.getall("transport", []) != ["websocket"]
            or not query.keys() <= {"EIO", "transport", "t"}
            or not web.WebSocketResponse().can_prepare(request)
        ):
            raise BadRequest("a WebSocket upgrade with EIO=4 and transport=websocket expected")
        if self._stopping:
            raise ShuttingDown("the server is stopping")
        if len(self._wires) >= self._max_sockets:
            self._metrics.limited(Limit.SOCKETS)
            raise TooBusy(f"{self._max_sockets} live sockets are open already")
        response: web.StreamResponse = await self._library.handle_request(request)
        return response

    async def disconnect_device(self, device: DeviceId) -> None:
        """End every socket of a device, at once: after a logout or a revocation (A27)."""
        self._end(lambda reader: reader.device == device)

    async def disconnect_person(self, person: PersonId) -> None:
        """End every socket of a person, at once: after a suspension or reset (A27)."""
        self._end(lambda reader: reader.person == person)

    async def stop(self) -> None:
        """End all connections; call after the last receipts have been given."""
        if self._stopping:
            return
        self._stopping = True
        for wire in tuple(self._wires.values()):
            wire.drop(GOING_AWAY, "shutting_down: the server is stopping", SocketEnd.STOPPING)
        for deadline in self._deadlines.values():
            deadline.cancel()
        await self._library.shutdown()

    def _end(self, chosen: Callable[[Reader], bool]) -> None:
        for sid, live in tuple(self._live.items()):
            if chosen(live.reader):
                self._close(sid, "session_expired: the session has ended", SocketEnd.SESSION)

    # -- what the library calls ---------------------------------------------------------------

    def _make_wire(self, handler: Callable[[Any], Any], server: Any) -> Wire:
        return Wire(
            handler,
            server,
            limit_bytes=self._buffer_bytes,
            stall_s=self._stall_s,
            on_open=self._on_open,
            on_gone=self._on_gone,
        )

    def _on_open(self, eio_sid: str, wire: Wire) -> None:
        self._wires[eio_sid] = wire
        self._metrics.socket_opened()
        self._deadlines[eio_sid] = asyncio.get_running_loop().call_later(
            self._authenticate_s,
            wire.refuse,
            "not_authenticated",
            f"a connect packet with token and signed challenge within {self._authenticate_s:g} s"
            " expected",
        )

    def _on_gone(self, eio_sid: str, wire: Wire) -> None:
        if self._wires.pop(eio_sid, None) is not None:
            self._metrics.socket_ended(wire.end)
        deadline = self._deadlines.pop(eio_sid, None)
        if deadline is not None:
            deadline.cancel()

    async def _on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Called by the library; what it raises becomes the client's connect error."""
        eio_sid = self._library.manager.eio_sid_from_sid(sid, "/")
        wire = self._wires.get(eio_sid)
        if wire is None or wire.closed:
            raise RefusedConnection("session_expired", _answer(SessionExpired("")))
        try:
            with self._metrics.logging_in(LoginKind.SOCKET):
                reader = await self._authenticate(
                    auth if isinstance(auth, dict) else {}, environ["aiohttp.request"]
                )
        except CencommError as error:
            self._close_soon(wire, error)
            raise RefusedConnection(str(error.code), _answer(error)) from error
        except Exception as error:
            _log.error("authentication_failed", exc_info=error)
            self._close_soon(wire, Internal(""))
            raise RefusedConnection("internal", _answer(Internal(""))) from error
        if wire.closed:  # the client, or the clock, was faster
            raise RefusedConnection("session_expired", _answer(SessionExpired("")))
        self._deadlines.pop(eio_sid).cancel()
        self._make_room(reader.device)
        live = self._live[sid] = _Live(wire, reader)
        wire.serve = partial(self._serve, live)
        self._fanout.join(live, reader)

    def _make_room(self, device: DeviceId) -> None:
        own = [sid for sid, live in self._live.items() if live.reader.device == device]
        for sid in own[: max(len(own) + 1 - SOCKETS_PER_DEVICE, 0)]:
            self._close(
                sid,
                "too_busy: a newer connection of this device took the place",
                SocketEnd.REPLACED,
            )

    def _close(self, sid: str, reason: str, end: SocketEnd) -> None:
        live = self._live.pop(sid)
        self._fanout.leave(live)
        live.wire.drop(POLICY, reason, end)

    def _close_soon(self, wire: Wire, error: CencommError) -> None:
        asyncio.get_running_loop().call_later(
            REFUSED_GRACE_S, wire.drop, POLICY, str(error.code), SocketEnd.REFUSED
        )

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        """Called by the library; exactly these arguments, or it calls a second time (DESIGN 9)."""
        live = self._live.pop(sid, None)
        if live is not None:
            self._fanout.leave(live)
            live.wire.drop()

    async def _on_append(self, sid: str, *payload: Any) -> bytes | dict[str, object]:
        """Called by the library; the answer is the acknowledgement."""
        live = self._live.get(sid)
        if live is None:
            return _answer(SessionExpired("the session has ended"))
        return await self._serve(live, *payload)

    async def _serve(self, live: _Live, *payload: Any) -> bytes | dict[str, object]:
        """One `append`, in whichever form it came; the answer is the acknowledgement."""
        if live.wire.closed:
            return _answer(SessionExpired("the session has ended"))
        try:
            receipt = await self._append(live.reader, payload)
            return receipt.encode()
        except CencommError as error:
            return _answer(error)
        except Exception as error:
            _log.error("append_failed", exc_info=error)
            return _answer(Internal(""))

    async def _append(self, reader: Reader, payload: tuple[Any, ...]) -> Receipt:
        match payload:
            case (bytes() as data,) if ID_SIZE < len(data) <= MAX_MESSAGE_BYTES:
                self._charge(reader.device, len(data))
                submission = Submission.decode(data[ID_SIZE:])
                return await self._appends.append(LogId(data[:ID_SIZE]), submission, reader)
        raise BadRequest("one byte string expected: log id[16] || submission")


def _answer(error: CencommError) -> dict[str, object]:
    """An error as clients get it (docs/api.md)."""
    answer: dict[str, object] = {"code": str(error.code), "detail": error.detail}
    if isinstance(error, RateLimited):
        answer["retry_after_s"] = error.retry_after_s
    return answer
