"""An alarm ends the play, also in the very moment in which an answer comes."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from cencomm_client.demo.processes import Actor


def silent(key: str, conductor: socket.socket, log: Path) -> None:
    """Hear everything, answer nothing."""
    while conductor.recv(1024):
        pass


async def test_who_is_cancelled_as_an_answer_comes_ends_all_the_same(tmp_path: Path) -> None:
    actor = await Actor.start("fr", tmp_path, lambda _: None, silent)
    try:
        asking = asyncio.create_task(actor.call("state"))
        await asyncio.sleep(0.05)
        actor._pending[1].set_result({})
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    finally:
        await actor.stop()
