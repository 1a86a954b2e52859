"""A live socket spoken by hand, for what no client library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import WSMsgType
from cencomm_client import session
from cencomm_server.events import SOCKET_PATH

from tests.mallory.harness import Stage

ENGINE_OPEN, CONNECTED, ANSWER, REFUSED = "0", "40", "43", "44"


class RawSocket:
    """Engine.io 4 and Socket.IO 5 text and binary messages as they are on the wire."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def connect(self, auth: Mapping[str, Any]) -> str:
        """Send the connect packet: "" when accepted, else the code of the refusal."""
        await self.send("40" + json.dumps(auth))
        answer = await self.read()
        assert answer is not None
        if answer.startswith(REFUSED):
            told = json.loads(answer[2:])
            return str((told.get("data") or told)["code"])
        assert answer.startswith(CONNECTED), answer
        return ""

    async def read(self, timeout_s: float = 5.0) -> str | None:
        """The next text message; None at the end of the connection."""
        async with asyncio.timeout(timeout_s):
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    return str(message.data)
        return None

    async def end_or_answer(self, timeout_s: float = 5.0) -> str:
        """The code that ends the connection, or of the refusal that keeps it."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self._socket.receive()
                if message.type is WSMsgType.TEXT and message.data.startswith(ANSWER):
                    told = json.loads(message.data[message.data.index("[") :])
                    return str(told[0]["code"])
                if message.type is WSMsgType.CLOSE:
                    return str(message.extra)
                if message.type in (WSMsgType.CLOSED, WSMsgType.ERROR):
                    return ""

    async def end(self, timeout_s: float = 5.0) -> str:
        """Wait for the server to end the connection: the reason that it gives."""
        reason = ""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self._socket.receive()
                if message.type is WSMsgType.CLOSE:
                    reason = str(message.extra)
                if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
                    return reason


@asynccontextmanager
async def raw_socket(
    stage: Stage, *, query: str = "EIO=4&transport=websocket", origin: str | None = None
) -> AsyncIterator[RawSocket]:
    """Open a WebSocket and read the engine's greeting; raises aiohttp.WSServerHandshakeError."""
    headers = {} if origin is None else {"Origin": origin}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{stage.server.url}{SOCKET_PATH}/?{query}", headers=headers, max_msg_size=0
        ) as socket,
    ):
        made = RawSocket(socket)
        greeting = await made.read()
        assert greeting is not None
        assert greeting.startswith(ENGINE_OPEN)
        yield made


async def auth_of(stage: Stage, code: str) -> dict[str, Any]:
    """What this person's client sends to open a live socket: token and a fresh signed challenge."""
    station = stage.station(code)
    return await session.live_auth(station.vault, station.transport)
