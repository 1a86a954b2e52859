"""Waiting for what has no event of its own: looked at again and again, bounded in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_S = 0.02


async def until(holds: Callable[[], object], what: str = "it", within_s: float = 10.0) -> float:
    """Wait until something holds; the seconds it took. Fails, saying what, after `within_s`."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - started
