"""The real server in this process, with real sessions, that takes any request and any frame.

    with Handlers(folder) as handlers:
        handlers.http(data)      # one request through router, gate, handler and services
        handlers.live(data)      # frames on a real live socket

Whatever comes: an answer with a code of the table, none of them `internal`, nothing logged as a
defect, no task left with an exception. What is signed anew by the input's choice may be taken;
the others leave every log as it was.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import MutableMapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

import aiohttp
import structlog
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from cencomm_client import session
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import decode_map
from cencomm_crypto.public.wire import Submission
from multidict import CIMultiDict

from tests.mallory.founding import build
from tests.mallory.harness import staged
from tests.mallory.world import ALERTS, ANALYST, CHIEF, MEMBERS, OFFICER, OUTSIDER, RAID
from tests.support.bad_input.bench import SOCKET, Bench
from tests.support.throttles import UNLIMITED

CODES = {str(code) for codes in (ErrorCode, ServiceCode) for code in codes}
WHO: tuple[str | None, ...] = (None, CHIEF, OFFICER, ANALYST, OUTSIDER)
ROUTES = (
    *("/healthz", "/readyz", "/v1/account", "/v1/account/confirm", "/v1/bot/login"),
    *("/v1/bot/secret", "/v1/directory/entries", "/v1/directory/head", "/v1/enrolments"),
    *("/v1/info", "/v1/invitations", "/v1/login", "/v1/login/challenge", "/v1/logout", "/v1/logs"),
    *("/v1/logs/{log}/checkpoint", "/v1/logs/{log}/entries", "/v1/logs/{log}/proof"),
    *("/v1/logs/{log}/wraps", "/v1/socket/"),
)
"""By place, as inputs of the corpus name them; routes that came later follow."""
MAX_INPUT = 8192
QUIET_S = 0.005  # no answer for so long: the next input
GOODBYE = "9"  # no packet: the server closes, and all before it has been read
_DATA = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
JSON, CBOR = "application/json", "application/cbor"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: HTTP status, and the code of a refusal or ""."""

    status: int
    code: str


