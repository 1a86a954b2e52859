"""An operation's clocks, when something is overdue, and whose turn it then is (DOMAIN "Clocks").

A missed clock goes recipient -> NCP -> OCU. Each stage lasts as long as the clock that was
missed, at most six hours: half an hour for an acceptance, six hours for a day's report. All of
them stand still while the operation is suspended: nobody is late who could not post.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from cencomm_client.work.reading import Span
from cencomm_client.work.timeline import after

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


class Due(NamedTuple):
    """When something is due, and when it goes on to the NCP and the OCU, ms."""

    at: int
    ncp: int
    ocu: int

    def stage(self, clock: int) -> Stage | None:
        """Whose turn it is when the clocks stand at `clock`; None before it is due."""
        if clock <= self.at:
            return None
        if clock < self.ncp:
            return Stage.RECIPIENT
        return Stage.NCP if clock < self.ocu else Stage.OCU

    def changes(self, stage: Stage | None) -> int | None:
        """When the stage that comes after this one begins."""
        if stage is None:
            return self.at + 1
        if stage is Stage.OCU:
            return None
        return self.ncp if stage is Stage.RECIPIENT else self.ocu


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long each step may take, ms; `pauses` are suspensions, in which no clock runs."""

    accept: int
    flash: int
    feedback: int
    seizure: int
    long: int
    sit: int
    pauses: tuple[Span, ...] = ()

    @classmethod
    def of(cls, genesis: Mapping[str, Any]) -> Clocks:
        """The clocks of an operation's genesis (PROTOCOL operation.genesis, in seconds)."""
        clocks = genesis["clocks"]
        names = ("accept_s", "flash_s", "feedback_s", "seizure_s", "long_s", "sit_s")
        return cls(*(1000 * clocks[name] for name in names))

    def acceptance(self, prio: str | None) -> int:
        """How long an acceptance may take at this precedence."""
        return self.flash if prio == FLASH else self.accept

    def after(self, start: int, length: int) -> int:
        """When a clock that starts at `start` has run for `length`."""
        return after(self.pauses, start, length)

    def until(self, asked_at: int, asked: int) -> int:
        """A time that was asked for, at `asked_at`: later by as much as was suspended since."""
        return after(self.pauses, asked_at, asked - asked_at)

    def due(self, at: int, clock: int) -> Due:
        """What is due at `at`, with the stages of a clock of this length."""
        stage = stage_ms(clock)
        if not self.pauses:
            return Due(at, at + stage, at + 2 * stage)
        ncp = after(self.pauses, at, stage)
        return Due(at, ncp, after(self.pauses, ncp, stage))


def stage_ms(clock: int) -> int:
    """How long each stage of a missed clock lasts, ms; at least a second."""
    return min(max(clock, 1000), LONGEST_STAGE_MS)
