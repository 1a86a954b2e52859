"""A43: a wall clock that jumps under a running server, or stands before the log's last entry."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cencomm_client.errors import TryLater

from tests.support.crew import Crew, muster
from tests.support.deployment import Deployment
from tests.support.faults import RECOVERED_S, diagnosed, logged, named, well
from tests.support.hindsight import broken_promises
from tests.support.moved_clock import FILE
from tests.support.server_process import ServerProcess
from tests.support.victims import Victims, town_on
from tests.support.waiting import until

pytestmark = [pytest.mark.timed, pytest.mark.asyncio(loop_scope="module")]
WRONG = {"event": "not_ready", "part": "clock", "code": "clock_jumped"}
RIGHT = {"event": "ready_again", "part": "clock"}
LAUNCHER = (sys.executable, "-m", "tests.support.moved_clock")


class Hands:
    """Move the wall clock of the server process, and of nobody else."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.turn(0)

    def turn(self, seconds: int) -> None:
        """From now on it is wrong by so much."""
        self.file.write_text(str(seconds))


@dataclass(frozen=True)
class Scene:
    """A server, its clock, and who posts there."""

    process: ServerProcess
    clock: Hands
    town: Deployment
    crew: Crew


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    embedded_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One for the module: each test leaves the clock right, and all well."""
    folder = tmp_path_factory.mktemp("clock")
    clock = Hands(folder / "clock")
    process = ServerProcess(folder, embedded_program)
    process.launcher = LAUNCHER
    process.env[FILE] = str(clock.file)
    with process:
        async with town_on(process, folder) as town:
            yield Scene(process, clock, town, await muster(town, 2))


@pytest.mark.parametrize("jump_s", [-3600, 120])
async def test_a_clock_that_jumps_stops_the_server_until_it_is_right_again(
    scene: Scene, jump_s: int
) -> None:
    process, clock, crew = scene.process, scene.clock, scene.crew
    poster = crew.posters[0]
    wrong, right = (len(logged(process, **line)) for line in (WRONG, RIGHT))
    await poster.post()
    clock.turn(jump_s)
    await named(process, "clock", "clock_jumped")
    late = f"late by {jump_s} s"
    with pytest.raises(TryLater) as refused:
        await poster.operation.channel("alpha").post("MSG", {"text": late}, patience_s=1)
    assert refused.value.code == "clock_jumped"
    assert (await diagnosed(process))[f"server {process.pid}"] == "clock_jumped"
    await until(lambda: len(logged(process, **WRONG)) > wrong, "a word of it", RECOVERED_S)
    clock.turn(0)
    await well(process)
    await poster.post()
    await until(lambda: len(logged(process, **RIGHT)) > right, "a word of that", RECOVERED_S)
    # the post that was refused is still the vault's to deliver, and stands there once
    poster.tried.append(late)
    broken = await broken_promises(scene.town, crew)
    assert not broken, broken


async def test_a_server_started_before_the_logs_last_entry_takes_nothing(
    scene: Scene, embedded_program: Path
) -> None:
    process, clock, poster = scene.process, scene.clock, scene.crew.posters[0]
    await poster.post()
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
    await poster.post()
