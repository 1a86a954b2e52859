"""`cencomm-server` with a wall clock that a file moves: `python -m tests.support.moved_clock ...`.

The file named by CENCOMM_TEST_CLOCK holds the seconds by which this process's wall clock is wrong;
the monotonic clock is the machine's. Nothing else differs from the command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

FILE = "CENCOMM_TEST_CLOCK"


def move_by(file: Path) -> None:
    """From now on `time.time` and `time.time_ns` are off by what the file says."""
    right: Callable[[], int] = time.time_ns

    def time_ns() -> int:
        return right() + int(float(file.read_text(encoding="ascii") or 0) * 1e9)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    move_by(Path(os.environ[FILE]))
    from cencomm_server.cli import main

    main()
