"""Socket.IO events as the bytes that go onto the socket, built once for all who get them.

A server's WebSocket frames are not masked, so one byte string serves every member (DESIGN 10).
An event with one binary payload is two messages: engine.io `4` + Socket.IO `51-["name",{...}]`
as text, then the payload as a binary message. Tests hold this against the library's own encoder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8
_FIN = 0x80
_MAX_REASON = 123  # bytes: a control frame carries 125, two of them are the code


def websocket_frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked, uncompressed, unfragmented frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def event_frames(name: str, payload: bytes) -> bytes:
    """Both frames of the event `name` with one binary argument, back to back."""
    return _announcement(name) + websocket_frame(BINARY, payload)


@cache
def _announcement(name: str) -> bytes:
    """The text frame of an event of this server, always the same."""
    packet = "451-" + json.dumps([name, {"_placeholder": True, "num": 0}], separators=(",", ":"))
    return websocket_frame(TEXT, packet.encode("ascii"))


def ack_frames(id: int, answer: bytes | Mapping[str, object]) -> bytes:
    """The acknowledgement of the event `id`: bytes as an attachment, anything else as JSON."""
    if isinstance(answer, bytes):
        packet = b'461-%d[{"_placeholder":true,"num":0}]' % id
        return websocket_frame(TEXT, packet) + websocket_frame(BINARY, answer)
    packet = b"43%d" % id + json.dumps([answer], separators=(",", ":")).encode("ascii")
    return websocket_frame(TEXT, packet)


def close_frame(code: int, reason: str) -> bytes:
    """A WebSocket close frame with a reason of at most 123 bytes."""
    text = reason.encode("utf-8")[:_MAX_REASON].decode("utf-8", "ignore").encode("utf-8")
    return websocket_frame(CLOSE, code.to_bytes(2, "big") + text)
