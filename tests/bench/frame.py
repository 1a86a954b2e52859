"""The frame of a bench: rows with a yardstick and a bar, fair timing, one table."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bar:
    """What a row must reach: a limit on its ratio to the yardstick, or on its value."""

    limit: float
    on_value: bool = False
    at_least: bool = False

    def holds(self, measured: float, slack: float = 1.0) -> bool:
        """Whether `measured` reaches it, or comes within a factor of `slack`."""
        if self.at_least:
            return measured * slack >= self.limit
        return measured <= self.limit * slack

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:g}" + ("" if self.on_value else "x")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a value, what the yardstick took in the same run, and the bar if there is one.

    `yardstick` says what it was measured beside; `yardstick_value` is in the same unit.
    """

    name: str
    value: float
    unit: str
    yardstick: str = ""
    yardstick_value: float | None = None
    bar: Bar | None = None

    @property
    def ratio(self) -> float | None:
        """Value over yardstick."""
        return None if not self.yardstick_value else self.value / self.yardstick_value

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        return self.within(1.0)

    def within(self, slack: float) -> bool | None:
        """Whether it is reached with a factor of slack, as `make test` asks on small sizes."""
        if self.bar is None:
            return None
        measured = self.value if self.bar.on_value else self.ratio
        return measured is not None and self.bar.holds(measured, slack)


@dataclass(frozen=True, slots=True)
class Bench:
    """A named group of rows."""

    name: str
    run: Callable[[], Iterable[Row]]


def side_by_side(
    ours: Callable[[], object], yardstick: Callable[[], object], *, rounds: int = 5
) -> tuple[float, float]:
    """Best seconds of both, interleaved: what else the machine does then hurts both alike.

    The best of several rounds, because noise only ever adds. Each is called once beforehand.
    """
    best = [math.inf, math.inf]
    ours(), yardstick()
    gc.collect()
    for _ in range(rounds):
        for place, call in enumerate((ours, yardstick)):
            started = time.perf_counter()
            call()
            best[place] = min(best[place], time.perf_counter() - started)
    return best[0], best[1]


def table(title: str, rows: Sequence[Row]) -> Table:
    """Rows as a rich table."""
    shown = Table(title=title, title_justify="left")
    for heading in ("line", "value", "yardstick", "ratio", "bar", "verdict"):
        shown.add_column(heading, justify="left" if heading == "line" else "right")
    for row in rows:
        beside = "" if row.yardstick_value is None else _number(row.yardstick_value, row.unit)
        shown.add_row(
            row.name,
            _number(row.value, row.unit),
            f"{row.yardstick} {beside}".strip(),
            "" if row.ratio is None else f"{row.ratio:.2f}x",
            "" if row.bar is None else str(row.bar),
            {None: "", True: "[green]holds[/]", False: "[red]fails[/]"}[row.holds],
        )
    return shown


def run(benches: Sequence[Bench], console: Console) -> bool:
    """Run the benches one after the other and print each table; True if no bar failed.

    On a terminal a line below says what was measured last.
    """
    good = True
    for bench in benches:
        rows: list[Row] = []
        with console.status(f"{bench.name} ...") as status:
            for row in bench.run():
                rows.append(row)
                status.update(f"{bench.name}: {len(rows)} lines, the last: {row.name}")
        console.print(table(bench.name, rows))
        good = good and all(row.holds is not False for row in rows)
    return good


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}"
