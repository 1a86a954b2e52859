"""An alarm ends the play, also in the very moment in which an answer comes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from cencomm_client.demo.processes import Actor

SILENT = "import sys; sys.stdin.read()"


async def test_who_is_cancelled_as_an_answer_comes_ends_all_the_same(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SILENT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    actor = Actor("fr", process, tmp_path / "fr.log", lambda _: None)
    try:
        asking = asyncio.create_task(actor.call("state"))
        await asyncio.sleep(0.05)
        actor._pending[1].set_result({})
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    finally:
        await actor.stop()
