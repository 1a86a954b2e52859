"""An operation's clocks, when something is overdue, and whose turn it then is (DOMAIN "Clocks").

A missed clock goes recipient -> NCP -> OCU. Each stage lasts as long as the clock that was
missed, at most six hours: half an hour for an acceptance, six hours for a day's report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

LONGEST_STAGE_MS = 6 * 3_600_000
FLASH = "flash"


class Stage(IntEnum):
    """Who is asked for what is overdue."""

    RECIPIENT = 1
    NCP = 2
    OCU = 3

    @property
    def label(self) -> str:
        """As documents and screens name it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long each step may take, ms."""

    accept: int
    flash: int
    feedback: int
    seizure: int
    long: int
    sit: int

    @classmethod
    def of(cls, genesis: Mapping[str, Any]) -> Clocks:
        """The clocks of an operation's genesis (PROTOCOL operation.genesis, in seconds)."""
        clocks = genesis["clocks"]
        names = ("accept_s", "flash_s", "feedback_s", "seizure_s", "long_s", "sit_s")
        return cls(*(1000 * clocks[name] for name in names))

    def acceptance(self, prio: str | None) -> int:
        """How long an acceptance may take at this precedence."""
        return self.flash if prio == FLASH else self.accept


def stage_ms(clock: int) -> int:
    """How long each stage of a missed clock lasts, ms; at least a second."""
    return min(max(clock, 1000), LONGEST_STAGE_MS)


def stage_at(due: int, clock: int, now: int) -> Stage | None:
    """Whose turn it is at `now`; None before it is due."""
    if now <= due:
        return None
    return Stage(min(1 + (now - due) // stage_ms(clock), Stage.OCU))


def stage_begins(due: int, clock: int, stage: Stage) -> int:
    """When a stage begins, ms."""
    return due + (stage - 1) * stage_ms(clock)
