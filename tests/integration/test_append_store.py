"""The engine on the real embedded store: what was acknowledged is there after a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.wire import Receipt, decode_sequenced_stream
from cencomm_server.store.mongo import open_store
from cencomm_server.store.port import Store

from tests.support.engine import Scene, rotate

AT_ONCE = 300  # the queue takes more; what is held here is durability, not how much waits


@pytest.fixture
async def stores(store_uri: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two connections to one empty database: before and after the restart."""
    name = f"t{secrets.token_hex(8)}"
    first, second = await open_store(store_uri, name), await open_store(store_uri, name)
    yield first, second
    await first.close()
    await second.close()


async def test_every_acknowledged_entry_is_there_after_a_restart(
    stores: tuple[Store, Store], rounds: int
) -> None:
    scene = await Scene().serve(stores[0])
    first = scene.operation.log.size
    entries, receipts = list[Entry](), list[Receipt]()
    for _ in range(rounds):
        wave = [scene.sealed() for _ in range(AT_ONCE)]
        receipts += await asyncio.gather(*(scene.submit(entry) for entry in wave))
        entries += wave
    assert [receipt.seq for receipt in receipts] == list(range(first, first + len(entries)))
    restarted = await scene.served.another(store=stores[1])
    await restarted.logs.load_all()
    page = await restarted.reading.read(restarted.reader(scene.officer), scene.log, first)
    assert [item.entry for item in decode_sequenced_stream(page.items)] == entries
    note = await restarted.reading.checkpoint(restarted.reader(scene.officer), scene.log)
    assert note == receipts[-1].note
    again = await restarted.submit(entries[0], scene.log)
    assert (again.seq, again.at) == (receipts[0].seq, receipts[0].at)
    scene.verify(entries[0], again)


async def test_batches_share_their_writes(stores: tuple[Store, Store]) -> None:
    """DESIGN 10.3: one commit is one insert and one checkpoint."""
    scene = await Scene().serve(stores[0])
    receipts = await asyncio.gather(*(scene.submit(scene.sealed()) for _ in range(64)))
    assert len({receipt.note for receipt in receipts}) <= 3


async def test_wraps_come_back_to_their_device_from_the_store(stores: tuple[Store, Store]) -> None:
    scene = await Scene().serve(stores[0])
    rotate(scene.operation, scene.work, scene.officer)
    await scene.served.follow(scene.operation)
    restarted = await scene.served.another(store=stores[1])
    wraps = {
        person.id: await restarted.reading.wraps(restarted.reader(person), scene.log, scene.work, 2)
        for person in (scene.officer, scene.operation.creator)
    }
    assert {len(own.wrap or b"") for own in wraps.values()} == {112}
    assert len({own.wrap for own in wraps.values()}) == 2
