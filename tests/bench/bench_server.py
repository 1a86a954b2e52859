"""The real server on its embedded store beside `raw-batch` on the same store.

Both take, store durably, acknowledge and deliver the same messages; ours also checks signature
and rights, keeps the tree, signs a checkpoint a batch and lets every reader see only its own.
Turn and turn about, medians; server and store on one core, the load on the other.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from motor.motor_asyncio import AsyncIOMotorClient

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.ejabberd import ejabberd_row
from tests.bench.frame import Bar, Row
from tests.bench.load import Room
from tests.bench.match import Match, percentile
from tests.bench.peer import raw_batch
from tests.bench.places import as_durable, database_of, serving, store_uri
from tests.bench.sdk import Posters
from tests.bench.town import settle
from tests.conftest import PROGRAM

PAYLOAD_BYTES = 600
IN_FLIGHT = 32
ROUNDS = 3
# The yardstick writes however much waits. With the usual 64 KiB a member that this busy machine
# holds up for a moment is told to pull, and is no longer measured.
BUFFER_BYTES = 16 << 20
PACE = 50.0  # posts a second of a busy operation
PACED_S = 6

# What it must reach: the issue that asked for these benches names them.
MANY_RATE = Bar(0.75, at_least=True)
ONE_DELAY = Bar(2)
PACED_DELAY = Bar(3)
POSTED = Bar(1, at_least=True)
POSTED_LIVE = "the same beside bare inserts"
POSTED_BY_HTTP = "acknowledged, SDK posters by HTTP"


def server(
    *,
    few: int = 10,
    posters: int = 64,
    many: int = 200,
    messages: int = 2_000,
    rounds: int = ROUNDS,
    program: Path = PROGRAM,
    peers: bool = True,
    best: bool = False,
) -> Iterator[Row]:
    """Deliveries, delays and acknowledgements; `messages` is what a phase posts in one round."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
        with pinned(SERVING):
            process = stack.enter_context(
                serving(folder, program, socket_buffer_bytes=BUFFER_BYTES)
            )
            uri = store_uri(process)
            yardstick = stack.enter_context(raw_batch(uri, folder / "peer.log", PAYLOAD_BYTES))
        stack.enter_context(pinned(LOAD))
        town = settle(process, max(many, posters), PAYLOAD_BYTES)
        rooms = [Room(town)]
        if yardstick is not None:
            rooms.append(Room(yardstick))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        match = Match(runner, rooms, rounds, best=best)

        flood = partial(Room.deliver, count=messages, in_flight=IN_FLIGHT)
        one_by_one = partial(Room.deliver, count=messages // 4, in_flight=1)
        paced_count = min(messages, int(PACE * PACED_S))
        paced = partial(Room.deliver, count=paced_count, in_flight=IN_FLIGHT, per_s=PACE)
        append = partial(Room.append, count=messages)
        singly = partial(insert_singly, uri, database_of(process), messages, posters)
        sdk = Posters(town, process.url, posters)

        yield _rates(f"deliveries to {few} members, {IN_FLIGHT} in flight", match, few, flood)
        delays = [[taken for _, taken in kept] for kept in match.of_rooms(few, one_by_one)]
        name = f"one post in flight, to the last of {few} deliveries"
        yield _delays(match, f"{name}, p50", delays, 50, ONE_DELAY)
        yield _delays(match, f"{name}, p99", delays, 99)
        *found, single = match.of_rooms(posters, append, singly)
        yield match.compared(f"acknowledged, {posters} members posting live", "/s", found)
        beside = f"{posters} insert_one at once"
        yield match.compared(POSTED_LIVE, "/s", [found[0], single], beside, POSTED)
        both = match.of([partial(sdk.append, messages), singly])
        yield match.compared(POSTED_BY_HTTP, "/s", both, beside, POSTED)
        found = [[rate for rate, _ in kept] for kept in match.of_rooms(many, flood)]
        name = f"deliveries to {many} members, {IN_FLIGHT} in flight"
        yield match.compared(name, "/s", found, bar=MANY_RATE)
        if peers:
            ours = partial(_rate, Room.deliver, rooms[0], messages)
            yield ejabberd_row(match, ours, many, found)
        delays = [[taken for _, taken in kept] for kept in match.of_rooms(many, paced)]
        name = f"{PACE:g} posts/s, to the last of {many} deliveries"
        yield _delays(match, f"{name}, p50", delays, 50)
        yield _delays(match, f"{name}, p99", delays, 99, PACED_DELAY)
        runner.run(sdk.close())
        for room in rooms:
            room.close()


async def _rate(
    deliver: Callable[..., Coroutine[Any, Any, tuple[float, list[float]]]], room: Room, count: int
) -> float:
    rate, _ = await deliver(room, count=count, in_flight=IN_FLIGHT)
    return rate


def _rates(
    name: str,
    match: Match,
    members: int,
    phase: Callable[[Room], Coroutine[Any, Any, tuple[float, list[float]]]],
) -> Row:
    found = match.of_rooms(members, phase)
    return match.compared(name, "/s", [[rate for rate, _ in kept] for kept in found])


def _delays(
    match: Match, name: str, delays: list[list[list[float]]], share: int, bar: Bar | None = None
) -> Row:
    found = [[percentile(taken, share) for taken in kept] for kept in delays]
    return match.compared(name, "ms", found, bar=bar)


async def insert_singly(uri: str, database: str, count: int, at_once: int) -> float:
    """Documents per second with one insert_one each, so many at once, as durably as ours."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        as_durable(uri), maxPoolSize=at_once
    )
    try:
        collection = client[database]["single"]
        await collection.create_index([("room", 1), ("seq", 1)])
        text, numbers = os.urandom(PAYLOAD_BYTES), iter(range(count))

        async def insert() -> None:
            for number in numbers:
                await collection.insert_one({"room": "bench", "seq": number, "p": text})

        started = time.perf_counter()
        await asyncio.gather(*(insert() for _ in range(at_once)))
        return count / (time.perf_counter() - started)
    finally:
        client.close()
