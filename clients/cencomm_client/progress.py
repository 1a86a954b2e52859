"""How far the reading of a long log is: told as it goes on, because it takes seconds.

What is told is nothing that anybody said: a stage and two numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

EVERY = 500  # entries from one telling to the next; of fewer nothing is told

_Item = TypeVar("_Item")


class Stage(StrEnum):
    """What is done with the entries."""

    FETCHING = "fetching"  # from the server
    VERIFYING = "verifying"  # tree, signatures, rules
    OPENING = "opening"  # with this device's keys, held against their forms


Progress = Callable[[Stage, int, int], None]
"""Hears (stage, entries done, of how many) on whichever thread does it; the last time both are
equal, unless the reading broke off. Must not raise, and not take long."""


def silent(stage: Stage, done: int, total: int) -> None:
    """Nobody wants to hear it."""


def counted(
    items: Iterable[_Item], stage: Stage, total: int, progress: Progress
) -> Iterator[_Item]:
    """The items, of which there are `total`, with what came of them told."""
    if total < EVERY or progress is silent:
        yield from items
        return
    for done, item in enumerate(items):
        if done % EVERY == 0:
            progress(stage, done, total)
        yield item
    progress(stage, total, total)
