"""What this server relies on inside python-socketio and engine.io (DESIGN 10.2): if a new version
changes one of these, this fails before anything else does."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import engineio  # type: ignore[import-untyped]
import socketio  # type: ignore[import-untyped]
from cencomm_server.push.library import Library, _Packet, _Queue
from cencomm_server.push.wire import _APPEND
from engineio.async_drivers import aiohttp as driver  # type: ignore[import-untyped]


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_versions_are_those_that_were_read() -> None:
    assert version("python-socketio").startswith("5.18.")
    assert version("python-engineio").startswith("4.15.")


def test_the_methods_that_are_overridden_exist_with_these_arguments() -> None:
    sio, eio = socketio.AsyncServer, engineio.AsyncServer
    assert parameters(sio._handle_eio_message) == ["self", "eio_sid", "data"]
    assert parameters(sio._handle_connect) == ["self", "eio_sid", "namespace", "data"]
    assert parameters(sio._handle_event) == ["self", "eio_sid", "namespace", "id", "data"]
    assert parameters(sio._handle_event_internal) == [
        "self", "server", "sid", "eio_sid", "data", "namespace", "id",
    ]  # fmt: skip
    assert parameters(sio._handle_eio_disconnect) == ["self", "eio_sid", "reason"]
    assert parameters(sio._engineio_server_class) == ["self"]
    assert parameters(eio.create_queue) == ["self", "args", "kwargs"]
    assert parameters(driver.WebSocket.__init__) == ["self", "handler", "server"]
    assert parameters(driver.WebSocket.send) == ["self", "message"]
    assert parameters(driver.WebSocket.wait) == ["self"]
    assert parameters(socketio.packet.Packet.decode) == ["self", "encoded_packet"]


def test_the_library_takes_the_driver_table_and_the_queue_from_the_server() -> None:
    source = inspect.getsource(engineio.async_socket.AsyncSocket._upgrade_websocket)
    assert "self.server._async['websocket'](\n            self._websocket_handler" in source
    assert "self.server.create_queue()" in inspect.getsource(engineio.base_socket.BaseSocket)


def test_two_servers_do_not_share_a_driver_table() -> None:
    first = Library(lambda handler, server: None, lambda sid: None)  # type: ignore[arg-type,return-value]
    assert driver._async["websocket"] is driver.WebSocket
    assert first.eio._async["websocket"] is not driver.WebSocket
    assert first.eio.transports == ["websocket"]
    assert not first.eio.http_compression
    assert not first.always_connect
    assert first.eio.max_http_buffer_size == 128 * 1024
    assert first.eio.cors_allowed_origins == []


async def test_the_end_mark_fits_into_a_full_queue() -> None:
    queue = _Queue(2)
    await queue.put("a")
    await queue.put("b")
    await queue.put(None)
    assert queue.get_nowait() is None


def test_a_client_sends_an_append_in_the_form_that_is_served_without_the_library() -> None:
    for id in (0, 1, 10**14):
        text, _ = socketio.packet.Packet(
            socketio.packet.EVENT, namespace="/", id=id, data=["append", b"log and submission"]
        ).encode()
        matched = _APPEND.fullmatch(engineio.packet.Packet(4, text).encode())
        assert matched is not None
        assert int(matched[1]) == id


def test_more_than_one_attachment_is_refused() -> None:
    """A35: the library would keep up to 10**10 parts of one event."""
    _Packet(encoded_packet='51-["append",{"_placeholder":true,"num":0}]')
    for count in ("2", "9999999999"):
        try:
            _Packet(encoded_packet=f'5{count}-["append"]')
        except ValueError:
            continue
        raise AssertionError(f"{count} attachments were accepted")
