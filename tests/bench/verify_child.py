"""A fresh process that verifies a whole operation log, and measures itself.

    stdin   u32 length || page, repeated: the directory's log first, then the operation's pages
    stdout  one JSON object

Only the pages at hand and the state are in memory, as in a client that reads by cursor.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nacl.bindings as sodium
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.keys import SigType
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced, decode_sequenced_stream

SAMPLE = 500  # signatures that the bare loop verifies in turn


def pages() -> Iterator[bytes]:
    """Pages from stdin."""
    while size := sys.stdin.buffer.read(4):
        yield sys.stdin.buffer.read(int.from_bytes(size, "big"))


def bare_input(item: Sequenced, directory: DirectoryLog) -> tuple[bytes, bytes]:
    """What one crypto_sign_open over the entry takes: signature || message, and key."""
    assert item.entry is not None
    device = directory.state.devices[item.entry.header.device]
    message = b"CENcomm/v1/" + SigType.ENTRY.encode() + b"\x00"
    message += item.entry.header_hash + item.entry.body_hash
    return item.entry.sig + message, device.sign_pk


def peak_memory_mb() -> float:
    """VmHWM of this process image; ru_maxrss would still count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def main() -> None:
    """Verify, then verify the bare signatures, then say what it took."""
    source = pages()
    directory = DirectoryLog()
    for item in decode_sequenced_stream(next(source)):
        assert not isinstance(directory.apply(item), Rejected)
    log = OperationLog(directory)
    sample: list[tuple[bytes, bytes]] = []
    taken = 0.0
    for page in source:
        started = time.process_time()
        for item in decode_sequenced_stream(page):
            result = log.apply(item)
            assert not isinstance(result, Rejected), result
            if len(sample) < SAMPLE:
                sample.append(bare_input(item, directory))
        root = log.tree.root()
        taken += time.process_time() - started
    peak_mb = peak_memory_mb()
    started = time.process_time()
    for number in range(log.size):
        sodium.crypto_sign_open(*sample[number % len(sample)])
    bare = time.process_time() - started
    answer = {
        "entries": log.size,
        "root": root.hex(),
        "verify_s": taken,
        "bare_s": bare,
        "peak_mb": peak_mb,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
