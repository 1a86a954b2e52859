"""aiohttp's server as this one runs it: what is not even HTTP gets `{code, detail}` like the rest.

aiohttp answers such bytes itself, in text, and logs them with the sender's address. Rests on
`RequestHandler.handle_error` and on how `Server` makes handlers; a test holds both.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cencomm_server.http.gate import HEADERS, failure_of

_log = structlog.get_logger("http")
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
        _log.info("not_http", status=int(status), reason=reason)
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
