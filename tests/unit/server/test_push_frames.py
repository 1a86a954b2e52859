"""The bytes that the fan-out builds are those that the library would have sent."""

from __future__ import annotations

import asyncio

import pytest
import socketio.packet  # type: ignore[import-untyped]
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from cencomm_server.push.frames import (
    BINARY,
    TEXT,
    ack_frames,
    close_frame,
    event_frames,
    websocket_frame,
)
from engineio.packet import MESSAGE, Packet  # type: ignore[import-untyped]


async def read_messages(data: bytes) -> list[tuple[WSMsgType, object]]:
    """What a WebSocket client reads."""
    loop = asyncio.get_running_loop()
    queue = WebSocketDataQueue(BaseProtocol(loop), 1 << 24, loop=loop)
    reader = WebSocketReader(queue, 1 << 24, compress=False, decode_text=True)
    reader.feed_data(data)
    messages = []
    while queue._buffer:
        message = await queue.read()
        messages.append((message.type, message.data))
    return messages


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
async def test_a_frame_of_any_size_is_read_as_it_was_written(size: int) -> None:
    payload = bytes(size)
    frames = websocket_frame(BINARY, payload) + websocket_frame(TEXT, b"x" * size)
    assert await read_messages(frames) == [
        (WSMsgType.BINARY, payload),
        (WSMsgType.TEXT, "x" * size),
    ]


async def test_an_event_is_the_two_messages_that_the_library_makes() -> None:
    payload = bytes(range(256))
    text, attachment = socketio.packet.Packet(
        socketio.packet.EVENT, namespace="/", data=["entries", payload]
    ).encode()
    expected = [Packet(MESSAGE, text).encode(), Packet(MESSAGE, attachment).encode()]
    read = await read_messages(event_frames("entries", payload))
    assert [data for _, data in read] == expected


@pytest.mark.parametrize(
    "answer", [b"", bytes(range(256)) * 5, {"code": "too_busy", "detail": "\u00e4 \u202e"}]
)
@pytest.mark.parametrize("id", [0, 7, 10**14])
async def test_an_acknowledgement_is_what_the_library_makes(id: int, answer: object) -> None:
    made = socketio.packet.Packet(socketio.packet.ACK, namespace="/", id=id, data=[answer]).encode()
    parts = made if isinstance(made, list) else [made]
    read = await read_messages(ack_frames(id, answer))  # type: ignore[arg-type]
    assert [data for _, data in read] == [Packet(MESSAGE, part).encode() for part in parts]


async def test_a_close_reason_is_cut_to_what_a_control_frame_carries() -> None:
    ((kind, code),) = await read_messages(close_frame(1008, "ä" * 100))
    assert (kind, code) == (WSMsgType.CLOSE, 1008)
