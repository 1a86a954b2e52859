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
    `period` is the oldest missing period then."""

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

    def __add__(self, other: Count) -> Count:
        return Count(self.owed + other.owed, self.sent + other.sent, self.late + other.late)


@dataclass(frozen=True, slots=True)
class Completeness:
    """One administration: what it owed by now, what it sent; nil returns count as sent."""

    administration: str
    counts: Mapping[What, Count]
    nil: int
    posted: int  # sound entries of any kind

    @property
    def total(self) -> Count:
        """All kinds together."""
        total = Count()
        for count in self.counts.values():
            total += count
        return total

    @property
    def share(self) -> float | None:
        """Part of what was owed that was sent, 0 to 1; None where nothing was owed."""
        total = self.total
        return None if total.owed == 0 else total.sent / total.owed


@dataclass(frozen=True, slots=True)
class NilDue:
    """An administration whose situation reports are missing: how many, since when (ms)."""

    administration: str
    missing: int
    since: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The desk at `at` (ms); rows are in the order in which people should look at them."""

    at: int
    entries: int
    warnings: tuple[Chain, ...]  # open ones, the most urgent first
    overdue: tuple[Overdue, ...]  # the longest overdue first
    hits: tuple[Chain, ...]  # to triage, oldest first
    tasks: tuple[Chain, ...]  # TSK and RFI, by due time
    nil_due: tuple[NilDue, ...]
    completeness: tuple[Completeness, ...]  # the least complete first
    clones: tuple[Clone, ...]
    seizures: int

    def stages(self) -> dict[str, dict[Stage, int]]:
        """How much is overdue, by administration and stage."""
        found: dict[str, dict[Stage, int]] = {}
        for row in self.overdue:
            counts = found.setdefault(row.administration, {})
            counts[row.stage] = counts.get(row.stage, 0) + 1
        return found
