"""Load on a server that orders and delivers messages: floods, closed loops, and their measures."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.bench.sockets import FIRST, Connection

PATIENCE_S = 120.0
PREPARED_ALIVE = 100  # messages prepared between two signs of life


@dataclass(frozen=True, slots=True)
class Post:
    """A message ready to be sent: who, its number, and its bytes on the wire."""

    member: int
    number: int
    frames: bytes


class Side(Protocol):
    """One of the servers that are compared."""

    async def join(self, member: int) -> Connection:
        """Connect as a member, who is sent everything from now on."""

    def prepare(self, member: int, number: int) -> bytes:
        """The bytes with which a member posts the message of this number."""

    @property
    def alive(self) -> bytes:
        """What a member sends now and then, so that it is not taken for gone."""


class Deliveries:
    """Counts who has got which message; `missing` becomes none when all have got all."""

    def __init__(self, members: int) -> None:
        self._members = members
        self._got: defaultdict[int, int] = defaultdict(int)
        self.done: dict[int, float] = {}  # number -> when the last member got it
        self._waiting: tuple[int, asyncio.Future[None]] | None = None

    def count(self, number: int) -> None:
        """One member got one message."""
        got = self._got[number] = self._got[number] + 1
        if got == self._members:
            self.done[number] = time.perf_counter()
            if self._waiting is not None and len(self.done) >= self._waiting[0]:
                self._waiting[1].set_result(None)
                self._waiting = None

    async def all_of(self, messages: int) -> None:
        """Wait until every member got so many messages."""
        if len(self.done) < messages:
            self._waiting = (messages, asyncio.get_running_loop().create_future())
            async with asyncio.timeout(PATIENCE_S):
                await self._waiting[1]


class Room:
    """The members of one server; `grow` lets more of them join."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._members: list[Connection] = []
        self._next = FIRST

    async def grow(self, size: int) -> None:
        """Let members join until there are `size`."""
        while len(self._members) < size:
            self._members.append(await self._side.join(len(self._members)))

    def close(self) -> None:
        """End every connection."""
        for member in self._members:
            member.close()

    async def prepare(self, count: int, posters: int) -> list[Post]:
        """Messages by the first `posters` members in turn; made before anything is measured."""
        posts: list[Post] = []
        for number in range(self._next, self._next + count):
            if len(posts) % PREPARED_ALIVE == 0:
                await self.say_alive()
            member = number % posters
            posts.append(Post(member, number, self._side.prepare(member, number)))
        self._next += count
        await self.say_alive()
        return posts

    async def say_alive(self) -> None:
        """Let nobody be taken for gone, however slow this process is."""
        for member in self._members:
            member.transport.write(self._side.alive)
        await asyncio.sleep(0)

    async def deliver(
        self, count: int, *, in_flight: int, per_s: float = 0
    ) -> tuple[float, list[float]]:
        """The first member posts `count` messages, `in_flight` at a time, at most `per_s`.

        Deliveries per second until the last member got the last one; seconds from each post to
        its last delivery, sorted.
        """
        posts, seen = await self.prepare(count, 1), Deliveries(len(self._members))
        for place, member in enumerate(self._members):
            member.listen(seen.count, posts=place == 0)
        sent: dict[int, float] = {}
        queue = deque(posts)

        async def send() -> None:
            while queue:
                post = queue.popleft()
                if per_s:
                    due = started + (count - len(queue) - 1) / per_s
                    await asyncio.sleep(due - time.perf_counter())
                sent[post.number] = time.perf_counter()
                await self._members[0].post(post.number, post.frames)

        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(send() for _ in range(in_flight)))
        await seen.all_of(count)
        ended = max(seen.done.values())
        taken = sorted(seen.done[number] - at for number, at in sent.items())
        return count * len(self._members) / (ended - started), taken

    async def append(self, count: int) -> float:
        """All members post at once, each with one in flight; acknowledged messages per second."""
        posts = await self.prepare(count, len(self._members))
        queues: list[list[Post]] = [[] for _ in self._members]
        for post in posts:
            queues[post.member].append(post)
        for member in self._members:
            member.listen(None, posts=True)

        async def send(member: Connection, queue: Sequence[Post]) -> None:
            for post in queue:
                await member.post(post.number, post.frames)

        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*map(send, self._members, queues))
        return count / (time.perf_counter() - started)
