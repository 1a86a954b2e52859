"""What every kind of test may ask for: how many rounds, and one real store per test session.

Tests that hold real processes to a deadline are marked `timed` and run two at a time, those that
measure the machine are marked `alone` and run one by one, both after the others, which share the
cores.

Environment: ROUNDS (default 1) multiplies what a test repeats; CI set means that nothing may be
skipped; CENCOMM_EMBEDDED_PROGRAM names the embedded store's program; CENCOMM_TEST_MONGODB_URI runs
the store's tests on a real replica set too.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cencomm_server.store.embedded import EmbeddedStore

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(
    os.environ.get("CENCOMM_EMBEDDED_PROGRAM", ROOT / ".embedded/secantusdb.scripts/secantusd-rs")
)

os.environ["CENCOMM_LANG"] = "en"  # tests hold sentences; the machine may speak another language
MONGODB_URI = os.environ.get("CENCOMM_TEST_MONGODB_URI", "")


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often a test that gains by repetition repeats; `.ci/run` sets more."""
    return max(1, int(os.environ.get("ROUNDS", "1")))


@pytest.fixture(scope="session")
def embedded_program() -> Path:
    """The embedded store's program, fetched by `make setup`."""
    if not os.access(PROGRAM, os.X_OK):
        pytest.skip(f"{PROGRAM} is missing: run `make setup`")
    return PROGRAM


@pytest.fixture(scope="session")
def store_uri(embedded_program: Path) -> Iterator[str]:
    """Address of one real embedded store, shared by the session: use a database of your own."""
    # Not pytest's tmp_path: that keeps the last three runs, 100 MB each. A loop of its own in a
    # thread: the child is watched all the time, and any kind of test may ask for the fixture.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="embedded store")
    thread.start()
    # In memory, where there is enough: its tests ask what is stored, not whether the disk holds it.
    with tempfile.TemporaryDirectory(prefix="cencomm-store-", dir=memory(1 << 30)) as folder:
        store = EmbeddedStore(embedded_program, Path(folder) / "store", cache_mb=64)
        try:
            yield asyncio.run_coroutine_threadsafe(store.start(), loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(store.stop(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def memory(free_bytes: int = 0) -> str | None:
    """A folder that is no disk, where there is one with so much room; else None."""
    folder = "/dev/shm"  # noqa: S108 the system's, and every user of it makes a folder of its own
    try:
        room = shutil.disk_usage(folder).free
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) and room >= free_bytes else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing is skipped: what a developer's machine may lack is there."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = call.excinfo.value if call.excinfo is not None else "skipped"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: CI skips nothing, and this was skipped: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One plain line with the total; `make test` ends with it."""
    counts = {
        name: len(terminalreporter.stats.get(name, []))
        for name in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    }
    failed = counts["failed"] + counts["error"]
    more = [f"{counts[name]} {name}" for name in ("skipped", "xfailed", "xpassed") if counts[name]]
    if more:
        terminalreporter.write_line(", ".join(more))
    terminalreporter.config.stash[_TOTAL] = f"{counts['passed']} passed, {failed} failed"


_TOTAL = pytest.StashKey[str]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own last line, so that this one stands alone and last."""
    total = config.stash.get(_TOTAL, None)
    if total is None or hasattr(config, "workerinput"):
        return  # a worker's total is part of the one that the controller prints
    kept = os.environ.get("CENCOMM_TEST_TOTALS")
    if kept is None:
        print(total, flush=True)  # noqa: T201 the line is this hook's purpose
    else:  # one run of several: scripts/check adds them up
        with Path(kept).open("a", encoding="utf-8") as file:
            file.write(total + "\n")
