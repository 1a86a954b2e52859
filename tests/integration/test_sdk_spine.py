"""One joint operation, end to end, through the SDK: real server, real store, real clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cencomm_client import Admission, Client, Message, Operation, OperationPlan

from tests.support.deployment import deployed, needs_store, now_ms

T = TypeVar("T")


async def until(look: Callable[[], T | None], what: str, timeout_s: float = 20) -> T:
    """Wait until `look` gives something."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = look()
            if found:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(what)


def readable(operation: Operation, text: str) -> Message | None:
    """The message with this text, if this device shows it."""
    for item in operation.items():
        if (
            isinstance(item, Message)
            and item.content is not None
            and item.content.get("text") == text
        ):
            return item
    return None


async def running(
    rilo: Client, members: list[Admission], *, seconds: float = 3600, **fields: object
) -> Operation:
    """An operation in its live phase with one channel for all."""
    now = now_ms()
    plan = OperationPlan(
        name="MERIDIAN",
        not_before=now - 1000,
        not_after=now + int(seconds * 1000),
        legal="test",
        **fields,  # type: ignore[arg-type]
    )
    operation = await rilo.create_operation(plan)
    await operation.create_channel("alpha")
    await operation.admit(members)
    await operation.set_phase("prep")
    await operation.set_phase("live")
    return operation


@needs_store
async def test_messages_reach_everybody_in_one_order(tmp_path: Path) -> None:
    async with deployed(tmp_path) as town:
        rilo = await town.contact_point("RILO", "RILO-001")
        await town.may_create(rilo)
        ncp = await town.contact_point("FR", "FR-001")
        agent = await town.person(ncp, "FR-014", name="A. Martin")
        operation = await running(
            rilo, [Admission("FR-001", "ncp"), Admission("FR-014", "officer")]
        )
        warned = await operation.channel("alpha").post("WRN", {"text": "container"}, prio="flash")
        seen = await agent.operation("MERIDIAN")
        got = await until(lambda: readable(seen, "container"), "the warning")
        assert got.place.leaf == warned.leaf
        assert (got.author.code, got.kind, got.prio) == ("RILO-001", "WRN", "flash")
        answer = await seen.channel("alpha").post("ACK", {"text": "accepted"}, re=got)
        back = await until(lambda: readable(operation, "accepted"), "the answer")
        assert (back.re, back.place.seq) == (warned.leaf, answer.seq)
        assert back.flags == frozenset()
