"""How an operation ends on a stage: closed early, then erased, by two administrations."""

from __future__ import annotations

from cencomm_server.engine.erasing import Eraser

from tests.mallory.harness import Stage
from tests.mallory.world import CHIEF, DEPUTY


async def decide(stage: Stage, subject: str, body: dict[str, bytes] | None = None) -> None:
    """The chief proposes, the deputy approves."""
    proposed = await (await stage.operation(CHIEF)).propose(subject, body)
    await (await stage.operation(DEPUTY)).approve(proposed)


async def close(stage: Stage) -> None:
    """End MERIDIAN before its time."""
    await decide(stage, "close")


async def erase(stage: Stage) -> None:
    """Erase MERIDIAN, on the server too: the stage was made with `Eraser=Eraser`."""
    await decide(stage, "erase")
    await sweep(stage)


async def sweep(stage: Stage) -> int:
    """Let the server erase what is due now, without its waiting."""
    eraser = stage.server.part(Eraser)
    eraser._after_ms = 0
    return await eraser.sweep()
