"""Pauses between tries to connect: growing, with jitter, short again only after a good while.

A server that takes every connection and drops it at once is overloaded or worse: whoever begins
anew with each success asks it ever faster, together with everybody else.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0  # people wait for warnings: with its jitter, within half a minute
HEALTHY_S = 10.0  # a connection that lasted so long was a good one


class Backoff:
    """Call `came_up` after each success and `next_s` before each pause."""

    def __init__(
        self,
        jitter: Callable[[], float] = random.random,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`jitter` draws from 0 to 1; a pause is half to one and a half of its length."""
        self._jitter, self._monotonic_s = jitter, monotonic_s
        self._pause_s = FIRST_PAUSE_S
        self._up_since: float | None = None

    def came_up(self) -> None:
        """A connection stands."""
        self._up_since = self._monotonic_s()

    def next_s(self) -> float:
        """How long to wait before the next try."""
        since, self._up_since = self._up_since, None
        if since is not None and self._monotonic_s() - since >= HEALTHY_S:
            self._pause_s = FIRST_PAUSE_S
        pause_s = self._pause_s * (0.5 + self._jitter())
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        return pause_s
