"""When a client acts by itself: the delays as settings, and the schedule that spreads clients.

Many clients see the same need at once. Each waits a random time (DESIGN 3: 5-20 s); the first
acts, and for the others the need is gone. Nothing here reads a clock or draws randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

Uniform = Callable[[float, float], float]
"""(low, high) -> a random number between the two; `random.SystemRandom().uniform` in programs."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Timing:
    """Delays and limits of the automation; spans are (least, most) seconds of a random wait."""

    react_s: tuple[float, float] = (5.0, 20.0)  # after a removal or revocation, when others can too
    join_s: tuple[float, float] = (60.0, 540.0)  # one rotation for all who joined within 10 minutes
    heal_s: tuple[float, float] = (5.0, 20.0)  # a grant to a new device
    close_s: tuple[float, float] = (0.0, 10.0)  # close and reveals after the end
    profile_s: tuple[float, float] = (5.0, 20.0)
    result_s: tuple[float, float] = (20.0, 60.0)  # for a decision that another client made
    retry_s: tuple[float, float] = (1.0, 60.0)  # back-off: first wait and longest
    poll_s: float = 30.0  # pull at least so often although push is there
    epoch_age_ms: int = 24 * HOUR_MS
    epoch_messages: int = 10_000
    evidence_s: float = 120.0  # an own entry without a covering checkpoint becomes evidence (A6)

    def __post_init__(self) -> None:
        for name in ("react_s", "join_s", "heal_s", "close_s", "profile_s", "result_s", "retry_s"):
            least, most = getattr(self, name)
            if not 0 <= least <= most:
                raise ValueError(f"{name}: 0 <= least <= most expected")

    @classmethod
    def brisk(cls) -> Timing:
        """Short waits for demonstrations and tests; the limits of an epoch stay."""
        return cls(
            react_s=(0.05, 0.4),
            join_s=(0.2, 0.8),
            heal_s=(0.05, 0.4),
            close_s=(0.0, 0.4),
            profile_s=(0.05, 0.4),
            result_s=(0.4, 1.2),
            retry_s=(0.1, 2.0),
            poll_s=2.0,
            evidence_s=20.0,
        )


class Due(Protocol):
    """Something that should be done; equal `key` means the same need seen again."""

    @property
    def key(self) -> tuple[object, ...]: ...

    @property
    def wait_s(self) -> tuple[float, float]: ...


class Schedule:
    """Gives each need its moment when it is first seen, and forgets it when it is gone.

    A need that was acted on and is still there (a lost race, a server that is away) is tried
    again after a growing wait.
    """

    def __init__(self, uniform: Uniform, retry_s: tuple[float, float]) -> None:
        self._uniform, self._retry_s = uniform, retry_s
        self._moments: dict[tuple[object, ...], float] = {}
        self._tries: dict[tuple[object, ...], int] = {}

    @property
    def moments(self) -> Mapping[tuple[object, ...], float]:
        """When each known need is to be acted on (monotonic seconds); for `status`."""
        return self._moments

    def ready(self, needs: Iterable[Due], now_s: float) -> list[Due]:
        """The needs whose moment has come, in the order given; `now_s` is monotonic seconds."""
        wanted = {need.key: need for need in needs}
        for key in list(self._moments):
            if key not in wanted:
                del self._moments[key]
                self._tries.pop(key, None)
        for key, need in wanted.items():
            if key not in self._moments:
                self._moments[key] = now_s + self._uniform(*need.wait_s)
        return [need for key, need in wanted.items() if self._moments[key] <= now_s]

    def tried(self, need: Due, now_s: float) -> None:
        """Say that a need was acted on, with whatever outcome: not again before a while."""
        tries = self._tries.get(need.key, 0)
        self._tries[need.key] = tries + 1
        least, most = self._retry_s
        self._moments[need.key] = now_s + self._uniform(
            least, min(most, least * 2 ** min(tries + 1, 16))
        )

    def next_s(self) -> float | None:
        """The earliest moment of a known need, or None."""
        return min(self._moments.values(), default=None)
