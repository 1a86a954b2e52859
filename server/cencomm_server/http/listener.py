"""aiohttp's server as this one runs it: what is not even HTTP gets `{code, detail}` like the rest.

aiohttp answers such bytes itself, in text, and logs them with the sender's address. Rests on
`RequestHandler.handle_error` and on how `Server` makes handlers; a test holds both.
"""

from __future__ import annotations

import socket
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from cencomm_config.errors import BadSettings

from cencomm_server.http.gate import HEADERS, failure_of

_log = structlog.get_logger("http")
BACKLOG = 1024
KEEPALIVE_S = 75.0
MAX_HEADER_BYTES = 16 * 1024


class _Handler(RequestHandler):
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


class Listener:
    """A listening socket: bound at once, so that its port is known; served when all is ready."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """`port` 0 takes a free one. Raises BadSettings when the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise BadSettings(f"listen: {host}:{port} cannot be had: {error.strerror}") from error
        self._tls = tls
        self._runner: Runner | None = None

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many are open."""
        server = None if self._runner is None else self._runner.server
        return 0 if server is None else len(server.connections)

    async def serve(self, app: web.Application, *, shutdown_timeout_s: float) -> None:
        """Begin to answer; connections that came since the binding have waited."""
        self._runner = Runner(app, shutdown_timeout_s=shutdown_timeout_s)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=self._tls).start()

    async def close(self) -> None:
        """Take no more connections and end those there are, after their running requests."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain; raises BadSettings."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"tls_cert, tls_key: {error}") from error
    return context
