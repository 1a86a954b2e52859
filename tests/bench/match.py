"""Servers that take turns over the same phases, and rows made of what each of them gave."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from tests.bench.frame import Bar, Row
from tests.bench.load import Room
from tests.bench.peer import MISSING, NAME

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]


class Match:
    """The rooms of both servers, ours first, and rounds in which they take turns."""

    def __init__(
        self, runner: asyncio.Runner, rooms: Sequence[Room], rounds: int, *, best: bool = False
    ) -> None:
        """`best`: the round with the best ratio counts, not the median: other work only harms."""
        self._runner, self._rooms, self._rounds, self._best = runner, rooms, rounds, best

    def of_rooms(
        self, members: int, phase: Callable[[Room], Coroutine[Any, Any, T]], *more: Call[T]
    ) -> list[list[T]]:
        """What each room, grown to so many members, gave in all rounds; then what `more` gave."""
        for room in self._rooms:
            self._runner.run(room.grow(members))
        return self.of([*(partial(phase, room) for room in self._rooms), *more])

    def of(self, calls: Sequence[Call[T]]) -> list[list[T]]:
        """What each call gave in all rounds."""
        results: list[list[T]] = [[] for _ in calls]
        for _ in range(self._rounds):
            for call, kept in zip(calls, results, strict=True):
                gc.collect()
                kept.append(self._runner.run(call()))
        return results

    def compared(
        self,
        name: str,
        unit: str,
        found: Sequence[Sequence[float]],
        yardstick: str = NAME,
        bar: Bar | None = None,
    ) -> Row:
        """Ours beside the yardstick; without a yardstick there is nothing to hold a bar against."""
        if self._best:
            rounds: list[tuple[float, ...]] = list(zip(*found, strict=True))
            rounds.sort(key=lambda taken: taken[0] / taken[-1])
            chosen = list(rounds[-1 if unit == "/s" else 0])
        else:
            chosen = [statistics.median(kept) for kept in found]
        if len(chosen) == 1:
            return Row(name, chosen[0], unit, MISSING)
        return Row(name, chosen[0], unit, yardstick, chosen[1], bar)


def percentile(ordered_s: Sequence[float], share: int) -> float:
    """Of seconds in order, in milliseconds."""
    return 1e3 * ordered_s[min(len(ordered_s) - 1, len(ordered_s) * share // 100)]
