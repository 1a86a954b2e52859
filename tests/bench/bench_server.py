"""The real server on its embedded store beside `raw-batch` on the same store.

Both take, store durably, acknowledge and deliver the same messages; ours also checks signature
and rights, keeps the tree, signs a checkpoint a batch and lets every reader see only its own.
Turn and turn about, medians; server and store on one core, the load on the other.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from motor.motor_asyncio import AsyncIOMotorClient

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.frame import Row
from tests.bench.load import Room
from tests.bench.peer import MISSING, NAME, raw_batch
from tests.bench.town import settle, store_uri
from tests.conftest import PROGRAM
from tests.support.server_process import ServerProcess

PAYLOAD_BYTES = 600
IN_FLIGHT = 32
ROUNDS = 3

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]


class Match:
    """The rooms of both servers, ours first, and rounds in which they take turns."""

    def __init__(self, runner: asyncio.Runner, rooms: Sequence[Room], rounds: int) -> None:
        self._runner, self._rooms, self._rounds = runner, rooms, rounds

    def of_rooms(
        self, members: int, phase: Callable[[Room], Coroutine[Any, Any, T]], *more: Call[T]
    ) -> list[list[T]]:
        """What each room, grown to so many members, gave in all rounds; then what `more` gave."""
        for room in self._rooms:
            self._runner.run(room.grow(members))
        calls: list[Call[T]] = [*(partial(phase, room) for room in self._rooms), *more]
        results: list[list[T]] = [[] for _ in calls]
        for _ in range(self._rounds):
            for call, kept in zip(calls, results, strict=True):
                gc.collect()
                kept.append(self._runner.run(call()))
        return results


def server(
    *,
    few: int = 10,
    posters: int = 64,
    many: int = 200,
    messages: int = 2_000,
    rounds: int = ROUNDS,
    program: Path = PROGRAM,
) -> Iterator[Row]:
    """Deliveries, delays and acknowledgements; `messages` is what a phase posts in one round."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
        with pinned(SERVING):
            process = stack.enter_context(ServerProcess(folder, program))
            uri = store_uri(process)
            yardstick = stack.enter_context(raw_batch(uri, folder / "peer.log", PAYLOAD_BYTES))
        stack.enter_context(pinned(LOAD))
        rooms = [Room(settle(process, many, PAYLOAD_BYTES))]
        if yardstick is not None:
            rooms.append(Room(yardstick))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        match = Match(runner, rooms, rounds)

        flood = partial(Room.deliver, count=messages, in_flight=IN_FLIGHT)
        one_by_one = partial(Room.deliver, count=messages // 4, in_flight=1)
        append = partial(Room.append, count=messages)
        singly = partial(insert_singly, uri, messages, posters)

        yield _rates(f"deliveries to {few} members, {IN_FLIGHT} in flight", match, few, flood)
        delays = [[taken for _, taken in kept] for kept in match.of_rooms(few, one_by_one)]
        for share in (50, 99):
            found = [[_percentile(taken, share) for taken in kept] for kept in delays]
            yield _compared(f"post to last of {few} deliveries, p{share}", "ms", found)
        *found, single = match.of_rooms(posters, append, singly)
        yield _compared(f"acknowledged, {posters} members posting", "/s", found)
        beside = f"{posters} insert_one at once"
        yield _compared("the same beside bare inserts", "/s", [found[0], single], beside)
        yield _rates(f"deliveries to {many} members, {IN_FLIGHT} in flight", match, many, flood)
        for room in rooms:
            room.close()


def _rates(
    name: str,
    match: Match,
    members: int,
    phase: Callable[[Room], Coroutine[Any, Any, tuple[float, list[float]]]],
) -> Row:
    found = match.of_rooms(members, phase)
    return _compared(name, "/s", [[rate for rate, _ in kept] for kept in found])


def _compared(name: str, unit: str, found: Sequence[Sequence[float]], yardstick: str = NAME) -> Row:
    medians = [statistics.median(kept) for kept in found]
    if len(medians) == 1:
        return Row(name, medians[0], unit, MISSING)
    return Row(name, medians[0], unit, yardstick, medians[1])


def _percentile(ordered_s: Sequence[float], share: int) -> float:
    """In milliseconds."""
    return 1e3 * ordered_s[min(len(ordered_s) - 1, len(ordered_s) * share // 100)]


async def insert_singly(uri: str, count: int, at_once: int) -> float:
    """Documents per second with one insert_one each, so many at once, as durably as ours."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        f"{uri}&w=majority&journal=true", maxPoolSize=at_once
    )
    try:
        collection = client["bench"]["single"]
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
