"""Where bad input is sent to: the real application on loopback, with real sessions.

A `Stage` of `tests.mallory` with everybody honest; only what is sent to it is not. `Answer` is
what came back, in whichever way the transport says it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from cencomm_client import session
from cencomm_client.plan import Admission, OperationPlan
from cencomm_crypto.public.entry import Entry, Head, Header
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.wire import Submission
from yarl import URL

from tests.mallory.harness import Stage
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    AUDITORS,
    BOT,
    CHIEF,
    HOUR_MS,
    MEMBERS,
    OFFICER,
    OUTSIDER,
)

CBOR, JSON = "application/cbor", "application/json"
SOCKET = "/v1/socket/?EIO=4&transport=websocket"
WAIT_S = 5.0
LATER = "later"  # a channel of the second operation that has not opened yet


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal: its code and sentence, and how the transport marked it ("403", "ack", "1008").

    A request that was taken has the code "taken", a connection that ended without a word "cut".
    """

    code: str
    detail: str
    mark: str


TAKEN = Answer("taken", "", "200")


@dataclass
class Bench:
    """One application with its people, and the ways to send it something."""

    stage: Stage
    http: aiohttp.ClientSession
    draft: LogId = field(default_factory=lambda: LogId(b""))
    pending: LogId = field(default_factory=lambda: LogId(b""))

    @classmethod
    async def prepare(cls, stage: Stage, http: aiohttp.ClientSession) -> Bench:
        """Open the people's devices; found an operation in draft, and one that waits for a
        rotation after a removal."""
        bench = cls(stage, http)
        await stage.look(*MEMBERS, BOT, OUTSIDER, *AUDITORS)
        chief, now = stage.clients[CHIEF], stage.clock()
        plan = OperationPlan(
            name="DRAFT", not_before=now - HOUR_MS, not_after=now + HOUR_MS, legal="none"
        )
        bench.draft = (await chief.create_operation(plan)).id
        waiting = await chief.create_operation(replace(plan, name="WAITING"))
        await waiting.create_channel(ALERTS)
        await waiting.create_channel(LATER, window=(now + HOUR_MS // 2, now + HOUR_MS))
        await waiting.admit([Admission(OFFICER, "officer"), Admission(ANALYST, "analyst")])
        await waiting.set_phase("prep")
        await waiting.set_phase("live")
        await waiting.channel(ALERTS).post("MSG", {"text": "to both"})
        await waiting.remove([ANALYST])
        bench.pending = waiting.id
        for code in MEMBERS:
            await stage.clients[code].refresh()
        return bench

    # -- heads --------------------------------------------------------------------------------

    def heads(self) -> dict[LogId, Head]:
        """Size and root of every log of the server."""
        logs = (self.stage.directory, self.stage.log, self.draft, self.pending)
        return {log: self.stage.head(log) for log in logs}

    # -- HTTP ---------------------------------------------------------------------------------

    def token(self, code: str) -> str:
        """The bearer token of a person's session."""
        token = self.stage.station(code).transport.token
        assert token is not None
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode()

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        by: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request as given."""
        sent = dict(headers or {})
        if by is not None:
            sent["Authorization"] = f"Bearer {self.token(by)}"
        if kind is not None:
            sent["Content-Type"] = kind
        url = URL(self.stage.server.url + path, encoded=True)
        skip = () if kind is not None else ("Content-Type",)
        async with self.http.request(
            method, url, data=body, headers=sent, skip_auto_headers=skip, allow_redirects=False
        ) as answer:
            return _http_answer(answer.status, dict(answer.headers), await answer.read())

    async def post_json(self, path: str, value: object, *, by: str | None = None) -> Answer:
        """One JSON body; bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return await self.ask("POST", path, body, by=by, kind=JSON)

    async def raw(self, *pieces: bytes, eof: bool = False, patience_s: float = WAIT_S) -> Answer:
        """Bytes on a bare connection, piece by piece; `eof`: then nothing more comes.

        A server that waits for more than came is left after `patience_s`.
        """
        host, _, port = self.stage.server.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if eof:
                writer.write_eof()
            head = b""
            with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience_s)
            if not head:
                return Answer("cut", "", "cut")
            first, _, rest = head.decode("latin-1").partition("\r\n")
            headers = dict(line.split(": ", 1) for line in rest.split("\r\n") if ": " in line)
            body = await reader.readexactly(int(headers["Content-Length"]))
            return _http_answer(int(first.split(" ")[1]), headers, body)
        finally:
            writer.close()

    # -- entries ------------------------------------------------------------------------------

    async def submit(
        self, by: str | None, submission: Submission | bytes, log: LogId | None = None
    ) -> Answer:
        """A submission to a log, MERIDIAN's if none is named."""
        data = submission if isinstance(submission, bytes) else submission.encode()
        path = f"/v1/logs/{(log or self.stage.log).hex()}/entries"
        return await self.ask("POST", path, data, by=by, kind=CBOR)

    async def post(
        self,
        by: str,
        entry: Entry,
        *,
        session_of: str | None = None,
        wraps: bytes = b"",
        shares: bytes = b"",
    ) -> Answer:
        """An entry to the log that it names, under its author's session or another's."""
        submission = Submission.of(entry, wraps, shares)
        log = entry.header.log or self.stage.directory
        return await self.submit(session_of or by, submission, log)

    def header(self, by: str, kind: str, **fields: Any) -> Header:
        """A sound header over the newest heads: of MERIDIAN, or of `log`."""
        log = fields.get("log", self.stage.log)
        fields.setdefault("seen", self.stage.head(log))
        return self.stage.header(by, kind, **fields)

    def control(self, by: str, kind: str, body: Mapping[str, Any], **fields: Any) -> Entry:
        """A control entry of MERIDIAN."""
        return self.stage.sign(by, self.header(by, kind, **fields), dict(body))

    def message(self, by: str = OFFICER, **fields: Any) -> Entry:
        """A sound message in `alerts`: sealed for real, signed, not sent."""
        return self.stage.message(by, ALERTS, "in order", **fields)

    def opaque(self, by: str, kind: str = "message", **fields: Any) -> Entry:
        """A message whose body is noise: the server judges headers, it cannot open bodies."""
        fields = {"chan": self.chan(), "epoch": 1, **fields}
        return self.stage.sign(by, self.header(by, kind, **fields), bytes(328))

    def directory_entry(self, by: str, kind: str, body: Mapping[str, Any]) -> Entry:
        """An entry of the directory."""
        return self.stage.station(by).author.directory_entry(kind, dict(body))

    def chan(self, name: str = ALERTS, log: LogId | None = None) -> ChannelId:
        """A channel's id."""
        mirror = self.stage.station(CHIEF).mirror
        found = mirror.operation(log or self.stage.log).state.channel_named(name)
        assert found is not None
        return found.id

    # -- the live socket ----------------------------------------------------------------------

    async def socket(
        self,
        *frames: str | bytes,
        by: str | None = OFFICER,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Frames on a live socket, after a sound connect unless `by` is None; what ended it or
        answered it."""
        url = self.stage.server.url + SOCKET
        try:
            ws = await self.http.ws_connect(url, headers=headers or {}, max_msg_size=1 << 22)
        except aiohttp.WSServerHandshakeError as error:
            return Answer(f"http {error.status}", "", str(error.status))
        try:
            if by is not None:
                station = self.stage.station(by)
                auth = await session.live_auth(station.vault, station.transport)
                await ws.send_str("40" + json.dumps(auth))
            for frame in frames:
                if isinstance(frame, str):
                    await ws.send_str(frame)
                else:
                    await ws.send_bytes(frame)
            return await asyncio.wait_for(_socket_answer(ws), WAIT_S)
        finally:
            await ws.close()


async def _socket_answer(ws: aiohttp.ClientWebSocketResponse) -> Answer:
    """The first acknowledgement, connect error or close; pushed frames do not count."""
    while True:
        message = await ws.receive()
        if message.type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.CLOSING,
        ):
            reason = message.extra if isinstance(message.extra, str) else ""
            code, _, detail = reason.partition(": ")
            mark = str(ws.close_code or "cut")
            return Answer(code or f"close {mark}", detail, mark)
        if message.type is aiohttp.WSMsgType.ERROR:
            return Answer(f"close {ws.close_code}", "", str(ws.close_code))
        if message.type is not aiohttp.WSMsgType.TEXT:
            continue
        if message.data.startswith("43"):
            (told,) = json.loads(re.sub(r"^43\d*", "", message.data))
            return Answer(told["code"], told["detail"], "ack")
        if message.data.startswith("46"):
            return Answer("taken", "", "ack")
        if message.data.startswith("44"):
            told = json.loads(message.data[2:])["data"]
            return Answer(told["code"], told["detail"], "connect")


def _http_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    if status < 400:
        return replace(TAKEN, mark=str(status))
    assert headers["Content-Type"] == JSON
    assert headers["Cache-Control"] == "no-store"
    told = json.loads(body)
    assert set(told) == {"code", "detail"}
    return Answer(told["code"], told["detail"], str(status))
