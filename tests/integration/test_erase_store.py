"""Erasure on the real embedded store: what two processes took away is gone after a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from cencomm_server.engine.erasing import Eraser
from cencomm_server.store.mongo import open_store
from cencomm_server.store.port import Store

from tests.support.engine import Scene
from tests.support.operation import CLOSES, GRACE

SAID = 300  # messages: more than one step of the eraser


@pytest.fixture
async def stores(store_uri: str) -> AsyncIterator[list[Store]]:
    """Three connections to one empty database: two processes, and one after a restart."""
    name = f"t{secrets.token_hex(8)}"
    opened: list[Store] = [await open_store(store_uri, name) for _ in range(3)]
    yield opened
    for store in opened:
        await store.close()


async def test_two_processes_erase_a_log_and_a_third_replays_it(stores: list[Store]) -> None:
    scene = Scene()
    operation, directory = scene.operation, scene.directory
    deputy = directory.person(directory.administration("BE"))
    operation.admit(deputy, "coordinator")
    for _ in range(SAID):
        operation.message(scene.work)
    operation.wait_until(CLOSES + GRACE + 1)
    operation.control("operation.close", {})
    await scene.serve(stores[0])
    first, runtime = scene.served, scene.runtime
    assert await Eraser(first.logs, after_s=0).sweep() == 0
    proposal = operation.propose("erase", {})
    operation.approve("erase", proposal, deputy)
    await first.follow(operation)
    other = await first.another(store=stores[1])
    await other.logs.load_all()
    both = [Eraser(each.logs, after_s=0) for each in (first, other)]
    await asyncio.gather(*(each.sweep() for each in both))

    restarted = await first.another(store=stores[2])
    await restarted.logs.load_all()
    docs = await stores[2].read_entries(scene.log, 0, runtime.size)
    assert sum(doc.body is None for doc in docs) == SAID
    assert await stores[2].erase_wraps(scene.log) == 0
    again = await restarted.logs.operation(scene.log)
    assert again.note_at(again.size) == runtime.note_at(runtime.size)
    assert again.state == runtime.state
