"""Two server processes on one store: the compare-and-set keeps one log, whoever wins (DESIGN 2)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.wire import Receipt, decode_sequenced_stream
from cencomm_server.engine.committed import Commit
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.mongo import open_store
from cencomm_server.store.port import Store

from tests.support.engine import Scene, rotation_with_wraps

AT_ONCE = 150  # fewer than a process pushes of what another wrote; beyond it announces the size


@pytest.fixture(params=["memory", "embedded"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Store, Store]]:
    """The same store twice, as two processes have it."""
    if request.param == "memory":
        store = MemoryStore()
        yield store, store
        return
    uri, name = request.getfixturevalue("store_uri"), f"t{secrets.token_hex(8)}"
    first, second = await open_store(uri, name), await open_store(uri, name)
    yield first, second
    await first.close()
    await second.close()


async def test_racing_processes_keep_one_log_without_gap(
    stores: tuple[Store, Store], rounds: int
) -> None:
    scene = await Scene().serve(stores[0])
    other = await scene.served.another(store=stores[1])
    await other.logs.load_all()
    published: dict[int, list[int]] = {0: [], 1: []}

    def recorder(which: int) -> None:
        def record(commit: Commit) -> None:
            if commit.log == scene.log:
                published[which].extend(item.seq for item in commit.items)

        (scene.served, other)[which].logs.listen(record)

    recorder(0)
    recorder(1)
    first, count = scene.operation.log.size, AT_ONCE * rounds
    entries, receipts = list[Entry](), list[Receipt]()

    async def post(place: int, entry: Entry) -> Receipt:
        await asyncio.sleep(0.0005 * place)
        return await (scene.served, other)[place % 2].submit(entry, scene.log)

    for _ in range(rounds):
        wave = [scene.sealed() for _ in range(AT_ONCE)]
        receipts += await asyncio.gather(*(post(*numbered) for numbered in enumerate(wave)))
        entries += wave
    assert sorted(receipt.seq for receipt in receipts) == list(range(first, first + count))
    for entry, receipt in zip(entries, receipts, strict=True):
        scene.verify(entry, receipt)
    for process in (scene.served, other):
        await process.logs.wake(scene.log)
    roots = {
        process.logs.known(scene.log).replay.tree.root()  # type: ignore[union-attr]
        for process in (scene.served, other)
    }
    assert len(roots) == 1
    # what one process wrote reaches the subscribers of the other, in order and once
    for seqs in published.values():
        assert seqs == list(range(first, first + count))
    page = await other.reading.read(other.reader(scene.officer), scene.log, first)
    items = decode_sequenced_stream(page.items)
    assert {item.inner for item in items} == {entry.inner for entry in entries}


async def test_of_two_decisions_taken_at_once_one_wins(stores: tuple[Store, Store]) -> None:
    """A42: the loser's author had not seen the winner."""
    scene = await Scene().serve(stores[0])
    other = await scene.served.another(store=stores[1])
    await other.logs.load_all()
    creator = scene.operation.creator
    holds = [scene.operation.author("hold", {"reason": text}, creator) for text in ("a", "b")]
    results = await asyncio.gather(
        scene.served.submit(holds[0], scene.log),
        other.submit(holds[1], scene.log),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Receipt) for result in results) == 1
    (refused,) = [result for result in results if isinstance(result, CencommError)]
    assert refused.code == ErrorCode.STALE_SEEN


async def test_the_same_bytes_to_both_processes_are_one_entry(stores: tuple[Store, Store]) -> None:
    scene = await Scene().serve(stores[0])
    other = await scene.served.another(store=stores[1])
    await other.logs.load_all()
    entry = rotation_with_wraps(scene.operation, scene.work)
    posts = [process.submit(entry, scene.log) for process in (scene.served, other) * 5]
    receipts = await asyncio.gather(*posts)
    assert {(receipt.seq, receipt.at) for receipt in receipts} == {
        (scene.operation.log.size, receipts[0].at)
    }


async def test_a_process_follows_the_directory_that_another_has_written(
    stores: tuple[Store, Store],
) -> None:
    scene = await Scene().serve(stores[0])
    other = await scene.served.another(store=stores[1])
    await other.logs.load_all()
    scene.directory.person(scene.officer.administration)
    await scene.served.follow_directory()
    entry = scene.sealed()  # names the newest directory, which `other` has not read
    assert entry.header.dir is not None
    assert entry.header.dir.size > other.logs.directory.size
    scene.verify(entry, await other.submit(entry, scene.log))


async def test_an_operation_made_by_one_process_is_found_by_the_other(
    stores: tuple[Store, Store],
) -> None:
    scene = Scene()
    await scene.serve(stores[0])
    other = await scene.served.another(store=stores[1])
    entry = scene.sealed()
    scene.verify(entry, await other.submit(entry, scene.log))
    page = await scene.served.reading.read(
        scene.served.reader(scene.officer), scene.log, scene.operation.log.size + 1
    )
    assert page.size == scene.operation.log.size + 1  # asked beyond its end, it read on


async def test_who_saw_more_at_one_process_is_given_no_less_by_the_other(
    stores: tuple[Store, Store],
) -> None:
    """A smaller checkpoint would be a rollback in the eyes of a client that moved (A3)."""
    scene = await Scene().serve(stores[0])
    other = await scene.served.another(store=stores[1])
    await other.logs.load_all()
    await scene.served.submit(scene.sealed(), scene.log)
    reader, size = scene.served.reader(scene.officer), scene.operation.log.size + 1
    seen = await scene.served.reading.checkpoint(reader, scene.log)
    assert await other.reading.checkpoint(reader, scene.log) != seen  # it has not heard of it yet
    assert await other.reading.checkpoint(reader, scene.log, least=size) == seen
    # what no store has is claimed in vain
    assert await other.reading.checkpoint(reader, scene.log, least=size + 9) == seen
