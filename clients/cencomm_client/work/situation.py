"""Situation reports owed for each period of an operation's live phase, and those that came.

Periods run from the start of LIVE, each as long as the `sit_s` clock; only whole ones are owed.
A report on a period can be written only when it is over: it is due a quarter of a period later.
A nil return counts as sent. An administration owes from the first period that begins after its
first member was admitted. None is owed on what was over before LIVE began, on what ended after
it, by whatever decision, nor on what was suspended from its beginning to its end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from cencomm_client.work.chain import Report
from cencomm_client.work.reading import Span
from cencomm_client.work.timeline import Timeline, after


@dataclass(frozen=True, slots=True)
class Periods:
    """The reporting periods of an operation: number k runs from start + k * length.

    `idle` are those on which nobody reports, as merged [from, to).
    """

    start: int
    end: int
    length: int  # ms; 0: no reports are owed
    pauses: tuple[Span, ...] = ()
    idle: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, timeline: Timeline, length: int) -> Periods:
        """Those of an operation's course."""
        start, pauses = timeline.live.start, timeline.pauses
        if length <= 0 or timeline.begun is None:
            return cls(start, start, length, pauses)
        # one that runs as yet comes back with its end; what it holds up is not due before that
        spans = [(0, (timeline.begun - start) // length)]
        spans += [
            (-((start - pause.start) // length), (pause.end - start) // length) for pause in pauses
        ]
        return cls(start, timeline.ended, length, pauses, _merged(spans))

    @property
    def count(self) -> int:
        """How many whole ones there are."""
        return 0 if self.length <= 0 else max(0, (self.end - self.start) // self.length)

    def due(self, k: int) -> int:
        """When the report on period `k` is due, ms."""
        return after(self.pauses, self.start + (k + 1) * self.length, self.length // 4)

    def due_by(self, now: int) -> int:
        """How many reports are due before `now`."""
        if self.length <= 0:
            return 0
        return bisect_left(range(self.count), now, key=self.due)

    def owed(self, first: int, last: int) -> int:
        """On how many of [first, last) there is to report."""
        return max(0, last - first) - _within(self.idle, first, last)

    def first_of(self, joined: int) -> int:
        """The first period that somebody owes who joined then."""
        if self.length <= 0 or joined <= self.start:
            return 0
        return -((self.start - joined) // self.length)

    def covered(self, report: Report) -> tuple[int, int]:
        """Periods that a report is on, as [from, to): those whose middle it names and had come when
        it was posted, for nobody reports on days to come; without a period, the one in which it was
        posted."""
        if self.length <= 0:
            return 0, 0
        if report.period is None:
            k = (report.at - self.start) // self.length
            first, last = k, k + 1
        else:
            half = self.length // 2
            first = -((self.start + half - report.period.start) // self.length)
            known = min(report.period.end, report.at + 1)
            last = -((self.start + half - known) // self.length)
        return max(0, first), max(0, min(last, self.count))


@dataclass(frozen=True, slots=True)
class Returns:
    """What one administration sent: merged [from, to) of periods that need no more (idle ones
    too), how many reports, how many of them late or nil."""

    spans: tuple[tuple[int, int], ...]
    late: int
    nil: int

    @classmethod
    def of(cls, reports: Iterable[Report], periods: Periods) -> Returns:
        """Count the reports of one administration."""
        rows = [(periods.covered(report), report) for report in reports]
        spans = _merged([*periods.idle, *(span for span, _ in rows)])
        late = sum(
            1 for span, report in rows if span[0] < span[1] and report.at > periods.due(span[1] - 1)
        )
        return cls(spans, late, sum(1 for _, report in rows if report.nil))

    def missing(self, first: int, last: int) -> int:
        """How many periods of [first, last) nothing covers."""
        return max(0, last - first) - _within(self.spans, first, last)

    def first_missing(self, first: int, last: int) -> int | None:
        """The oldest period of [first, last) that nothing covers."""
        place = first
        index = max(0, bisect_right(self.spans, (first, 1 << 62)) - 1)
        for start, end in self.spans[index:]:
            if start > place:
                break
            place = max(place, end)
        return place if place < last else None


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same numbers as spans in order that do not touch."""
    made: list[tuple[int, int]] = []
    for first, last in sorted(span for span in spans if span[0] < span[1]):
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            made.append((first, last))
    return tuple(made)


def _within(spans: Iterable[tuple[int, int]], first: int, last: int) -> int:
    """How many numbers of [first, last) the spans hold."""
    return sum(max(0, min(end, last) - max(start, first)) for start, end in spans)
