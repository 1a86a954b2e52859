"""Long readings of a log tell how far they are; short ones say nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cencomm_client.cli.progress_line import ProgressLine
from cencomm_client.mirror import Mirror
from cencomm_client.progress import EVERY, Stage, counted
from rich.console import Console

from tests.bench.bench_desk import Yard, fill, settle, talk
from tests.support.served import Served

Told = list[tuple[Stage, int, int]]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    made = settle(tmp_path_factory.mktemp("yard"), 3)
    talk(made, 2 * EVERY)
    fill(made)
    return made


def hear(told: Told, stage: Stage, done: int, total: int) -> None:
    told.append((stage, done, total))


def rises(told: Told, stage: Stage, total: int) -> bool:
    """Whether a stage was told from its start to its end, in steps."""
    rows = [row for row in told if row[0] is stage]
    steps = [done for _, done, _ in rows]
    return (
        {of for _, _, of in rows} == {total}
        and steps == sorted(steps)
        and steps[-1] == total
        and len(steps) >= total // EVERY
    )


def test_opening_tells_what_it_has_verified_and_opened(yard: Yard) -> None:
    told: Told = []
    mirror, _ = yard.open(lambda *row: hear(told, *row))
    mirror.close()
    size = yard.operation.log.size
    assert rises(told, Stage.VERIFYING, size)
    assert rises(told, Stage.OPENING, size)
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [Stage.VERIFYING, Stage.OPENING]


async def test_reading_from_the_server_tells_what_it_has_fetched(
    yard: Yard, tmp_path: Path
) -> None:
    told: Told = []
    source = Served(yard.operation.directory, yard.people[0])
    log = source.add(yard.operation)
    replica = tmp_path / "replica"
    mirror = Mirror.load(yard.vault, replica, yard.now, progress=lambda *row: hear(told, *row))
    await mirror.pull_directory(source)
    await mirror.pull(source, log)
    mirror.close()
    size = yard.operation.log.size
    assert rises(told, Stage.FETCHING, size)
    assert rises(told, Stage.VERIFYING, size)


def test_a_short_reading_is_not_told() -> None:
    told: Told = []
    items = range(EVERY - 1)
    read = counted(items, Stage.OPENING, len(items), lambda *row: hear(told, *row))
    assert (list(read), told) == (list(items), [])


def drawn(*, terminal: bool = True, mute: bool = False, upto: int = 900) -> str:
    """What a stage of 1,000 entries writes on standard error, up to so many of them."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80)
    with ProgressLine(console, lambda stage: f"<{stage}>", patience_s=0) as line:
        if mute:
            line.mute()
        for done in (0, 500, upto):
            line(Stage.VERIFYING, done, 1_000)
    return file.getvalue()


def test_a_person_sees_the_stage_and_the_count_and_nothing_stays() -> None:
    text = drawn()
    assert "<verifying>" in text
    assert "900/1000" in text.replace(" ", "")
    for ending in (text, drawn(upto=1_000)):
        assert ending.endswith("\r\x1b[1A\x1b[2K")  # one line up, and that line erased


def test_what_takes_a_moment_only_is_not_shown() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80)
    with ProgressLine(console, str) as line:
        for done in (0, 500, 1_000):
            line(Stage.OPENING, done, 1_000)
    assert file.getvalue() == ""


def test_programs_and_full_screens_see_no_line() -> None:
    assert drawn(terminal=False) == ""
    assert drawn(mute=True) == ""
