"""The servers that the demonstration can be played against do what their row says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from cencomm_client.plan import OperationPlan
from cencomm_crypto.errors import CencommError

from tests.mallory.harness import Stage, Stages
from tests.mallory.performed import PORTS
from tests.mallory.world import ALERTS, ANALYST, CHIEF, DEPUTY, HOUR_MS, MEMBERS, OFFICER


async def play(stage: Stage) -> None:
    """What the demonstration does that the rows need: found, speak, remove, speak."""
    await stage.look(*MEMBERS)
    chief, now = await stage.client(CHIEF), stage.clock()
    plan = OperationPlan(
        name="SECOND", not_before=now - HOUR_MS, not_after=now + HOUR_MS, legal="none"
    )
    with suppress(CencommError):
        await chief.create_operation(plan)
    channel = stage.shown(CHIEF).channel(ALERTS)
    acts: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: channel.post("MSG", {"text": "control the lorry"}, patience_s=1),
        lambda: stage.shown(CHIEF).remove([ANALYST]),
        lambda: channel.post("MSG", {"text": "without Belgium's analyst"}, patience_s=1),
    )
    for act in acts:
        with suppress(CencommError):
            await act()
        await stage.look(DEPUTY, OFFICER)


@pytest.mark.parametrize("row", PORTS)
async def test_each_names_its_row(stages: Stages, row: str) -> None:
    ports: dict[str, Any] = dict(PORTS[row])
    async with stages(**ports) as stage:
        await play(stage)
        for code in (DEPUTY, OFFICER):
            if row == "none":
                assert stage.texts(code)[-1] == "without Belgium's analyst"
                stage.quiet()
            else:
                assert row in stage.rows(code)
