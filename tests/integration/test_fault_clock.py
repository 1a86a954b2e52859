"""A43: a wall clock that jumps under a running server, or stands before the log's last entry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cencomm_client.errors import TryLater

from tests.support.crew import muster
from tests.support.faults import diagnosed, named, noted, well
from tests.support.hindsight import broken_promises
from tests.support.moved_clock import FILE
from tests.support.server_process import ServerProcess
from tests.support.victims import Victims, town_on

pytestmark = pytest.mark.timed
LAUNCHER = (sys.executable, "-m", "tests.support.moved_clock")


class Hands:
    """Move the wall clock of the server process, and of nobody else."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.turn(0)

    def turn(self, seconds: int) -> None:
        """From now on it is wrong by so much."""
        self.file.write_text(str(seconds))


@pytest.fixture
def clock(tmp_path: Path) -> Hands:
    """Right at first."""
    return Hands(tmp_path / "clock")


@pytest.fixture
def process(embedded_program: Path, tmp_path: Path, clock: Hands) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path, embedded_program)
    made.launcher = LAUNCHER
    made.env[FILE] = str(clock.file)
    with made:
        yield made


@pytest.mark.parametrize("jump_s", [-3600, 120])
async def test_a_clock_that_jumps_stops_the_server_until_it_is_right_again(
    process: ServerProcess, tmp_path: Path, clock: Hands, jump_s: int
) -> None:
    async with town_on(process, tmp_path) as town:
        crew = await muster(town, 2)
        poster = crew.posters[0]
        await poster.post()
        clock.turn(jump_s)
        await named(process, "clock", "clock_jumped")
        with pytest.raises(TryLater) as refused:
            await poster.operation.channel("alpha").post("MSG", {"text": "late"}, patience_s=1)
        assert refused.value.code == "clock_jumped"
        assert (await diagnosed(process))[f"server {process.pid}"] == "clock_jumped"
        await noted(process, event="not_ready", part="clock", code="clock_jumped")
        clock.turn(0)
        await well(process)
        await poster.post()
        await noted(process, event="ready_again", part="clock")
        # the post that was refused is still the vault's to deliver, and stands there once
        poster.tried.append("late")
        broken = await broken_promises(town, crew)
        assert not broken, broken


async def test_a_server_started_before_the_logs_last_entry_takes_nothing(
    process: ServerProcess, embedded_program: Path, tmp_path: Path, clock: Hands
) -> None:
    async with town_on(process, tmp_path) as town:
        crew = await muster(town, 2)
        await crew.posters[0].post()
        pair = Victims(process, embedded_program)
        process.stop()
        clock.turn(-600)
        await pair.start_server()
        await named(process, "clock", "clock_jumped")
        # doctor has the machine's clock; what it says of its own is held by test_doctor
        assert await diagnosed(process) == {f"server {process.pid}": "clock_jumped"}
        process.stop()
        clock.turn(0)
        await pair.start_server()
        await well(process)
        await crew.posters[0].post()
