"""The desk as a picture: one screen that fits its terminal, from 80x24 up (`cencomm desk`).

Draws a `Snapshot` and nothing else; every foreign text goes through `shown` (A51), every word of
ours comes from the catalogue (`label_desk_...`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cencomm_config.catalog import DEFAULT_LANGUAGE, sentences
from cencomm_config.display import shown
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from cencomm_client.cli.steady import Steady
from cencomm_client.work import reading
from cencomm_client.work.chain import Chain
from cencomm_client.work.clocks import Stage
from cencomm_client.work.duties import NOBODY
from cencomm_client.work.sightings import Spot
from cencomm_client.work.snapshot import Completeness, Snapshot

MOST = 100  # rows that a snapshot needs for a screen
WIDE, HIGH = 120, 40  # from here on there is room for two columns and every list
_MARKS = {"flash": ("FLASH", "bold white on red"), "immediate": ("immed", "bold red")}
_STAGES = {Stage.RECIPIENT: "yellow", Stage.NCP: "dark_orange", Stage.OCU: "bold red"}
_STANDS = {"waiting": "yellow", "declined": "bold red", "accepted": "green", "seizure": "magenta"}
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_BAR = 10
_CUT_SHORT = frozenset(["recip"])  # headings that are abbreviations; a label has no full stop
Cell = Text | str
Hide = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Head:
    """What stands on the first line: foreign name, phase, who looks, whether it is live."""

    operation: str
    phase: str
    code: str
    live: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column: heading, and whether it takes the room that is left."""

    heading: str
    wide: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class _Fitting:
    """Words in one line, the most important first: whole ones as long as there is room."""

    words: Sequence[Text]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Text(no_wrap=True, overflow="ellipsis")
        for word in self.words:
            if line.cell_len + cell_len(word.plain.rstrip()) > options.max_width:
                break
            line.append_text(word)
        yield line


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list that shows as many rows as it has room for, and how many more there are."""

    title: str
    count: int
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    style: str = "cyan"
    listed: int | None = None  # rows there are, where some were cut off already

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max((options.height or len(self.rows) + 2) - 2, 0)
        title = Text(no_wrap=True, overflow="ellipsis")
        title.append(f"{self.title.upper()} ", f"bold {self.style}").append(str(self.count), "bold")
        more = (len(self.rows) if self.listed is None else self.listed) - room
        if more > 0 and room:
            title.append(f"  +{more}", "dim")
        yield title
        table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0))
        table.header_style = "dim"
        for column in self.columns:
            table.add_column(
                column.heading,
                ratio=1 if column.wide else None,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in self.rows[:room]:
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        yield table


class DeskScreen:
    """The whole screen; takes the size that it is drawn at.

    `hide` says of which entries (by number) it is not shown what they are about: where the
    picture goes into a file, handling codes act.
    """

    def __init__(
        self,
        head: Head,
        snapshot: Snapshot,
        hide: Hide | None = None,
        language: str = DEFAULT_LANGUAGE,
    ) -> None:
        self._head, self._snapshot, self._hide = head, snapshot, hide
        self._spoken = sentences(language)

    def _word(self, name: str) -> str:
        """The catalogue's word; what it does not know (a newer outcome) as it is."""
        return self._spoken.get(f"label_desk_{name}") or shown(name)

    def _columns(self, *names: str) -> tuple[Column, ...]:
        """Columns by their names: `#` stays, `>` stands to the right, `*` takes what is left."""
        made: list[Column] = []
        for name in names:
            plain = name.lstrip(">*")
            heading = plain if plain == "#" else self._word(plain) + "." * (plain in _CUT_SHORT)
            made.append(Column(heading, wide=name.startswith("*"), right=name.startswith(">")))
        return tuple(made)

    def _nobody(self) -> str:
        """No code of an administration: brackets are never part of one."""
        return f"({self._word('nobody')})"

    def _withheld(self) -> str:
        return f"({self._word('withheld')})"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.size.height
        options = options.update(height=height)
        wide = options.max_width >= WIDE and height >= HIGH
        whole = Steady(self._wide() if wide else self._narrow(height))
        yield from console.render(whole, options)

    def _narrow(self, height: int) -> Layout:
        """One column, the lists below the warnings side by side."""
        snap = self._snapshot
        lower = (height - 2 - bool(snap.clones) - (snap.suspended is not None)) // 3
        middle = _beside(self._by_stage(), self._complete())
        bottom = _beside(self._hits(), self._tasks())
        middle.size = bottom.size = lower
        whole = Layout()
        whole.split_column(*self._top(), Layout(self._warnings()), middle, bottom)
        return whole

    def _wide(self) -> Layout:
        left, right, whole, below = Layout(ratio=3), Layout(ratio=2), Layout(), Layout()
        left.split_column(
            Layout(self._warnings(), ratio=2), Layout(self._overdue()), Layout(self._hits(), size=8)
        )
        right.split_column(
            Layout(self._by_stage(), ratio=2),
            Layout(self._complete(), ratio=3),
            Layout(self._nil(), ratio=1),
            Layout(self._tasks(), size=8),
        )
        below.split_row(left, Layout(Text(" "), size=2), right)
        whole.split_column(*self._top(), below)
        return whole

    # -- the lines on top ---------------------------------------------------------------------

    def _top(self) -> list[Layout]:
        head, snap = self._head, self._snapshot
        clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(snap.at / _SECOND))
        first = Table.grid(expand=True)
        first.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        first.add_column(justify="right", no_wrap=True)
        state = ("connected", "bold green") if head.live else ("not_connected", "bold yellow")
        first.add_row(
            Text.assemble(
                (shown(head.operation), "bold"), f"  {self._word(head.phase)}  {shown(head.code)}"
            ),
            Text.assemble(f"{clock}  ", (self._word(state[0]), state[1])),
        )
        totals = snap.totals
        counts: list[Text] = []
        for name, count, style in (
            ("open_warnings", totals.warnings, "cyan"),
            ("overdue", totals.overdue, "bold red"),
            ("hits", totals.hits, "yellow"),
            ("tasks", totals.tasks, "yellow"),
            ("returns_due", len(snap.nil_due), "yellow"),
            ("seizures", totals.seizures, "magenta"),
            ("entries", totals.entries, "dim"),
        ):
            told = (f"{count:,} ", style if count else "dim"), (f"{self._word(name)}  ", "dim")
            counts.append(Text.assemble(*told))
        lines = [Layout(first, size=1), Layout(_Fitting(counts), size=1)]
        if snap.suspended is not None:
            lines.append(Layout(self._stands_still(snap.at - snap.suspended), size=1))
        if snap.clones:
            lines.append(Layout(self._clones(), size=1))
        return lines

    def _stands_still(self, ms: int) -> Text:
        """Why nothing becomes overdue although time goes by."""
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f" {self._word('suspended').upper()} {span(ms)} ", "bold white on blue")
        return line.append(f" {self._word('clocks_stand_still')}")

    def _clones(self) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(
            f" {self._word('clones').upper()} {len(self._snapshot.clones)} ", "bold white on red"
        )
        for clone in self._snapshot.clones[:3]:
            spots = f"{_spot(clone.first)} / {_spot(clone.second)}"
            if self._hide is not None and any(map(self._hide, clone.entries)):
                line.append(f" {self._withheld()} ")
                continue
            line.append(f" {shown(clone.number)} ", "bold").append(f"{spots} ")
        return line

    def _about(self, chain: Chain) -> str:
        """What a chain is about, as text that harms no terminal."""
        if self._hide is not None and self._hide(chain.root.place.seq):
            return self._withheld()
        return shown(chain.subject, max_len=120)

    # -- the lists ----------------------------------------------------------------------------

    def _warnings(self) -> Section:
        columns = self._columns(">#", "prio", ">age", "from", "to", "*about", "stands", ">due")
        rows = [self._warning(chain) for chain in self._snapshot.warnings]
        return _items(self._word("open_warnings"), self._snapshot.totals.warnings, columns, rows)

    def _warning(self, chain: Chain) -> Sequence[Cell]:
        root, now = chain.root, self._snapshot.at
        mark, style = _MARKS.get(root.prio or "", (shown(root.prio or "", max_len=8), ""))
        owing = dict.fromkeys(duty.administration for duty in chain.pending)
        return (
            str(root.place.seq),
            Text(mark, style),
            span(now - root.place.at),
            shown(root.author.administration, max_len=6),
            _few(code for code in owing if code != NOBODY),
            self._about(chain),
            Text(self._word(chain.stand), _STANDS.get(chain.stand, "")),
            self._due(chain),
        )

    def _due(self, chain: Chain) -> Text:
        now = self._snapshot.clock
        due = min((duty.due for duty in chain.pending if duty.due is not None), default=None)
        if due is None:
            return Text("")
        if due >= now:
            return Text(span(due - now), "green" if due - now > _HOUR else "yellow")
        stages = [stage for duty in chain.pending if (stage := duty.stage(now)) is not None]
        return Text(f"-{span(now - due)}", _STAGES[max(stages, default=Stage.RECIPIENT)])

    def _by_stage(self) -> Section:
        stages = self._snapshot.stages
        oldest: dict[str, int] = {}
        for row in self._snapshot.overdue:
            if row.duty.due is not None:
                oldest.setdefault(row.administration, row.duty.due)
        order = sorted(
            stages,
            key=lambda code: ([-stages[code].get(stage, 0) for stage in reversed(Stage)], code),
        )
        rows: list[Sequence[Cell]] = []
        for code in order:
            counts = [
                Text(str(count), _STAGES[stage]) if (count := stages[code].get(stage, 0)) else ""
                for stage in Stage
            ]
            since = f"-{span(self._snapshot.clock - oldest[code])}" if code in oldest else ""
            name = shown(code, max_len=12) if code != NOBODY else self._nobody()
            rows.append((name, *counts, since))
        columns = self._columns("*administration", ">recip", ">ncp", ">ocu", ">longest")
        title = self._word("by_stage")
        return Section(title, self._snapshot.totals.overdue, columns, rows, "red")

    def _overdue(self) -> Section:
        rows: list[Sequence[Cell]] = []
        for row in self._snapshot.overdue:
            since = "" if row.duty.due is None else f"-{span(self._snapshot.clock - row.duty.due)}"
            chain = row.chain
            rows.append(
                (
                    Text(self._word(row.stage.label), _STAGES[row.stage]),
                    shown(row.administration or self._nobody(), max_len=12),
                    self._word(row.duty.what),
                    since,
                    "" if chain is None else str(chain.root.place.seq),
                    self._word("situation_report") if chain is None else self._about(chain),
                )
            )
        columns = self._columns("with", "owes", "what", ">since", ">#", "*about")
        return _items(
            self._word("longest_overdue"), self._snapshot.totals.overdue, columns, rows, "red"
        )

    def _complete(self) -> Section:
        rows = [_completeness(row) for row in self._snapshot.completeness]
        columns = self._columns("*administration", "sent", ">owed", ">late", ">nil")
        return Section(self._word("completeness"), len(rows), columns, rows)

    def _hits(self) -> Section:
        rows = [
            (
                str(chain.root.place.seq),
                span(self._snapshot.at - chain.root.place.at),
                shown(chain.root.author.administration, max_len=6),
                self._about(chain),
            )
            for chain in self._snapshot.hits
        ]
        columns = self._columns(">#", ">age", "from", "*about")
        return _items(self._word("to_triage"), self._snapshot.totals.hits, columns, rows, "yellow")

    def _tasks(self) -> Section:
        rows = [
            (
                str(chain.root.place.seq),
                _few(duty.administration for duty in chain.pending) or _role(chain),
                Text.assemble(("! ", "bold red") if _mandatory(chain) else "", self._about(chain)),
                self._due(chain),
            )
            for chain in self._snapshot.tasks
        ]
        columns = self._columns(">#", "to", "*about", ">due")
        return _items(self._word("tasks"), self._snapshot.totals.tasks, columns, rows, "yellow")

    def _nil(self) -> Section:
        rows = [
            (
                shown(row.administration),
                str(row.missing),
                f"-{span(self._snapshot.clock - row.since)}",
            )
            for row in self._snapshot.nil_due
        ]
        columns = self._columns("*administration", ">missing", ">since")
        return Section(self._word("returns_due"), len(rows), columns, rows, "yellow")


