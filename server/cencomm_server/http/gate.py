"""Between aiohttp and the handlers: limits, token, failures as JSON, headers, access log."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import structlog
from aiohttp import HttpVersion10, web
from aiohttp.typedefs import Middleware
from cencomm_config.errors import (
    BadRequest,
    Internal,
    LoginFailed,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    SessionExpired,
    UnsupportedMedia,
)
from cencomm_config.settings import Network
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.entry import MAX_BODY, MAX_HEADER
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tail import MAX_PART

from cencomm_server.accounts.principal import Principal
from cencomm_server.buckets import key_of_address
from cencomm_server.errors import STATUS
from cencomm_server.events import SOCKET_PATH
from cencomm_server.http.address import address_of
from cencomm_server.http.call import (
    CBOR,
    JSON,
    Access,
    Answer,
    Call,
    Query,
    Route,
    Takes,
    json_answer,
)
from cencomm_server.metrics import ConnectionEnd, Metrics
from cencomm_server.throttle import Throttle

TOKEN_SIZE = 32
ENTRY_BYTES = MAX_HEADER + MAX_BODY + 256  # a submission without wraps, in its CBOR
BODY_TIMEOUT_S = 30.0  # for the whole body: a slow writer holds a connection no longer
_MEDIA = {Takes.JSON: JSON, Takes.SUBMISSION: CBOR, Takes.TAIL: CBOR}
HEADERS = {
    "Server": "cencomm",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_log = structlog.get_logger("http")
AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sessions(Protocol):
    """What the gate needs of `accounts.sessions`."""

    async def authenticate(self, token: bytes) -> Principal:
        """The living session of `token`; raises NotAuthenticated or SessionExpired."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Greatest bodies, bytes; and whose X-Forwarded-For counts."""

    json_bytes: int
    submission_bytes: int
    proxies: tuple[Network, ...] = ()
    over_tls: bool = False
    operator_token: str = field(default="", repr=False)

    def most(self, route: Route) -> int:
        """Greatest body of a route: a stranger posts one entry, wraps come with a token (A35)."""
        if route.takes is Takes.SUBMISSION:
            bare = route.access is not Access.TOKEN
            return min(self.submission_bytes, ENTRY_BYTES) if bare else self.submission_bytes
        if route.takes is Takes.TAIL:
            return MAX_PART
        return self.json_bytes if route.takes is Takes.JSON else 0

    def check_operator(self, request: web.Request) -> None:
        """Raise NotFound where no operator's token is set, NotAuthenticated for another one."""
        if not self.operator_token:
            raise NotFound("there is no such route; docs/api.md lists them")
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        given, expected = text.encode("utf-8", "replace"), self.operator_token.encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(given, expected):
            raise NotAuthenticated("expected Authorization: Bearer and the operator's token")


