"""The yardstick `raw-batch`: the bare server of the shared benches, unchanged, as a process.

Its folder is CENCOMM_BENCH_PEERS, by default `../shared/bench` beside the checkout; it is not
part of this repository, and where it is missing the lines say so.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.places import as_durable
from tests.bench.sockets import TEXT, Connection, frame, marked

REPOSITORY = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CENCOMM_BENCH_PEERS", REPOSITORY.parent / "shared/bench"))
SERVER = FOLDER / "servers/own_server.py"
NAME = "raw-batch"
MISSING = "yardstick not here"
STOP_S = 10.0


class RawBatch:
    """Its protocol: `J` room, `P` number payload, `A` number to the poster, `M` payload to all."""

    alive = b""

    def __init__(self, port: int, size_bytes: int) -> None:
        self._port = port
        self._filler = base64.b64encode(os.urandom(size_bytes))[: size_bytes - len(marked(0))]

    async def join(self, member: int) -> Connection:
        """Connect and enter the room."""
        connection = await Connection.open(self._port, "/ws", b"\x81\x09A")
        connection.transport.write(frame(TEXT, b"Jbench"))
        await connection.heard(b"\x81\x01J")
        return connection

    def prepare(self, member: int, number: int) -> bytes:
        """One text frame."""
        return frame(TEXT, b"P%d" % number + marked(number) + self._filler)


@contextmanager
def raw_batch(store_uri: str, log: Path, size_bytes: int) -> Iterator[RawBatch | None]:
    """Run it over the store at `store_uri` until the block ends; None where it is not here.

    Majority and journal stand in the address, as our driver has them: the same durability.
    """
    if not SERVER.is_file():
        yield None
        return
    port = _free_port()
    command = [sys.executable, str(SERVER), "--mode", "raw", "--persist", "batch"]
    command += ["--mongo", as_durable(store_uri), "--port", str(port)]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"the yardstick did not start: {log.read_text()[-2000:]}")
        yield RawBatch(port, size_bytes)
    finally:
        process.terminate()
        process.wait(STOP_S)
        process.stdout.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
