"""Bad input by the thousand: sockets that never speak, and writers that take for ever (A35).

Memory stays bounded, others are served as before, each kind shows in the metrics, and the bound on
connections holds. Everything at once, because what ends them are times.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from cencomm_server.http.gate import BODY_TIMEOUT_S
from cencomm_server.http.listener import HEAD_S, SILENT_S, files_at_most

from tests.support.server_process import ServerProcess
from tests.support.throttles import UNLIMITED

pytestmark = pytest.mark.alone
SILENT = 10_000
SLOW = 100  # of each kind
ROOM_BYTES = 50 << 20  # 5 kB each; measured: 1.3 kB, and 200 slow ones
ASKED = 300
WORSE, SLACK_S = 1.2, 0.020  # the bound, and what a busy machine adds to any p99
LATE_S = 15.0

SLOW_HEAD = b"GET /v1/info HTTP/1.1\r\nHost: x\r\nX-Slow: "
SLOW_BODY = (
    b"POST /v1/directory/entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\n"
    b"Content-Length: 1000\r\n\r\n"
)


@pytest.fixture
def server(embedded_program: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    # all comes from one address, and the faster the machine, the more of it
    settings = {"metrics_listen": "127.0.0.1:0", **UNLIMITED}
    with ServerProcess(tmp_path, embedded_program, **settings) as process:
        yield process


@asynccontextmanager
async def crowd(port: int, size: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """So many open connections that say nothing."""
    writers: list[asyncio.StreamWriter] = []
    gate = asyncio.Semaphore(200)

    async def connect() -> None:
        async with gate:
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writers.append(writer)

    try:
        await asyncio.gather(*(connect() for _ in range(size)))
        yield writers
    finally:
        for writer in writers:
            writer.transport.abort()


async def dribble(port: int, beginning: bytes) -> None:
    """Send a byte now and then until the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(beginning)
    with contextlib.suppress(OSError):
        while not reader.at_eof():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read()
            writer.write(b"a")
            await writer.drain()
    writer.transport.abort()


@contextmanager
def asking(server: ServerProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def p99_s(server: ServerProcess) -> float:
    """The better of three: noise only ever adds."""
    found = []
    with asking(server) as connection:
        for _ in range(3):
            taken = []
            for _ in range(ASKED):
                began = time.perf_counter()
                connection.request("GET", "/v1/info")
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                taken.append(time.perf_counter() - began)
            found.append(sorted(taken)[ASKED * 99 // 100])
    return min(found)


def counted(server: ServerProcess, name: str) -> float:
    """One number of /metrics."""
    port = int(server.ready["metrics"].rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def resident_bytes(server: ServerProcess) -> int:
    """Of the server's process."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096


async def reached(server: ServerProcess, name: str, least: float, within_s: float) -> None:
    """Wait until a number of /metrics is so great."""
    seen = 0.0
    for _ in range(int(within_s)):
        seen = await asyncio.to_thread(counted, server, name)
        if seen >= least:
            return
        await asyncio.sleep(1)
    raise AssertionError(f"{name} is {seen}; {least} expected")


async def test_ten_thousand_silent_and_hundreds_of_slow_ones_harm_nobody(
    server: ServerProcess,
) -> None:
    silent = min(SILENT, files_at_most() - 2 * SLOW - 500)
    usual = await asyncio.to_thread(p99_s, server)
    before = resident_bytes(server)
    beginnings = [SLOW_HEAD, SLOW_BODY] * SLOW
    slow = [asyncio.create_task(dribble(server.port, beginning)) for beginning in beginnings]
    async with crowd(server.port, silent):
        assert counted(server, "cencomm_connections_silent") >= silent * 0.9
        now = await asyncio.to_thread(p99_s, server)
        assert resident_bytes(server) - before < ROOM_BYTES
        ended = 'cencomm_connections_ended_total{{reason="{}"}}'.format
        await reached(server, ended("silent"), silent, SILENT_S + LATE_S)
    usual = max(usual, await asyncio.to_thread(p99_s, server))  # the machine may have slowed
    assert now <= usual * WORSE + SLACK_S, (now, usual)
    await reached(server, ended("slow_head"), SLOW, HEAD_S + LATE_S)
    await reached(server, ended("slow_body"), SLOW, BODY_TIMEOUT_S + LATE_S)
    async with asyncio.timeout(LATE_S):
        await asyncio.gather(*slow)
    assert server.ask("GET", "/healthz").status == 200


async def test_beyond_the_bound_the_longest_silent_makes_place(
    embedded_program: Path, tmp_path: Path
) -> None:
    settings = {"max_connections": 50, "metrics_listen": "127.0.0.1:0"}
    made = await asyncio.to_thread(ServerProcess, tmp_path, embedded_program)
    made.env |= {f"CENCOMM_{name.upper()}": str(value) for name, value in settings.items()}
    await asyncio.to_thread(made.start)
    try:
        async with crowd(made.port, 200):
            assert made.ask("GET", "/healthz").status == 200
            assert counted(made, "cencomm_connections") <= 50
            name = 'cencomm_connections_ended_total{reason="crowded"}'
            assert counted(made, name) >= 150
    finally:
        await asyncio.to_thread(made.stop)
