"""The desk: open warnings, what is overdue and whose turn it is, hits, tasks, returns, clones.

    desk = Desk(Clocks.of(genesis), timeline, who)
    for item in operation.items(): desk.take(item)
    desk.snapshot(now)

A fold: `take` costs the same however long the log is; what one entry changes is its own chain,
made anew when somebody looks. The present and the history of each entry stay at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cencomm_client.handling import Handling
from cencomm_client.items import Item, Message
from cencomm_client.profiles import KIND as PROFILE
from cencomm_client.work import reading
from cencomm_client.work.agenda import Agenda
from cencomm_client.work.chain import Chain, Report, Who, build
from cencomm_client.work.changes import Present, sound
from cencomm_client.work.clocks import Clocks, Stage
from cencomm_client.work.duties import NOBODY, Duty, What
from cencomm_client.work.ranked import Ranked
from cencomm_client.work.sightings import Sightings
from cencomm_client.work.situation import Periods, Returns
from cencomm_client.work.snapshot import Completeness, Count, NilDue, Overdue, Snapshot, Totals
from cencomm_client.work.threads import Threads
from cencomm_client.work.timeline import Timeline

_URGENCY = {"flash": 0, "immediate": 1, "priority": 2}


@dataclass(slots=True)
class _Sent:
    """What one administration did, as running totals."""

    met: Counter[What] = field(default_factory=Counter)
    late: Counter[What] = field(default_factory=Counter)
    reports: dict[bytes, tuple[Report, ...]] = field(default_factory=dict)  # by chain
    returns: Returns | None = None  # None: to be counted anew


class Desk:
    """One operation's work as this device can read it."""

    def __init__(
        self, clocks: Clocks, timeline: Timeline, who: Who, threads: Threads | None = None
    ) -> None:
        """One that takes another course (`Timeline`) is a desk of its own.

        `threads` are kept by somebody else, who calls `note`; without them, call `take`.
        """
        self._clocks, self._who = replace(clocks, pauses=timeline.pauses), who
        self._timeline = timeline
        self._periods = Periods.of(timeline, clocks.sit)
        self._nothing_sent = Returns.of((), self._periods)
        self._threads = Threads() if threads is None else threads
        self._settled = 0  # up to which mark of the threads
        self.handling = Handling(self._threads.changes, self._threads.message, who.may_grant)
        """What may leave, as everything stands now."""
        self._chains: dict[bytes, Chain] = {}
        self._said: dict[bytes, dict[bytes, Message]] = {}  # MSG by mid
        self._warnings, self._tasks = Ranked(_urgent), Ranked(_by_due)
        self._hits = Ranked(lambda chain: (chain.root.place.seq,))
        self._agenda = Agenda()
        self._sent: dict[str, _Sent] = {}
        self._posted: Counter[str] = Counter()
        self._counted: set[bytes] = set()
        self._sightings = Sightings()
        self._seizures = 0
        self._rows: dict[str, Completeness] = {}
        self._nil_due: dict[str, tuple[NilDue, Overdue]] = {}
        self._rows_of: tuple[int, Mapping[str, int]] = (-1, {})
        self._stale: set[str] = set()

    def take(self, item: Item) -> None:
        """Take an item, or a later version of one."""
        if isinstance(item, Message) and item.kind != PROFILE:
            self._threads.take(item)
            self.note(item)

    def note(self, item: Item) -> None:
        """The same, of one that stands in its thread already."""
        if not isinstance(item, Message) or item.kind == PROFILE:
            return
        self.handling.take(item)
        if item.kind == reading.MESSAGE and item.mid is not None:
            self._said.setdefault(item.mid, {})[item.place.leaf] = item
        self._count_entry(item)

    def _count_entry(self, item: Message) -> None:
        """A sound entry counts for its administration: once, and no longer than it is sound."""
        leaf = item.place.leaf
        counts = sound(item) and self._threads.canonical(leaf) == leaf
        if counts == (leaf in self._counted):
            return
        (self._counted.add if counts else self._counted.discard)(leaf)
        self._posted[item.author.administration] += 1 if counts else -1
        self._stale.add(item.author.administration)

    # -- what stands ---------------------------------------------------------------------------

    def chain(self, leaf: bytes) -> Chain | None:
        """The chain that an entry is in, as it stands."""
        self.settle()
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

    def said(self, mid: bytes, re: bytes | None) -> list[Message]:
        """Every sound MSG of this `mid` that answers `re`, in the log's order."""
        found = sorted(self._said.get(mid, {}).values(), key=lambda one: one.place.seq)
        return [one for one in found if sound(one) and self._answers(one, re)]

    def _answers(self, message: Message, re: bytes | None) -> bool:
        return re == (None if message.re is None else self._threads.canonical(message.re))

    def clock(self, now: int) -> int:
        """How far the clocks have come at `now` (ms)."""
        return self._timeline.clock(now)

    def snapshot(self, now: int, most: int | None = None) -> Snapshot:
        """The desk at `now` (ms): own clock or the log's time, whichever is later.

        `most` cuts the long lists; what one administration did is never cut.
        """
        self.settle()
        clock = self._agenda.advance(self.clock(now))
        self._recount(clock)
        reports = [
            Overdue(
                row.administration, row.duty, row.duty.stage(clock) or row.stage, None, row.period
            )
            for _, row in self._nil_due.values()
        ]
        overdue = sorted([*self._agenda.overdue(most), *reports], key=_longest)
        stages = {code: dict(counts) for code, counts in self._agenda.stages.items()}
        for row in reports:
            counts = stages.setdefault(row.administration, {})
            counts[row.stage] = counts.get(row.stage, 0) + 1
        return Snapshot(
            at=max(now, clock),
            clock=clock,
            suspended=self._timeline.suspended,
            totals=Totals(
                entries=len(self._counted),
                warnings=len(self._warnings),
                overdue=len(self._agenda) + len(reports),
                hits=len(self._hits),
                tasks=len(self._tasks),
                seizures=self._seizures,
            ),
            warnings=self._warnings.first(most),
            overdue=tuple(overdue[:most]),
            stages=stages,
            hits=self._hits.first(most),
            tasks=self._tasks.first(most),
            nil_due=tuple(sorted((row for row, _ in self._nil_due.values()), key=_longest_nil)),
            completeness=tuple(sorted(self._rows.values(), key=_least)),
            clones=self._sightings.clones(),
        )

    # -- inside -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Make the touched chains anew, and put their part into the totals."""
        touched, self._settled = self._threads.touched_since(self._settled)
        for root in touched:
            before = self._chains.pop(root, None)
            if before is not None:
                self._count(before, -1)
            message = self._threads.message(root)
            if message is None or not self._threads.alive(root):
                continue
            made = build(
                message,
                self._threads.members(root),
                self._threads.answers(root) if message.kind == reading.HIT else (),
                self._threads.changes,
                self._clocks,
                self._who,
            )
            self._chains[root] = made
            self._count(made, 1)

    def _count(self, chain: Chain, sign: int) -> None:
        leaf = chain.leaf
        for duty in chain.duties:
            if duty.met_at is not None:
                sent = self._of(duty.administration)
                self._stale.add(duty.administration)
                sent.met[duty.what] += sign
                sent.late[duty.what] += sign * duty.late
                self._seizures += sign * (duty.what is What.SEIZURE)
        for code in {report.administration for report in chain.reports}:
            sent = self._of(code)
            self._stale.add(code)
            own = tuple(one for one in chain.reports if one.administration == code)
            sent.reports.pop(leaf, None)
            if sign > 0:
                sent.reports[leaf] = own
            sent.returns = None
        if sign > 0:
            self._sightings.add(chain.seen)
            self._agenda.add(chain)
            if chain.open:
                self._list(chain).add(chain)
        else:
            self._sightings.remove(chain.seen)
            self._agenda.remove(chain)
            self._list(chain).remove(chain)

    def _list(self, chain: Chain) -> Ranked:
        if chain.kind == reading.WARNING:
            return self._warnings
        return self._hits if chain.kind == reading.HIT else self._tasks

    def _of(self, code: str) -> _Sent:
        found = self._sent.get(code)
        if found is None:
            found = self._sent[code] = _Sent()
        return found

    def _returns(self, code: str) -> Returns:
        sent = self._sent.get(code)
        if sent is None:
            return self._nothing_sent
        if sent.returns is None:
            every = [report for reports in sent.reports.values() for report in reports]
            sent.returns = Returns.of(every, self._periods)
        return sent.returns

    def _recount(self, now: int) -> None:
        """Bring the rows of the administrations up to date of which something has changed."""
        due, owing = self._periods.due_by(now), self._who.owing()
        stale = self._stale | self._agenda.touched
        if (due, owing) != self._rows_of:
            self._rows_of = due, dict(owing)
            self._rows.clear()
            self._nil_due.clear()
            stale = {*owing, *self._sent, *self._posted, *self._agenda.stages}
        for code in stale - {NOBODY}:
            owed = None if code not in owing else (self._periods.first_of(owing[code]), due)
            self._rows[code] = self._completeness(code, owed)
            missing = None if owed is None else self._missing(code, *owed)
            if missing is None:
                self._nil_due.pop(code, None)
            else:
                self._nil_due[code] = missing
        self._stale.clear()
        self._agenda.touched.clear()

    def _completeness(self, code: str, owed: tuple[int, int] | None) -> Completeness:
        """One administration; `owed` are the periods that it reports on, None for none."""
        sent, counts = self._of(code), dict[What, Count]()
        for what in What:
            met, lacking = sent.met[what], self._agenda.missing[code, what]
            if met or lacking:
                counts[what] = Count(met + lacking, met, sent.late[what])
        returns = self._returns(code)
        if owed is not None:
            asked = self._periods.owed(*owed)
            counts[What.SITUATION] = Count(asked, asked - returns.missing(*owed), returns.late)
        total = Count(
            sum(count.owed for count in counts.values()),
            sum(count.sent for count in counts.values()),
            sum(count.late for count in counts.values()),
        )
        return Completeness(code, counts, total, returns.nil, self._posted[code])

    def _missing(self, code: str, first: int, due: int) -> tuple[NilDue, Overdue] | None:
        """The reports of [first, due) that an administration owes still."""
        returns = self._returns(code)
        count = returns.missing(first, due)
        oldest = returns.first_missing(first, due) if count > 0 else None
        if oldest is None:
            return None
        since = self._periods.due(oldest)
        duty = Duty(What.SITUATION, code, self._clocks.due(since, self._clocks.sit))
        row = Overdue(code, duty, Stage.RECIPIENT, None, oldest)
        return NilDue(code, count, since), row


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


def _longest_nil(row: NilDue) -> tuple[int, str]:
    return row.since, row.administration


def _least(row: Completeness) -> tuple[float, int, str]:
    share = row.share
    return (2.0 if share is None else share), -row.total.owed, row.administration
