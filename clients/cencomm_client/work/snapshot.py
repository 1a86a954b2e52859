"""What the desk shows at one moment: frozen rows, made by `Desk.snapshot`, drawn or printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cencomm_client.work.chain import Chain
from cencomm_client.work.clocks import Stage
from cencomm_client.work.duties import Duty, What
from cencomm_client.work.sightings import Clone


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that is overdue, and whose turn it is. `chain` is None for situation reports;
    `period` is the oldest missing one then."""

    administration: str
    duty: Duty
    stage: Stage
    chain: Chain | None = None
    period: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many were owed by now, sent, sent late."""

    owed: int = 0
    sent: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Completeness:
    """One administration: what it owed by now, what it sent; nil returns count as sent.

    `posted` counts its sound entries of any kind: 0 is one that never said a word.
    """

    administration: str
    counts: Mapping[What, Count]
    total: Count  # all of them together
    nil: int
    posted: int

    @property
    def share(self) -> float | None:
        """Part of what was owed that was sent, 0 to 1; None where nothing was owed."""
        return None if self.total.owed == 0 else self.total.sent / self.total.owed


@dataclass(frozen=True, slots=True)
class NilDue:
    """An administration whose situation reports are missing: how many, since when (ms)."""

    administration: str
    missing: int
    since: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many of each there are, also of what was cut off."""

    entries: int
    warnings: int
    overdue: int
    hits: int
    tasks: int
    seizures: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The desk at `at` (ms); rows are in the order in which people should look at them.

    `clock` is how far the clocks have come: they stand still while the operation is suspended
    (since `suspended`) and when it is over. What is due is measured against it.
    """

    at: int
    clock: int
    suspended: int | None
    totals: Totals
    warnings: tuple[Chain, ...]  # open ones, the most urgent first
    overdue: tuple[Overdue, ...]  # the longest overdue first
    stages: Mapping[str, Mapping[Stage, int]]  # how much is overdue, by administration
    hits: tuple[Chain, ...]  # to triage, oldest first
    tasks: tuple[Chain, ...]  # TSK and RFI, by due time
    nil_due: tuple[NilDue, ...]  # the longest missing first
    completeness: tuple[Completeness, ...]  # the least complete first
    clones: tuple[Clone, ...]
