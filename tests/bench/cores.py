"""Which core serves and which makes the load, where there are two (DESIGN 10)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SERVING, LOAD = 0, 1


@contextmanager
def pinned(place: int) -> Iterator[None]:
    """Run on the first or second core that this process may use; nothing where there is one.

    What is started inside inherits the core and keeps it, as under `taskset -c`. Call on the
    main thread: other threads stay where they are.
    """
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