class Handlers:
    """A server on loopback and a loop of its own; use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._defects: list[object] = []

    def __enter__(self) -> Handlers:
        structlog.configure(processors=[self._look], logger_factory=structlog.ReturnLoggerFactory())
        self._loop.set_exception_handler(lambda _, context: self._defects.append(context))
        self._loop.run_until_complete(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.close()
        structlog.reset_defaults()

    async def _open(self) -> None:
        self._stack.enter_context(patch.object(os, "fsync", lambda descriptor: None))
        (self._folder / "world").mkdir()
        (self._folder / "stage").mkdir()
        world = await build(self._folder / "world")
        stage = staged(world, self._folder / "stage", settings=UNLIMITED)  # one address asks it all
        self.stage = await self._stack.enter_async_context(stage)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        await self.stage.look(*MEMBERS, OUTSIDER)
        self.bench = Bench(self.stage, self._http)
        (parts,) = [part for part in self.stage.server.made if hasattr(part, "application")]
        self.app: web.Application = parts.application
        found = {resource.canonical for resource in self.app.router.resources()}
        new = found - {*ROUTES, "/v1/socket"}
        self.paths = [*ROUTES, *sorted(new)]

    def _look(self, _: object, name: str, event: MutableMapping[str, Any]) -> str:
        known = event.get("event") == "not_ready"  # what the server says before it has a directory
        if name in ("error", "exception", "critical") and not known:
            self._defects.append(dict(event))
        return ""

    def _expect_no_defect(self) -> None:
        found, self._defects = self._defects, []
        assert not found, found

    # -- requests -----------------------------------------------------------------------------

    def http(self, data: bytes) -> Told | None:
        """byte route, byte who and method, byte how; u8 size and query; the rest is the body."""
        if len(data) < 4:
            return None
        told = self._loop.run_until_complete(self._ask(data[:MAX_INPUT]))
        self._expect_no_defect()
        assert told.status != 500, told
        assert told.status < 400 or told.code in CODES, told
        return told

    async def _ask(self, data: bytes) -> Told:
        route, who, how, size = data[:4]
        query, body = data[4 : 4 + size], data[4 + size :]
        path = self.paths[route % len(self.paths)].replace("{log}", self._log(how).hex())
        person = WHO[who % len(WHO)]
        entries = path.endswith("/entries") or path == "/v1/logs"
        if entries and how & 0x40:
            body = self.signed(person or OFFICER, how, body)
        cbor = entries or path.endswith(("/tail", "/wraps"))
        headers = CIMultiDict({"Host": "here", "Content-Type": CBOR if cbor else JSON})
        if person is not None:
            headers["Authorization"] = f"Bearer {self.bench.token(person)}"
        if query:
            path += "?" + query.decode("latin-1")
        payload = StreamReader(BaseProtocol(self._loop), 2**16, loop=self._loop)
        if body:
            headers["Content-Length"] = str(len(body))
            payload.feed_data(body)
        payload.feed_eof()
        method = "POST" if how & 0x80 else "GET"
        try:
            request = make_mocked_request(
                method, path, headers, payload=payload, app=self.app, loop=self._loop
            )
        except ValueError:  # yarl's: no such request arrives
            return Told(400, "bad_request")
        response = await self.app._handle(request)
        assert isinstance(response, web.Response)
        assert response.headers["Cache-Control"] == "no-store"
        if response.status < 400:
            return Told(response.status, "")
        assert isinstance(response.body, bytes)
        told = json.loads(response.body)
        assert set(told) == {"code", "detail"}
        return Told(response.status, told["code"])

    def _log(self, how: int) -> bytes:
        return (self.stage.log, self.stage.directory, bytes(16), self.stage.log)[how & 3]

    def signed(self, code: str, how: int, data: bytes) -> bytes:
        """A submission that the person really signs: u16 size and header fields, then a body.

        Ids and heads are filled in, so that an input says the same on every world.
        """
        size = int.from_bytes(data[:2], "big")
        raw, body = data[2 : 2 + size], data[2 + size :]
        with suppress(ProtocolError):
            fields = decode_map(raw, max_size=4096)
            kind = fields.get("type")
            if not isinstance(kind, str):
                return data
            channel = ALERTS if how & 4 else RAID
            given: dict[str, Any] = {"chan": self.stage.chan(channel)} if "chan" in fields else {}
            for name in ("epoch", "kind", "prio", "ack_by", "re"):
                if name in fields:
                    given[name] = fields[name]
            if not how & 8:
                given["time"] = self.stage.clock()
            header = self.stage.header(code, kind, **given)
            return Submission.of(self.stage.sign(code, header, body)).encode()
        return data

    # -- the live socket ----------------------------------------------------------------------

    def live(self, data: bytes) -> str:
        """byte who; then frames, each byte kind (text, bytes), u16 size, content."""
        if not data:
            return ""
        code = self._loop.run_until_complete(self._speak(data[:MAX_INPUT]))
        self._expect_no_defect()
        assert code in CODES | {"", "close"}, code
        assert code != "internal", data
        return code

    async def _speak(self, data: bytes) -> str:
        who = WHO[data[0] % len(WHO)]
        ws = await self._http.ws_connect(self.stage.server.url + SOCKET, max_msg_size=1 << 22)
        codes: list[str] = []
        try:
            if who is not None:
                station = self.stage.station(who)
                auth = await session.live_auth(station.vault, station.transport)
                await ws.receive()  # engine.io's own greeting
                await ws.send_str("40" + json.dumps(auth))
                await ws.receive()
            with suppress(ConnectionError, aiohttp.ClientError, TimeoutError):
                for text, content in self.frames(data[1:]):
                    if text:
                        await ws.send_str(content.decode("utf-8", "replace"))
                    else:
                        await ws.send_bytes(content)
                while (message := await ws.receive(QUIET_S)).type in _DATA:
                    codes += _codes_in(message)
            with suppress(ConnectionError, aiohttp.ClientError):
                await ws.send_str(GOODBYE)
                async with asyncio.timeout(20):
                    async for message in ws:
                        codes += _codes_in(message)
        finally:
            await ws.close()
        assert "internal" not in codes, codes
        return codes[0] if codes else "close"

    def frames(self, data: bytes) -> list[tuple[bool, bytes]]:
        """What an input says; at most 16 frames."""
        found: list[tuple[bool, bytes]] = []
        while len(data) > 3 and len(found) < 16:
            size = int.from_bytes(data[1:3], "big")
            content, data = (data[0], data[3 : 3 + size]), data[3 + size :]
            found.append((bool(content[0] & 1), content[1]))
            if content[0] & 2:  # as a sound append of the log
                found[-1] = (False, self.stage.log + content[1])
        return found


def _codes_in(message: aiohttp.WSMessage) -> list[str]:
    """Codes of refusals in a Socket.IO packet."""
    packet = message.data
    if message.type is not aiohttp.WSMsgType.TEXT:
        return []
    start = packet.find("{")
    if start < 0:
        return []
    with suppress(ValueError, AttributeError, TypeError):
        told = json.JSONDecoder().raw_decode(packet[start:])[0]
        told = told.get("data", told)
        return [str(told["code"])] if "code" in told else []
    return []
