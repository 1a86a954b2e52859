"""No garbage collection while a log is opened: everything that is made then stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def all_of_it_stays() -> Iterator[None]:
    """Pause the cyclic collector, which would walk what is held again and again: a tenth of
    opening 20,000 entries. Nested and from several threads alike: who found it off leaves it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
