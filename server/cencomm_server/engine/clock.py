"""The server's time, and the rules that keep a poisoned clock out of the logs (A43, DESIGN 11)."""

from __future__ import annotations

import time
from collections.abc import Callable

from cencomm_config.errors import ClockJumped

SKEW_MS = 60_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Clock:
    """Unix milliseconds; refuses once the wall clock has jumped against the monotonic one.

    A jump is forgiven when the wall clock comes back; to accept the new time, restart the server.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int] = _wall_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_ms, self._monotonic_s = wall_ms, monotonic_s
        self._offset_ms = wall_ms() - round(monotonic_s() * 1000)

    def wall_ms(self) -> int:
        """The wall clock as it is, jumped or not: for reads, which go on."""
        return self._wall_ms()

    def now_ms(self) -> int:
        """The time; raises ClockJumped if wall and monotonic clock part by more than SKEW_MS."""
        now = self._wall_ms()
        jump = now - round(self._monotonic_s() * 1000) - self._offset_ms
        if abs(jump) > SKEW_MS:
            raise ClockJumped(f"the wall clock jumped by {jump} ms; at most {SKEW_MS} expected")
        return now

    def next_at(self, previous: int) -> int:
        """`at` of the entry after one of `previous`: never less; raises ClockJumped."""
        now = self.now_ms()
        if previous > now + SKEW_MS:
            raise ClockJumped(
                f"the log's last entry lies {previous - now} ms ahead of this clock; "
                f"at most {SKEW_MS} expected"
            )
        return max(previous, now)
