"""What a connection holds while nothing happens, and what 200 that do not read cost (A34)."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.frame import Bar, Row
from tests.bench.load import Room
from tests.bench.places import serving
from tests.bench.processes import held_kb, peak_kb
from tests.bench.sockets import Connection
from tests.bench.town import Town, settle
from tests.conftest import PROGRAM
from tests.support.server_process import ServerProcess

PAYLOAD_BYTES = 600
IN_FLIGHT = 32
PER_MEMBER = 3  # idle connections; a device may have four
WARM = 20
CALM_S = 2.0
IDLE = Bar(48, on_value=True)
STALLED_MB = Bar(20, on_value=True)


def memory(
    *, members: int = 200, posts: int = 10_000, calm_s: float = CALM_S, program: Path = PROGRAM
) -> Iterator[Row]:
    """Idle connections in one server, stalled ones in a second beside a third without them."""
    with ExitStack() as stack:
        process, town, runner = _serve(stack, members, program)
        each = runner.run(_idle(process, town, members, calm_s))
        count = members * PER_MEMBER
        yield Row(f"an idle connection of a member, of {count}", each, "kB", bar=IDLE)
    peaks: list[float] = []
    for stalled in (0, members):
        with ExitStack() as stack:
            process, town, runner = _serve(stack, members, program)
            runner.run(_flood(town, stalled, posts))
            peaks.append(peak_kb(process.pid) / 1000)
    name = f"{posts:,} posts with {members} stalled sockets, more than without"
    yield Row(name, peaks[1] - peaks[0], "MB", "peak without", peaks[0], STALLED_MB)


def _serve(
    stack: ExitStack, members: int, program: Path
) -> tuple[ServerProcess, Town, asyncio.Runner]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
    with pinned(SERVING):
        process = stack.enter_context(serving(folder, program))
    stack.enter_context(pinned(LOAD))
    runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
    return process, settle(process, members, PAYLOAD_BYTES), runner


async def _idle(process: ServerProcess, town: Town, members: int, calm_s: float) -> float:
    """kB per connection, once what the first ones loaded is there."""
    held = [await town.join(member % members) for member in range(min(WARM, members))]
    await asyncio.sleep(calm_s)
    before = held_kb(process.pid)
    count = members * PER_MEMBER
    held += [await town.join(member % members) for member in range(count)]
    await asyncio.sleep(calm_s)
    each = (held_kb(process.pid) - before) / count
    _close(held)
    return each


async def _flood(town: Town, stalled: int, posts: int) -> None:
    """One member posts and reads; the stalled ones joined, and read nothing from then on."""
    held = [await town.join(1 + member % (town.size - 1)) for member in range(stalled)]
    for connection in held:
        connection.transport.pause_reading()
    room = Room(town)
    await room.grow(1)
    for start in range(0, posts, 1000):
        gc.collect()
        await room.deliver(min(1000, posts - start), in_flight=IN_FLIGHT)
    room.close()
    _close(held)


def _close(held: Sequence[Connection]) -> None:
    for connection in held:
        connection.close()
