"""Programs of `crypto/web`, run by the Node that `scripts/web` finds or fetches."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "crypto" / "web"
PREPARE_S = 280  # a first installation, on a busy machine
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


def run(*arguments: str, timeout_s: float = 240) -> str:
    """Output of `node arguments...` in `crypto/web`; fails the test with it."""
    done = subprocess.run(
        [node(), *arguments],
        cwd=WEB,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    return done.stdout