class Gate:
    """Binds routes to an aiohttp application; its middleware covers what else is attached there."""

    def __init__(
        self,
        sessions: Sessions,
        limits: Limits,
        throttle: Throttle,
        metrics: Metrics | None = None,
    ) -> None:
        """`sessions` says whose token it is, `throttle` how fast one may ask; `metrics` counts."""
        self._sessions = sessions
        self._limits = limits
        self._throttle = throttle
        self._metrics = metrics or Metrics()

    def application(self, routes: Iterable[Route]) -> web.Application:
        """A new application with these routes behind the gate."""
        app = web.Application(middlewares=[self._middleware()])
        for route in routes:
            app.router.add_route(route.method, route.path, self._entrance(route))
        return app

    def address_key(self, request: web.Request) -> bytes:
        """What the request's address counts as; also for the live socket's requests."""
        return key_of_address(address_of(request, self._limits.proxies))

    def _entrance(self, route: Route) -> AiohttpHandler:
        async def enter(request: web.Request) -> web.StreamResponse:
            address = self.address_key(request)
            most = self._limits.most(route)
            caller = await self._admitted(request, route.access, address, _announced(request, most))
            body = await self._body(request, route.takes, most)
            query = request.query
            if len(set(query)) != len(query):
                raise BadRequest("a parameter stands twice; each is expected once")
            call = Call(
                request.match_info,
                Query(query),
                body,
                caller,
                setup=request.headers.get("X-Cencomm-Setup", ""),
            )
            judged = route.access is Access.LOGIN
            try:
                with self._throttle.login(address) if judged else nullcontext():
                    answer = await route.handler(call)
            except LoginFailed:
                if not judged:
                    self._throttle.failed(address)
                raise
            if caller is not None:
                self._throttle.answered(caller.device, len(answer.body))
            return _response(answer)

        return enter

    async def _admitted(
        self, request: web.Request, access: Access, address: bytes, size: int
    ) -> Principal | None:
        """Whose token it is, on a route that asks for one; raises RateLimited before any work."""
        if access is Access.TOKEN:
            return await self._owner(request, address, size)
        if access is not Access.FREE:
            self._throttle.stranger(address, size)
        if access is Access.OPERATOR:
            self._limits.check_operator(request)
        return None

    async def _owner(self, request: web.Request, address: bytes, size: int) -> Principal:
        try:
            token = _token(request)
        except NotAuthenticated:
            self._throttle.stranger(address)
            raise
        token_hash = sha256(token)
        self._throttle.token(address, token_hash)
        try:
            caller = await self._sessions.authenticate(token)
        except (NotAuthenticated, SessionExpired):
            self._throttle.wrong_token(address, token_hash)
            raise
        self._throttle.device(caller.device, token_hash, size)
        return caller

    async def _body(self, request: web.Request, takes: Takes, most: int) -> bytes:
        try:
            return await _read(request, takes, most)
        except TimeoutError:
            self._metrics.connection_ended(ConnectionEnd.BODY)
            raise BadRequest(f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s") from None

    def _middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
            began = time.monotonic()
            code = ""
            try:
                if request.version < HttpVersion10:  # HTTP/0.9: a bare line, no headers
                    raise BadRequest("expected a request of HTTP/1.1")
                if request.match_info.http_exception is not None:  # no such route or method
                    self._throttle.stranger(self.address_key(request))
                response = await handler(request)
            except (CencommError, web.HTTPException) as error:
                failure = _from_aiohttp(error) if isinstance(error, web.HTTPException) else error
                code = failure.code
                response = _failure(failure, request)
                if isinstance(error, web.HTTPMethodNotAllowed):
                    response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            except (asyncio.CancelledError, ConnectionResetError):
                raise
            except Exception:
                _log.exception("request_failed", method=request.method, route=_route_of(request))
                code, response = Internal.code, _failure(Internal(), request)
            if not response.prepared:
                response.headers.update(HEADERS)
                if self._limits.over_tls:
                    response.headers["Strict-Transport-Security"] = "max-age=31536000"
            self._told_of(request, response, code, time.monotonic() - began)
            return response

        return guard

    def _told_of(
        self, request: web.Request, response: web.StreamResponse, code: str, seconds: float
    ) -> None:
        """One line and one count for a request that has its answer."""
        route = _route_of(request)
        _log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status,
            code=code,
            ms=round(seconds * 1000, 1),
        )
        if request.path.rstrip("/") != SOCKET_PATH or code:  # a socket's time is no request's
            self._metrics.request(request.method, route, code, seconds)


def _response(answer: Answer) -> web.Response:
    return web.Response(
        body=answer.body,
        status=answer.status,
        headers={**answer.headers, "Content-Type": answer.media},
    )


def _failure(error: CencommError, request: web.Request) -> web.Response:
    response = _response(_told(error))
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif response.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    elif response.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if not request.content.is_eof():
        response.force_close()  # an unread body is not worth reading
    return response


def failure_of(status: HTTPStatus) -> web.Response:
    """The answer where aiohttp itself refuses, before there is a route."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _response(_told(Internal()))
    return _response(_told(BadRequest("expected a request of HTTP/1.1 with small headers")))


def _told(error: CencommError) -> Answer:
    status = STATUS.get(error.code, STATUS[Internal.code])
    return json_answer({"code": str(error.code), "detail": error.detail}, status)


def _from_aiohttp(error: web.HTTPException) -> CencommError:
    if isinstance(error, web.HTTPNotFound):
        return NotFound("there is no such route; docs/api.md lists them")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowed(f"expected {allowed}")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ProtocolError(ErrorCode.TOO_LARGE, "the body is larger than this route takes")
    return BadRequest("the request is not one that HTTP/1.1 allows here")


def _token(request: web.Request) -> bytes:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text:
        raise NotAuthenticated("expected Authorization: Bearer and the token")
    return token_from(text)


def token_from(text: str) -> bytes:
    """32 bytes from base64url without padding; raises NotAuthenticated."""
    try:
        token = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        token = b""
    if len(token) != TOKEN_SIZE or base64.urlsafe_b64encode(token).rstrip(b"=").decode() != text:
        raise NotAuthenticated("expected 32 bytes in base64url without padding")
    return token


def _announced(request: web.Request, most: int) -> int:
    """Bytes that the body will have, for the limits; without a length, as many as it may have."""
    if request.content_length is None and not request.can_read_body:
        return 0
    return most if request.content_length is None else min(request.content_length, most)


async def _read(request: web.Request, takes: Takes, most: int) -> bytes:
    if "Content-Encoding" in request.headers:
        raise UnsupportedMedia("a Content-Encoding is not taken here (A16)")
    if takes is not Takes.NOTHING and request.content_type != _MEDIA[takes]:
        raise UnsupportedMedia(f"expected Content-Type {_MEDIA[takes]}")
    too_large = ProtocolError(ErrorCode.TOO_LARGE, f"expected a body of at most {most} bytes")
    if request.content_length is not None and request.content_length > most:
        raise too_large
    body = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT_S):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > most:
                raise too_large
    return bytes(body)


def _route_of(request: web.Request) -> str:
    """The template, never the path: ids and strangers' text stay out of the log."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
