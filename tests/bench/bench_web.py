"""What the protocol in TypeScript takes in Chromium, beside bare libsodium.js in the same page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cencomm_crypto.public.wire import encode_sequenced

from tests.bench.crowd import gather, talk
from tests.bench.frame import Bar, Row
from tests.web.node import MAX_GZIP_BYTES, VITEST, chromium, gzip_sizes, run

MEMBERS, ENTRIES = 30, 5_000
TIMEOUT_S = 290
_CALLS = "libsodium.js calls"


def web(entries: int = ENTRIES) -> Iterator[Row]:
    """Verify, seal, replay and rotate in a page; nothing where there is no Chromium."""
    if chromium() is None:
        return
    measured = in_chromium(entries)
    for place, name, beside, bar in (
        ("signature", "verify the signature of an entry", "crypto_sign_verify", Bar(1.3)),
        ("fromBytes", "read an entry of 1 kB and verify it", "crypto_sign_verify", None),
    ):
        yield _calls(name, measured["verifying"][place], beside, bar)
    for place, name, bar in (
        ("text", "seal 600 bytes under an epoch", Bar(1.3)),
        ("message", "the same, with the CBOR of header and payload", None),
    ):
        yield _calls(name, measured["sealing"][place], _CALLS, bar)
    replayed = measured["replaying"]
    for where, place, bar in (
        ("in a worker, which has a second one", "ms", Bar(2_000, on_value=True)),
        ("in one thread", "aloneMs", None),
    ):
        yield Row(
            f"replay {replayed['entries']:,} entries, {where}",
            replayed[place],
            "ms",
            "crypto_sign_verify",
            replayed["bareMs"],
            bar,
        )
    rotated = measured["rotating"]
    yield Row(
        "rotate for 3,000 devices, in a worker",
        rotated["ms"],
        "ms",
        "crypto_box_seal",
        rotated["bareMs"],
        Bar(4_000, on_value=True),
    )
    yield Row("the longest that it held up the page", rotated["blockedMs"], "ms", bar=_at_most(50))
    with tempfile.TemporaryDirectory() as folder:
        size = sum(gzip_sizes(Path(folder)).values())
    yield Row(
        "the library without the wasm, gzip", size / 1e3, "kB", bar=_at_most(MAX_GZIP_BYTES / 1e3)
    )


def _at_most(limit: float) -> Bar:
    return Bar(limit, on_value=True)


def _calls(name: str, found: dict[str, float], beside: str, bar: Bar | None) -> Row:
    return Row(name, found["us"], "us", beside, found["bareUs"], bar)


def in_chromium(entries: int) -> dict[str, Any]:
    """What the page measured of a log of about as many entries, whose root it computed alike."""
    crowd = gather(MEMBERS)
    talk(crowd, entries - len(crowd.directory.entries) - len(crowd.operation.entries) - 1)
    with tempfile.TemporaryDirectory(prefix="cencomm-bench-") as folder:
        for name, log in (("directory", crowd.directory), ("operation", crowd.operation)):
            items = b"".join(encode_sequenced(item) for item in log.entries)
            (Path(folder) / name).write_bytes(items)
        result = Path(folder) / "result"
        run(
            VITEST,
            "run",
            "--config",
            "vitest.bench.config.ts",
            timeout_s=TIMEOUT_S,
            BENCH_LOG=folder,
            BENCH_RESULT=str(result),
        )
        measured: dict[str, Any] = json.loads(result.read_bytes())
    expected = crowd.operation.log.tree.root().hex()
    if measured["replaying"]["root"] != expected:
        raise RuntimeError("the page computed another root")
    return measured