def span(ms: int) -> str:
    """A length of time in at most five characters: 45s, 12m, 3h05, 2d04h."""
    ms = max(ms, 0)
    if ms < _MINUTE:
        return f"{ms // _SECOND}s"
    if ms < _HOUR:
        return f"{ms // _MINUTE}m"
    if ms < _DAY:
        return f"{ms // _HOUR}h{ms % _HOUR // _MINUTE:02}"
    days, hours = ms // _DAY, ms % _DAY // _HOUR
    return f"{days}d{hours:02}h" if days < 10 else f"{days}d"


def _items(
    title: str,
    count: int,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    style: str = "cyan",
) -> Section:
    """A list of what it counts."""
    return Section(title, count, columns, rows, style, count)


def _beside(left: Section, right: Section) -> Layout:
    """Two lists side by side."""
    both = Layout()
    both.split_row(Layout(left), Layout(Text(" "), size=2), Layout(right))
    return both


def _completeness(row: Completeness) -> Sequence[Cell]:
    share = row.share
    name = Text(shown(row.administration, max_len=12), "" if row.posted else "bold red")
    if share is None:
        bar = Text("·" * _BAR, "dim")
    else:
        full = int(share * _BAR)
        style = "green" if share >= 1 else "yellow" if share >= 0.5 else "red"
        bar = Text.assemble(("█" * full, style), ("░" * (_BAR - full), "dim"))
    total = row.total
    counts = f"{total.sent}/{total.owed}"
    return name, bar, counts, str(total.late or ""), str(row.nil or "")


def _few(codes: Iterable[str]) -> str:
    """Up to two codes, and how many more."""
    found = [shown(code, max_len=6) for code in codes if code]
    more = f"+{len(found) - 2}" if len(found) > 2 else ""
    return ",".join(found[:2]) + more


def _role(chain: Chain) -> str:
    role = reading.assigned_role(chain.present.content or {})
    return "" if role is None else shown(role, max_len=11)


def _mandatory(chain: Chain) -> bool:
    return reading.mandatory(chain.present.content or {})


def _spot(spot: Spot) -> str:
    when = time.strftime("%d %H:%M", time.gmtime(min(spot[1].when.start, 1 << 45) / _SECOND))
    return f"{shown(spot[1].place)} {when} #{spot[0]}"
