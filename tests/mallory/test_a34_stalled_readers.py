"""A34: a slow or stalled reader fills the server's memory. It gets heads, then nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from cencomm_server.events import SOCKET_PATH
from cencomm_server.push.sockets import LiveSockets
from cencomm_server.push.wire import Wire

from tests.mallory.harness import Stage, Stages
from tests.mallory.rawsocket import auth_of
from tests.mallory.world import ALERTS, ANALYST, CHIEF, DEPUTY, MEMBERS, OFFICER
from tests.support.waiting import until

BUFFER = 16 * 1024  # the smallest that the setting allows
STALL_S = 0.6
FRAME = 256 * 1024  # the largest frame that one commit may be
COUNT = 40
LONG = "y" * 40_000


class Deaf:
    """A member's live socket with a small window of its own, which reads only when told to."""

    async def connect(self, stage: Stage, code: str) -> None:
        """Upgrade and authenticate; then read no more."""
        where = urlsplit(stage.server.url)
        bare = socket.socket()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bare.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(bare, (where.hostname, where.port))
        self.reader, self.writer = await asyncio.open_connection(sock=bare, limit=4096)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET {SOCKET_PATH}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"\r\n\r\n")
        auth = b"40" + json.dumps(await auth_of(stage, code)).encode()
        head = bytes((0x81, 0x80 | 126)) + len(auth).to_bytes(2, "big")
        self.writer.write(head + bytes(4) + auth)
        await self.reader.readuntil(b"40{")
        self.transport.pause_reading()

    @property
    def transport(self) -> Any:
        return self.writer.transport


def wires_of(stage: Stage, code: str) -> list[Wire]:
    """The server's ends of a person's live sockets."""
    sockets, device = stage.server.part(LiveSockets), stage.station(code).vault.device
    return [live.wire for live in sockets._live.values() if live.reader.device == device]


@pytest.mark.parametrize("deaf", [False, True], ids=["honest", "stalled"])
async def test_a_reader_that_stops_reading(stages: Stages, deaf: bool) -> None:
    """The analyst's socket takes nothing while the others go on: bounded, then ended by rule;
    and it finds everything by its cursor when it comes back."""
    impatient = partial(LiveSockets, stall_s=STALL_S)
    async with stages(LiveSockets=impatient, settings={"socket_buffer_bytes": BUFFER}) as stage:
        await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            await stage.clients[code].go_live()
        analyst = Deaf()
        if deaf:
            await analyst.connect(stage, ANALYST)
        else:
            await stage.clients[ANALYST].go_live()
        await until(lambda: wires_of(stage, ANALYST))
        (wire,) = wires_of(stage, ANALYST)
        transport = wire._transport
        assert transport is not None
        kernel = transport.get_extra_info("socket")  # holds little itself, so that it shows soon
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        most, channel = 0, (await stage.operation(OFFICER)).channel(ALERTS)
        for number in range(COUNT):
            await channel.post("MSG", {"text": f"{number} {LONG}"})
            most = max(most, transport.get_write_buffer_size())
            assert len(wire._heads) <= 2  # the directory's and the operation's, the newest
        assert most <= BUFFER + FRAME
        await until(lambda: all(heard(stage, code) == COUNT for code in (CHIEF, DEPUTY)))
        if deaf:
            await until(lambda: wire.closed and transport.is_closing())
            assert heard(stage, ANALYST) == 0
            analyst.transport.abort()
            await stage.look(ANALYST)
        await until(lambda: heard(stage, ANALYST) == COUNT)
        stage.quiet()


def heard(stage: Stage, code: str) -> int:
    return sum(text.endswith(LONG) for text in stage.texts(code))
