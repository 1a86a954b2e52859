"""A TCP proxy on loopback that a test makes slow, deaf, rude or a liar, while others talk over it.

async with proxy(port) as wire:
    wire.delay_s = 0.2            # each way, from now on
    wire.freeze()                 # connections stay open, and nothing passes: half-open
    wire.thaw()
    wire.reset()                  # every connection ends in a RST
    wire.replies = garble         # what the far side answers goes through this function
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

CHUNK = 1 << 16


class Proxy:
    """Forwards to one port of 127.0.0.1; `refusing` takes no connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        self.refusing = False
        self.replies: Callable[[bytes], bytes] | None = None
        self.connections = 0  # ever
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        self.thaw()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in tuple(self._writers):
            writer.close()

    def freeze(self) -> None:
        """Nothing passes any more, in no direction; nobody is told."""
        self._open.clear()

    def thaw(self) -> None:
        """What was held goes on."""
        self._open.set()

    def reset(self) -> None:
        """End every connection with a RST, so that what was in flight is lost at both ends."""
        for writer in tuple(self._writers):
            transport = writer.transport
            raw = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            if self.refusing:
                return
            answers, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(far)
            both = [
                asyncio.ensure_future(self._pass(reader, far, replies=False)),
                asyncio.ensure_future(self._pass(answers, writer, replies=True)),
            ]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in both:
                    way.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        while data := await source.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._open.wait()
            if replies and self.replies is not None:
                data = self.replies(data)
            sink.write(data)
            await sink.drain()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy in front of `target`, until the block ends."""
    made = Proxy(target)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
