"""Reading the end of a log over HTTP, beside a bare range read of the same documents.

The server was restarted, so what it gives comes from its store; it judges each entry for the
reader and encodes it, the bare read decodes BSON into dictionaries. Sizes take turns.
"""

from __future__ import annotations

import gc
import http.client
import os
import secrets
import statistics
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cencomm_crypto.public.wire import sequence
from cencomm_server.engine.items import document
from cencomm_server.store.kept_logs import entry_document
from pymongo import MongoClient

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.crowd import SEALED_600
from tests.bench.frame import Bar, Row
from tests.bench.places import database_of, serving, store_uri
from tests.bench.town import Town, another, settle
from tests.conftest import PROGRAM

PAYLOAD_BYTES = 600
MEMBERS = 10
ROUNDS = 15
FOLLOW_S = 900.0  # for reading a log of the large size into memory
CHUNK = 1_000
BESIDE_BARE = Bar(2)
BESIDE_SMALL = Bar(1.3)

Documents = Any


def reading(
    *,
    last: int = 1_000,
    small: int = 2_000,
    large: int = 100_000,
    rounds: int = ROUNDS,
    program: Path = PROGRAM,
    choose: Callable[[Iterable[float]], float] = statistics.median,
) -> Iterator[Row]:
    """The last entries of a small and of a large log."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cencomm-bench-")))
        with pinned(SERVING):
            process = stack.enter_context(serving(folder, program))
        stack.enter_context(pinned(LOAD))
        towns = [settle(process, MEMBERS, PAYLOAD_BYTES)]
        towns.append(another(process, towns[0], PAYLOAD_BYTES))
        with MongoClient[dict[str, Any]](store_uri(process)) as client:
            for town, size in zip(towns, (small, large), strict=True):
                fill(client[database_of(process)]["entries"], town, size)
        process.stop()
        with pinned(SERVING):
            process.start()
        client = stack.enter_context(MongoClient(store_uri(process)))
        entries = client[database_of(process)]["entries"]
        link = http.client.HTTPConnection("127.0.0.1", process.port, timeout=FOLLOW_S)
        calls: list[Callable[[], int]] = []
        for town, size in zip(towns, (small, large), strict=True):
            calls.append(_http(link, town, size, last))
            calls.append(_bare(entries, town, size, last))
        middle = (towns[1], large // 2, last)  # what nobody keeps in memory
        calls += [_http(link, *middle), _bare(entries, *middle)]
        for call in calls:
            assert call() == last  # the first read also loads the log
        taken = [[_timed(call) for call in calls] for _ in range(rounds)]
        link.close()
        ours, bare, ours_large, bare_large, ours_middle, bare_middle = (
            1e3 * choose(column) for column in zip(*taken, strict=True)
        )
        name = f"the last {last:,} entries"
        for size, value, beside in ((small, ours, bare), (large, ours_large, bare_large)):
            yield Row(f"{name} of {size:,}", value, "ms", "bare range", beside, BESIDE_BARE)
        yield Row(
            f"{name} of {large:,} beside {small:,}", ours_large, "ms", f"of {small:,}", ours,
            BESIDE_SMALL,
        )  # fmt: skip
        name = f"{last:,} entries in the middle of {large:,}"
        yield Row(name, ours_middle, "ms", "bare range", bare_middle)


def fill(entries: Documents, town: Town, size: int) -> None:
    """Write messages as another server process would that died before it signed a checkpoint."""
    operation = town.operation
    at, start = operation.clock, operation.log.size
    for first in range(start, size, CHUNK):
        documents = []
        for seq in range(first, min(first + CHUNK, size)):
            entry = town.authored(seq % MEMBERS, os.urandom(SEALED_600), secrets.token_bytes(16))
            item = document(sequence(seq, at, entry))
            documents.append(entry_document(operation.log.id16, item))
        entries.insert_many(documents)


def _timed(call: Callable[[], int]) -> float:
    gc.collect()
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _http(link: http.client.HTTPConnection, town: Town, size: int, last: int) -> Callable[[], int]:
    token = urlsafe_b64encode(town.token(1)).rstrip(b"=").decode()
    path = f"/v1/logs/{town.log.hex()}/entries?after={size - last}&limit={last}"

    def call() -> int:
        link.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        assert answer.read()
        assert answer.status == 200
        return int(answer.headers["X-Cencomm-Next"]) - (size - last)

    return call


def _bare(entries: Documents, town: Town, size: int, last: int) -> Callable[[], int]:
    where = {"log": town.log, "seq": {"$gte": size - last, "$lt": size}}
    return lambda: len(list(entries.find(where).sort("seq", 1)))
