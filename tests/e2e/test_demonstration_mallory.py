"""The demonstration against servers that play a row: it ends at the alarm and names the row."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.timed, pytest.mark.timeout(600)]
# A3 and A43 are noticed in tests/mallory; in the longer play A3's victim may see its window end
# first, and A43's server is caught forking (A4) before its clock is.
ROWS = ("A2", "A4", "A6", "A8", "A39", "A49")
SOON = ("A4", "A8")  # noticed in the first half minute; the rest where there is time, as in CI
AT_ONCE = 2  # each is a dozen processes; those that end soon leave the cores to the first
LONGEST_S = 400.0  # of one play, on a busy machine
ENDING_S = 20.0


async def play(row: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run it on processes of its own against `row`; the exit status and the last line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cencomm_client.demo",
        env={
            **os.environ,
            "ONCE": "1",
            "CENCOMM_DEMO_DIR": str(folder / row),
            "CENCOMM_DEMO_SERVER": shlex.join(
                [sys.executable, "-m", "tests.mallory.server", "--row", row]
            ),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            said, _ = await process.communicate()
    finally:
        await ended(process)
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert process.returncode is not None
    return process.returncode, result


async def ended(process: asyncio.subprocess.Process) -> None:
    """Interrupt it as a person would, so that it ends its own processes."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(ENDING_S):
            await process.wait()


@pytest.mark.usefixtures("embedded_program")
async def test_each_row_is_noticed_and_named(tmp_path: Path, rounds: int) -> None:
    rows = ROWS if rounds >= 10 else SOON
    places = asyncio.Semaphore(AT_ONCE)

    async def one(row: str) -> tuple[int, dict[str, Any]]:
        async with places:
            return await play(row, tmp_path)

    outcomes = await asyncio.gather(*(one(row) for row in rows))
    for row, (status, result) in zip(rows, outcomes, strict=True):
        assert (status, result["ok"]) == (1, False), row
        assert row in result["rows"], (row, result)
        assert {alarm["row"] for alarm in result["alarms"]} == set(result["rows"])
        assert result["missing"], row  # it was broken off
