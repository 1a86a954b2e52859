"""An operation of the size to plan for, once through (DESIGN 1): `make bench SCALE=1`.

150 administrations with 3,000 persons and devices, 20 channels of everybody, 20,000 messages by
64 posters while members listen live, then one member that reads and verifies all of it. No bars:
the figures say what a deployment needs.
"""

from __future__ import annotations

import asyncio
import http.client
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.wire import decode_sequenced_stream

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.frame import Row
from tests.bench.load import Room
from tests.bench.places import serving
from tests.bench.processes import held_kb, peak_kb
from tests.bench.town import Town, enlist, log_in, operate, rotate
from tests.conftest import PROGRAM
from tests.support.server_process import PostedDirectory, ServerProcess

PAYLOAD_BYTES = 600
ROUND = 1_000  # messages prepared at a time
READ_S = 600.0


def scale(
    *,
    administrations: int = 150,
    devices: int = 3_000,
    channels: int = 20,
    messages: int = 20_000,
    posters: int = 64,
    program: Path = PROGRAM,
) -> Iterator[Row]:
    """Every step in order, each timed by itself."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
        with pinned(SERVING):
            process = stack.enter_context(
                serving(folder, program, rotations_per_hour=max(60, channels))
            )
        stack.enter_context(pinned(LOAD))
        began = started = time.perf_counter()
        directory = PostedDirectory(process)
        people = enlist(process, directory, administrations, devices)
        taken = time.perf_counter() - started
        yield Row(f"{administrations} administrations, {devices:,} devices enrolled", taken, "s")
        yield Row("the same", (administrations + devices) / taken, "posts/s")

        started = time.perf_counter()
        log_in(process, directory, people[:posters])
        town = operate(process, directory, people, PAYLOAD_BYTES)
        for number in range(1, channels):
            chan = town.operation.channel(f"work {number}")
            town.add(chan, rotate(town.operation, directory, chan, people[0]))
        taken = time.perf_counter() - started
        yield Row(f"{channels} channels rotated for {devices:,} devices each", taken, "s")

        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        room = Room(town)
        runner.run(room.grow(posters))
        taken = 0.0
        for start in range(0, messages, ROUND):
            count = min(ROUND, messages - start)
            taken += count / runner.run(room.append(count))
        name = f"{messages:,} messages by {posters} posters, each a listener"
        yield Row(name, messages / taken, "/s")
        yield Row("the server's memory then", held_kb(process.pid) / 1000, "MB")
        yield Row("its peak", peak_kb(process.pid) / 1000, "MB")
        room.close()

        started = time.perf_counter()
        pages, size = read_all(process, town)
        taken = time.perf_counter() - started
        yield Row("one member reads the log", taken, "s")
        yield Row("its bytes", sum(map(len, pages)) / 1e6, "MB")
        started = time.perf_counter()
        verify(town, pages, size)
        yield Row("and verifies it", time.perf_counter() - started, "s")

        process.stop()
        started = time.perf_counter()
        with pinned(SERVING):
            process.start()
        read_all(process, town, after=size - 1)
        yield Row("a restart, until the log is served again", time.perf_counter() - started, "s")
        yield Row("all of it", time.perf_counter() - began, "s")


def read_all(process: ServerProcess, town: Town, after: int = 0) -> tuple[list[bytes], int]:
    """Every page of the log as the last of the posters is given it, and the log's size."""
    token = urlsafe_b64encode(town.token(1)).rstrip(b"=").decode()
    link = http.client.HTTPConnection("127.0.0.1", process.port, timeout=READ_S)
    pages: list[bytes] = []
    size = after + 1
    while after < size:
        path = f"/v1/logs/{town.log.hex()}/entries?after={after}"
        link.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        pages.append(answer.read())
        assert answer.status == 200, pages[-1]
        after, size = (int(answer.headers[f"X-Cencomm-{name}"]) for name in ("Next", "Size"))
    link.close()
    return pages, size


def verify(town: Town, pages: list[bytes], size: int) -> None:
    """Replay everything over the directory, as a member that joins late does."""
    log = OperationLog(town.directory.log)
    for page in pages:
        for item in decode_sequenced_stream(page):
            result = log.apply(item)
            assert not isinstance(result, Rejected), result
    assert log.size == size
