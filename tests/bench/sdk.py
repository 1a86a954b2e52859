"""Posting by the route that the SDK takes when it is not connected live: its own transport."""

from __future__ import annotations

import asyncio
import time

from cencomm_client.transport import Transport
from cencomm_crypto.public.wire import Submission

from tests.bench.load import PATIENCE_S
from tests.bench.sockets import FIRST
from tests.bench.town import Town

_FIRST = FIRST + 50_000_000  # numbers apart from those of the rooms


class Posters:
    """The first members, each with an HTTP session of the SDK's and one post in flight."""

    def __init__(self, town: Town, url: str, count: int) -> None:
        self._town = town
        self._transports = [Transport(url) for _ in range(count)]
        for member, transport in enumerate(self._transports):
            transport.token = town.token(member)
        self._next = _FIRST

    async def append(self, count: int) -> float:
        """Acknowledged entries per second; each receipt is parsed as the SDK parses it."""
        queues: list[list[Submission]] = [[] for _ in self._transports]
        for number in range(count):
            member = number % len(queues)
            queues[member].append(self._town.submission(member, self._next + number))
        self._next += count

        async def post(transport: Transport, queue: list[Submission]) -> None:
            for submission in queue:
                await transport.append(self._town.log, submission)

        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*map(post, self._transports, queues))
        return count / (time.perf_counter() - started)

    async def close(self) -> None:
        """Close every session."""
        await asyncio.gather(*(transport.close() for transport in self._transports))
