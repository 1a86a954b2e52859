"""The desk: open warnings, what is overdue and whose turn it is, hits, tasks, returns, clones.

    desk = Desk(Clocks.of(genesis), live, who)
    for item in operation.items(): desk.take(item)
    desk.snapshot(now)

A fold: `take` costs the same however long the log is; what one entry changes is its own chain,
made anew when somebody looks. The present and the history of each entry stay at hand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cencomm_client.items import Item, Message
from cencomm_client.profiles import KIND as PROFILE
from cencomm_client.work import reading
from cencomm_client.work.chain import Chain, Report, Who, build
from cencomm_client.work.changes import Present, sound
from cencomm_client.work.clocks import Clocks
from cencomm_client.work.duties import NOBODY, Duty, What
from cencomm_client.work.sightings import Sightings
from cencomm_client.work.situation import NOTHING_SENT, Periods, Returns
from cencomm_client.work.snapshot import Completeness, Count, NilDue, Overdue, Snapshot
from cencomm_client.work.threads import Threads

_URGENCY = {"flash": 0, "immediate": 1, "priority": 2}
_ASKED = frozenset([reading.TASK, reading.QUESTION])


@dataclass(slots=True)
class _Sent:
    """What one administration did, as running totals."""

    met: Counter[What] = field(default_factory=Counter)
    late: Counter[What] = field(default_factory=Counter)
    reports: dict[bytes, tuple[Report, ...]] = field(default_factory=dict)  # by chain
    returns: Returns | None = None  # None: to be counted anew


class Desk:
    """One operation's work as this device can read it."""

    def __init__(self, clocks: Clocks, live: tuple[int, int], who: Who) -> None:
        self._clocks, self._who = clocks, who
        self._periods = Periods(live[0], live[1], clocks.sit)
        self._threads = Threads()
        self._chains: dict[bytes, Chain] = {}
        self._open: dict[bytes, Chain] = {}
        self._pending: dict[bytes, Chain] = {}
        self._sent: dict[str, _Sent] = {}
        self._posted: Counter[str] = Counter()
        self._counted: set[bytes] = set()
        self._sightings = Sightings()
        self._seizures = 0

    def take(self, item: Item) -> None:
        """Take an item, or a later version of one."""
        if not isinstance(item, Message) or item.kind == PROFILE:
            return
        self._threads.take(item)
        leaf = item.place.leaf
        if leaf not in self._counted and sound(item):
            self._counted.add(leaf)
            self._posted[item.author.administration] += 1

    # -- what stands ---------------------------------------------------------------------------

    def chain(self, leaf: bytes) -> Chain | None:
        """The chain that an entry is in, as it stands."""
        self._settle()
        root = self._threads.root_of(leaf)
        return None if root is None else self._chains.get(root)

    def history(self, leaf: bytes) -> list[Message]:
        """Every entry of an entry's chain in the log's order, corrected and withdrawn ones too."""
        root = self._threads.root_of(leaf)
        if root is None:
            return []
        first = self._threads.message(root)
        return [*([] if first is None else [first]), *self._threads.members(root)]

    def message(self, leaf: bytes) -> Message | None:
        """An entry as it was posted."""
        return self._threads.message(leaf)

    def messages(self) -> list[Message]:
        """Every entry as it was posted, in the log's order; one sealed anew counts once."""
        return self._threads.messages()

    def present(self, message: Message) -> Present:
        """What an entry says now."""
        return self._threads.changes.present(message)

    def snapshot(self, now: int) -> Snapshot:
        """The desk at `now` (ms): own clock or the log's time, whichever is later."""
        self._settle()
        overdue = self._overdue(now)
        missing: Counter[tuple[str, What]] = Counter()
        for row in overdue:
            missing[row.administration, row.duty.what] += 1
        nil_due, late_reports = self._situation(now)
        completeness = self._completeness(now, missing)
        every = sorted([*overdue, *late_reports], key=_longest)
        chains = self._open.values()
        return Snapshot(
            at=now,
            entries=len(self._counted),
            warnings=tuple(
                sorted((one for one in chains if one.kind == reading.WARNING), key=_urgent)
            ),
            overdue=tuple(every),
            hits=tuple(
                sorted(
                    (one for one in chains if one.kind == reading.HIT),
                    key=lambda one: one.root.place.seq,
                )
            ),
            tasks=tuple(sorted((one for one in chains if one.kind in _ASKED), key=_by_due)),
            nil_due=nil_due,
            completeness=completeness,
            clones=self._sightings.clones(),
            seizures=self._seizures,
        )

    # -- inside -------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Make the touched chains anew, and put their part into the totals."""
        for root in self._threads.touched:
            before = self._chains.pop(root, None)
            if before is not None:
                self._count(before, -1)
            message = self._threads.message(root)
            if message is None or not self._threads.alive(root):
                continue
            made = build(
                message,
                self._threads.members(root),
                self._threads.offshoots(root),
                self._threads.changes,
                self._clocks,
                self._who,
            )
            self._chains[root] = made
            self._count(made, 1)
        self._threads.touched.clear()

    def _count(self, chain: Chain, sign: int) -> None:
        leaf = chain.leaf
        for duty in chain.duties:
            if duty.met_at is not None:
                sent = self._of(duty.administration)
                sent.met[duty.what] += sign
                sent.late[duty.what] += sign * duty.late
                self._seizures += sign * (duty.what is What.SEIZURE)
        for code in {report.administration for report in chain.reports}:
            sent = self._of(code)
            own = tuple(one for one in chain.reports if one.administration == code)
            sent.reports.pop(leaf, None)
            if sign > 0:
                sent.reports[leaf] = own
            sent.returns = None
        if sign > 0:
            self._sightings.add(chain.seen)
            if chain.open:
                self._open[leaf] = chain
            if chain.pending:
                self._pending[leaf] = chain
        else:
            self._sightings.remove(chain.seen)
            self._open.pop(leaf, None)
            self._pending.pop(leaf, None)

    def _of(self, code: str) -> _Sent:
        found = self._sent.get(code)
        if found is None:
            found = self._sent[code] = _Sent()
        return found

    def _overdue(self, now: int) -> list[Overdue]:
        rows: list[Overdue] = []
        for chain in self._pending.values():
            for duty in chain.duties:
                stage = duty.stage(now)
                if stage is not None:
                    rows.append(Overdue(duty.administration, duty, stage, chain))
        return rows

    def _returns(self, code: str) -> Returns:
        sent = self._sent.get(code)
        if sent is None:
            return NOTHING_SENT
        if sent.returns is None:
            every = [report for reports in sent.reports.values() for report in reports]
            sent.returns = Returns.of(every, self._periods)
        return sent.returns

    def _situation(self, now: int) -> tuple[tuple[NilDue, ...], list[Overdue]]:
        due = self._periods.due_by(now)
        missing: list[NilDue] = []
        rows: list[Overdue] = []
        for code, joined in self._who.owing().items():
            first, returns = self._periods.first_of(joined), self._returns(code)
            count = max(0, due - first) - returns.within(first, due)
            oldest = returns.first_missing(first, due) if count > 0 else None
            if oldest is None:
                continue
            since = self._periods.due(oldest)
            missing.append(NilDue(code, count, since))
            duty = Duty(What.SITUATION, code, since, self._clocks.sit)
            stage = duty.stage(now)
            if stage is not None:
                rows.append(Overdue(code, duty, stage, None, oldest))
        return tuple(sorted(missing, key=lambda row: (row.since, row.administration))), rows

    def _completeness(
        self, now: int, missing: Counter[tuple[str, What]]
    ) -> tuple[Completeness, ...]:
        owing = self._who.owing()
        due = self._periods.due_by(now)
        codes = dict.fromkeys([*owing, *self._sent, *(code for code, _ in missing)])
        rows: list[Completeness] = []
        for code in codes:
            if code == NOBODY:
                continue
            sent = self._of(code)
            counts: dict[What, Count] = {}
            for what in What:
                met, lacking = sent.met[what], missing[code, what]
                if met or lacking:
                    counts[what] = Count(met + lacking, met, sent.late[what])
            returns = self._returns(code)
            if code in owing:
                first = self._periods.first_of(owing[code])
                owed = max(0, due - first)
                counts[What.SITUATION] = Count(owed, returns.within(first, due), returns.late)
            rows.append(Completeness(code, counts, returns.nil, self._posted[code]))
        return tuple(sorted(rows, key=_least))


def _urgent(chain: Chain) -> tuple[int, int, int]:
    dues = [duty.due for duty in chain.pending if duty.due is not None]
    prio = _URGENCY.get(chain.root.prio or "", 3)
    return prio, min(dues, default=1 << 60), chain.root.place.seq


def _by_due(chain: Chain) -> tuple[int, int]:
    dues = [duty.due for duty in chain.pending if duty.due is not None]
    return min(dues, default=1 << 60), chain.root.place.seq


def _longest(row: Overdue) -> tuple[int, int, str, str]:
    place = 1 << 60 if row.chain is None else row.chain.root.place.seq
    return row.duty.due or 0, place, row.administration, row.duty.what


def _least(row: Completeness) -> tuple[float, int, str]:
    share = row.share
    return (2.0 if share is None else share), -row.total.owed, row.administration
