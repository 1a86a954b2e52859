"""The server's listening socket, and the connections that have not asked for anything yet.

Rests on `RequestHandler.handle_error` and on how aiohttp's `Server` makes handlers; tests hold it.
What is not even HTTP gets `{code, detail}` like the rest: aiohttp answers such bytes itself, in
text, and logs them with the sender's address. A connection costs next to nothing before its first
byte, has a time for it and another for its head, and makes place when there are too many (A35).
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from cencomm_config.errors import BadSettings

from cencomm_server.http.gate import HEADERS, failure_of
from cencomm_server.metrics import ConnectionEnd, Metrics

_log = structlog.get_logger("http")
BACKLOG = 1024
KEEPALIVE_S = 75.0
HANDSHAKE_S = 15.0  # TLS
SILENT_S = 20.0  # from the connection to its first byte
HEAD_S = 15.0  # from there to the end of the first request's head
MAX_HEADER_BYTES = 16 * 1024
SPARE_FILES = 256  # descriptors that are no connections


class _Handler(RequestHandler):
    """aiohttp's handler of one connection, with a time for the first head."""

    _head: asyncio.TimerHandle | None = None

    def expect_head(self, within_s: float, late: Callable[[], None]) -> None:
        """Call `late` and end the connection unless a request's head is whole by then."""

        def end() -> None:
            late()
            self.force_close()

        self._head = asyncio.get_running_loop().call_later(within_s, end)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None and (self._request_count or self._messages):
            self._forget_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that never reached a route; the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("part of another answer has been sent already")
        reason = "" if exc is None else type(exc).__name__
        _log.info("request_not_served", status=int(status), reason=reason)
        response = failure_of(HTTPStatus(status))
        response.headers.update(HEADERS)
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """`AppRunner` without access log (the gate has its own) and with bounded headers."""

    def __init__(self, app: web.Application, *, shutdown_timeout_s: float = 10.0) -> None:
        """`shutdown_timeout_s`: how long running requests may take at the end."""
        options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": KEEPALIVE_S,
            "max_line_size": 8190,
            "max_field_size": MAX_HEADER_BYTES,
        }
        super().__init__(app, shutdown_timeout=shutdown_timeout_s, **options)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            loop=made._loop,
            **made._kwargs,
        )


class _Silent(asyncio.Protocol):
    """A connection before its first byte: no parser, no task, no timer of its own."""

    __slots__ = ("_waiting", "deadline", "transport")

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting
        self.deadline = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._waiting.add(self)

    def data_received(self, data: bytes) -> None:
        transport, self.transport = self.transport, None
        if transport is not None and not transport.is_closing():
            self._waiting.spoke(self, transport, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.forget(self)


class _Waiting:
    """Those that have not spoken, oldest first, and who takes them over when they do."""

    def __init__(self, server: web.Server, most: int, silent_s: float, metrics: Metrics) -> None:
        self._server, self._most, self._silent_s = server, most, silent_s
        self._metrics = metrics
        self._silent: dict[_Silent, None] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._silent)

    def add(self, silent: _Silent) -> None:
        """One more; when there are too many, the one that has been silent longest makes place."""
        loop = asyncio.get_running_loop()
        silent.deadline = loop.time() + self._silent_s
        if len(self._silent) + len(self._server.connections) >= self._most:
            self._end(next(iter(self._silent), silent), ConnectionEnd.CROWDED)
        self._silent[silent] = None
        if self._sweep is None:
            self._sweep = loop.call_later(self._silent_s, self._end_silent)

    def spoke(self, silent: _Silent, transport: asyncio.Transport, data: bytes) -> None:
        """Hand the connection to a handler of its own."""
        self.forget(silent)
        handler = cast(_Handler, self._server())
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.expect_head(HEAD_S, partial(self._metrics.connection_ended, ConnectionEnd.HEAD))
        handler.data_received(data)

    def forget(self, silent: _Silent) -> None:
        """It spoke, or has gone."""
        self._silent.pop(silent, None)

    def close(self) -> None:
        """End all of them."""
        if self._sweep is not None:
            self._sweep.cancel()
        for silent in tuple(self._silent):
            if silent.transport is not None:
                silent.transport.abort()

    def _end(self, silent: _Silent, reason: ConnectionEnd) -> None:
        self.forget(silent)
        self._metrics.connection_ended(reason)
        if silent.transport is not None:
            silent.transport.abort()

    def _end_silent(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._silent:
            oldest = next(iter(self._silent))
            if oldest.deadline > loop.time():
                self._sweep = loop.call_at(oldest.deadline, self._end_silent)
                return
            self._end(oldest, ConnectionEnd.SILENT)


class Listener:
    """A listening socket: bound at once, so that its port is known; served when all is ready."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        metrics: Metrics,
        most: int = 20_000,
        silent_s: float = SILENT_S,
    ) -> None:
        """`port` 0 takes a free one; `most` connections at once, as far as descriptors go.

        Raises BadSettings when the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise BadSettings(f"listen: {host}:{port} cannot be had: {error.strerror}") from error
        self._tls = tls
        self._metrics, self._most, self._silent_s = metrics, most, silent_s
        self._port = int(self._socket.getsockname()[1])
        self._runner: Runner | None = None
        self._server: asyncio.Server | None = None
        self._waiting: _Waiting | None = None

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for."""
        return self._port

    @property
    def connections(self) -> int:
        """How many are open."""
        server = None if self._runner is None else self._runner.server
        return 0 if server is None else len(server.connections) + self.silent

    @property
    def silent(self) -> int:
        """How many of them have not sent a byte."""
        return 0 if self._waiting is None else len(self._waiting)

    async def serve(self, app: web.Application, *, shutdown_timeout_s: float) -> None:
        """Begin to answer; connections that came since the binding have waited."""
        self._runner = Runner(app, shutdown_timeout_s=shutdown_timeout_s)
        await self._runner.setup()
        handlers = self._runner.server
        if handlers is None:
            raise RuntimeError("aiohttp's runner has no server after its setup")
        most = max(1, min(self._most, files_at_most() - SPARE_FILES))
        self._waiting = _Waiting(handlers, most, self._silent_s, self._metrics)
        self._server = await asyncio.get_running_loop().create_server(
            partial(_Silent, self._waiting),
            sock=self._socket,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_S,
            backlog=BACKLOG,
        )

    async def close(self) -> None:
        """Take no more connections and end those there are, after their running requests."""
        if self._server is not None:
            self._server.close()
        if self._waiting is not None:
            self._waiting.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()


def files_at_most() -> int:
    """Raise this process's own limit of open files as far as it may; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1 << 20)
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain; raises BadSettings."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"tls_cert, tls_key: {error}") from error
    return context
