"""Programs of `crypto/web`, run by the Node that `scripts/web` finds or fetches."""

from __future__ import annotations

import fcntl
import gzip
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "crypto" / "web"
PREPARE_S = 280  # a first installation, on a busy machine
MAX_GZIP_BYTES = 60_000  # the library without libsodium, which carries the wasm
VITEST = "node_modules/vitest/vitest.mjs"
TSC = "node_modules/typescript/bin/tsc"
VITE = "node_modules/vite/bin/vite.js"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Processes of pytest-xdist share one installation, which one of them makes."""
    with (WEB / "package.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def node() -> str:
    """Path of a Node that is new enough, with the packages of `crypto/web` in place."""
    with one_at_a_time():
        made = subprocess.run(
            [ROOT / "scripts/web", "sh", "-c", "command -v node"],
            capture_output=True,
            text=True,
            timeout=PREPARE_S,
            check=False,
        )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def run(*arguments: str, timeout_s: float = 240, **settings: str) -> str:
    """Output of `node arguments...` in `crypto/web`; fails the test with it.

    `settings` are set in its environment.
    """
    done = subprocess.run(
        [node(), *arguments],
        cwd=WEB,
        env={**os.environ, "NO_COLOR": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    return done.stdout


def chromium() -> Path | None:
    """The browser, where there is one; CI set means that there must be."""
    program = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not program.exists():
        assert not os.environ.get("CI"), f"{program} is missing: apt-get install chromium"
        return None
    return program


def gzip_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each chunk of the library but libsodium, built into `folder` and compressed."""
    run(VITE, "build", "--outDir", str(folder), "--logLevel", "warn")
    chunks = {path.name: path.read_bytes() for path in folder.rglob("*.js")}
    own = {name: data for name, data in chunks.items() if not name.startswith("libsodium")}
    assert 0 < len(own) < len(chunks), f"libsodium is no chunk of its own: {sorted(chunks)}"
    return {name: len(gzip.compress(data)) for name, data in own.items()}
