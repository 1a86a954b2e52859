"""The bars of the crypto benches on small numbers, with half again as slack for busy machines.

`python -m tests.bench` measures the real sizes without slack.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from rich.console import Console

from tests.bench import bench_crypto, bench_forms
from tests.bench.__main__ import BENCHES, main
from tests.bench.frame import Bar, Bench, Row, run

pytestmark = pytest.mark.alone

SLACK = 1.5


def expect(rows: Iterable[Row]) -> None:
    """Every bar among the rows is reached, slack given."""
    barred = [row for row in rows if row.bar is not None]
    assert barred
    for row in barred:
        assert row.bar is not None
        measured = row.value if row.bar.on_value else row.ratio
        assert measured is not None
        assert measured <= row.bar.limit * SLACK, f"{row.name}: {measured:.2f}, bar {row.bar}"


def test_sealing_and_opening_stay_near_the_bare_calls() -> None:
    expect(bench_crypto.sealing(messages=300))


def test_a_rotation_stays_near_as_many_bare_sealed_boxes() -> None:
    expect(bench_crypto.rotation(size=150))


def test_the_wraps_of_3000_devices_stay_below_400_kb() -> None:
    (wraps,) = [row for row in bench_crypto.rotation(size=50) if row.unit == "kB"]
    assert wraps.value / 50 * 3_000 <= 400


def test_verifying_a_log_stays_near_the_bare_signatures() -> None:
    expect(bench_crypto.replay(messages=1_500, members=10))


def test_checking_the_biggest_form_stays_near_writing_it_as_json() -> None:
    """The bar of 50 us is for a quiet machine; beside `json` a busy one shows the same."""
    check, _ = bench_forms.forms()
    assert check.ratio is not None
    assert check.ratio <= 6


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("no bar", 1, "s"), None),
        (Row("ratio", 3, "s", "bare", 2, Bar(2)), True),
        (Row("ratio", 5, "s", "bare", 2, Bar(2)), False),
        (Row("rate", 75, "/s", "bare", 100, Bar(0.75, at_least=True)), True),
        (Row("rate", 74, "/s", "bare", 100, Bar(0.75, at_least=True)), False),
        (Row("size", 300, "MB", bar=Bar(300, on_value=True)), True),
        (Row("yardstick missing", 1, "s", bar=Bar(2)), False),
    ],
)
def test_a_row_says_whether_it_reaches_its_bar(row: Row, holds: bool | None) -> None:
    assert row.holds is holds


def test_a_missed_bar_fails_the_run_and_is_printed() -> None:
    console = Console(record=True, width=120, quiet=False, file=None)
    with console.capture() as captured:
        missed = run([Bench("b", lambda: [Row("slow", 9, "s", "bare", 1, Bar(2))])], console)
    assert missed is False
    assert "fails" in captured.get()
    assert "9.00x" in captured.get()


def test_an_unknown_bench_is_named_with_those_that_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["warp"]) == 2
    said = capsys.readouterr().out
    assert "warp" in said
    assert all(bench.name in said for bench in BENCHES)
