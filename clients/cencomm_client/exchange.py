"""One request, one answer, with a hostile server: the HTTP half of the transport (aiohttp).

Every answer has a size limit that is enforced while reading, no redirect is followed, no
compression is taken (A16, A35), TLS is checked as the system does and there is no switch
against it; plain http is for this machine itself. Refusals become exceptions by their code.
A server that says "not so fast" is waited for, as long as it says, within `PATIENCE_S`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from json import dumps
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from cencomm_client.answers import (
    MAX_SHORT,
    objects_field,
    parse_json,
    text_field,
    token_text,
)
from cencomm_client.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    InsecureUrl,
    NoSession,
    Redirected,
    Refused,
    TryLater,
    Unreachable,
    refusal,
)

MAX_JSON = 1024 * 1024  # bytes
MAX_PAGES = 1000  # of one list
TIMEOUT_S = 30.0
PATIENCE_S = 60.0  # waiting on Retry-After, for one call
JSON = "application/json"


def check_url(url: str) -> URL:
    """Parse a server's address; raises InsecureUrl unless https, or http to this machine."""
    try:
        parsed = URL(url)
        host = parsed.host or ""
    except ValueError as error:
        raise InsecureUrl("not an address of the form https://host") from error
    local = host == "localhost"
    with suppress(ValueError):
        local = local or ip_address(host).is_loopback
    if parsed.scheme != "https" and not (parsed.scheme == "http" and local):
        raise InsecureUrl(f"{url!a}: https expected; http is taken for this machine only")
    if not host or parsed.user or parsed.password or parsed.query_string or parsed.fragment:
        raise InsecureUrl(f"{url!a}: scheme, host and port expected, nothing else")
    return parsed.origin()


class Exchange:
    """One server. Use as an async context manager; one HTTP session, kept alive."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`patience_s`: how long one call may wait on Retry-After. Raises InsecureUrl."""
        self._base = check_url(url)
        self._patience_s, self._jitter = patience_s, jitter
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self.token: bytes | None = None
        """The session's token, 32 bytes; set by `session`."""

    @property
    def origin(self) -> str:
        """scheme://host[:port], as it is signed at login."""
        return str(self._base)

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP session, made on first use inside an event loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
                headers={"Accept-Encoding": "identity", "User-Agent": "cencomm"},
                trust_env=False,
                max_line_size=8190,
                max_field_size=32768,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def rows(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        """Every row of a list that comes in pages of `{name: [...], next}` (DESIGN 11)."""
        query: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = await self.json("GET", path, query=query)
            for row in objects_field(answer, name):
                yield row
            following = answer.get("next")
            if following is None:
                return
            query = {"after": text_field(answer, "next")}
        raise AnswerTooLarge(f"{path}: a list of more than {MAX_PAGES} pages")

    async def json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        token: bool = True,
    ) -> dict[str, Any]:
        data, _ = await self.request(
            method,
            path,
            MAX_JSON,
            body=None if body is None else dumps(body).encode(),
            kind=JSON,
            query=query,
            token=token,
        )
        return parse_json(data) if data else {}

    async def request(
        self,
        method: str,
        path: str,
        max_size: int,
        *,
        body: bytes | None = None,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
        token: bool = True,
        waits: bool = True,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[bytes, Mapping[str, str]]:
        """(body, headers) of a 2xx answer; raises TransportError or Refused.

        What the server did not take for coming too fast (`rate_limited`) it has not looked at:
        sent again after the pause that it asked for, it is there once. Not where `waits` is
        false: the outbox waits by itself.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while True:
            try:
                return await self._exchange(
                    method,
                    path,
                    max_size,
                    body=body,
                    kind=kind,
                    query=query,
                    token=token,
                    extra=extra,
                )
            except TryLater as limited:
                # a little later than asked, each client by another bit: not all at once again
                wait_s = max(limited.retry_after_s, 0.1) * (1 + self._jitter() / 4)
                if not waits or limited.code != "rate_limited" or loop.time() + wait_s > deadline:
                    raise
                await asyncio.sleep(wait_s)

    async def _exchange(
        self,
        method: str,
        path: str,
        max_size: int,
        *,
        body: bytes | None,
        kind: str,
        query: Mapping[str, str] | None,
        token: bool,
        extra: Mapping[str, str],
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = dict(extra) if body is None else {"Content-Type": kind, **extra}
        if token:
            if self.token is None:
                raise NoSession("log in first")
            headers["Authorization"] = f"Bearer {token_text(self.token)}"
        url = self._base.with_path(path).with_query(query or {})
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self.http.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                if 300 <= answer.status < 400:
                    raise Redirected(f"{path}: the server answered {answer.status}")
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise AnswerMalformed(f"{path}: a compressed answer; none was asked for")
                good = 200 <= answer.status < 300
                data = await _read(answer, max_size if good else MAX_SHORT, path)
                if not good:
                    raise _refused(answer.status, answer.headers, data)
                return data, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__}") from error


async def _read(answer: aiohttp.ClientResponse, max_size: int, path: str) -> bytes:
    """Read at most `max_size` bytes; raises AnswerTooLarge before holding more."""
    if (answer.content_length or 0) > max_size:
        raise AnswerTooLarge(f"{path}: {answer.content_length} bytes, at most {max_size} expected")
    pieces: list[bytes] = []
    held = 0
    async for piece in answer.content.iter_any():
        held += len(piece)
        if held > max_size:
            raise AnswerTooLarge(f"{path}: more than {max_size} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _refused(status: int, headers: Mapping[str, str], data: bytes) -> Refused:
    try:
        answer = parse_json(data)
        code, detail = text_field(answer, "code"), text_field(answer, "detail")
    except AnswerMalformed:
        code, detail = "refused", f"the server answered {status} without a code"
    try:
        retry_after_s = min(max(float(headers.get("Retry-After", "0")), 0.0), 3600.0)
    except ValueError:
        retry_after_s = 0.0
    if status >= 500 and code == "refused":
        code = "too_busy"  # a proxy in between, or a server that is going down: try again
    return refusal(code[:64], detail[:512], status=status, retry_after_s=retry_after_s)
