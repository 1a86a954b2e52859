"""A store that fails, a process that dies, a database that was changed: nothing acknowledged is
lost, nothing is acknowledged that is not durable, and a contradiction stops the log by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cencomm_config.errors import LogBehind, StoreDown
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.wire import Receipt
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.items import document
from cencomm_server.store.documents import CheckpointDoc, EntryDoc
from cencomm_server.store.memory import MemoryStore

from tests.support.engine import FaultyStore, Scene, Served, rotate, rotation_with_wraps


@pytest.fixture
async def scene() -> Scene:
    """An operation on a server whose store can be broken."""
    return await Scene().serve(FaultyStore())


def store_of(scene: Scene) -> FaultyStore:
    assert isinstance(scene.served.store, FaultyStore)
    return scene.served.store


@pytest.mark.parametrize("written", ["nothing", 0, 3, 8, "all"])
async def test_a_batch_that_meets_a_dead_store_fails_as_a_whole_and_can_be_sent_again(
    scene: Scene, written: str | int
) -> None:
    """Whatever part of the one write is durable: no entry, some, all, all and the checkpoint."""
    store = store_of(scene)
    if isinstance(written, int):
        store.break_within(written)
    else:
        (store.break_before if written == "nothing" else store.break_after)("append_entries")
    published: list[Commit] = []
    scene.served.logs.listen(published.append)
    entries = [scene.sealed() for _ in range(8)]
    results = await asyncio.gather(*(scene.submit(e) for e in entries), return_exceptions=True)
    assert all(isinstance(result, StoreDown) for result in results)
    assert published == []
    again = [await scene.submit(entry) for entry in entries]
    first = scene.operation.log.size
    assert sorted(receipt.seq for receipt in again) == list(range(first, first + 8))
    for entry, receipt in zip(entries, again, strict=True):
        scene.verify(entry, receipt)


async def test_a_dead_store_fails_what_waits_too_and_never_hangs(scene: Scene) -> None:
    store_of(scene).break_after("append_entries")
    store_of(scene).break_before("read_entries")
    first = asyncio.create_task(scene.submit(scene.sealed()))
    await asyncio.sleep(0)
    others = [asyncio.create_task(scene.submit(scene.sealed())) for _ in range(300)]
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert isinstance(results[0], StoreDown)
    assert all(isinstance(result, StoreDown) for result in results)
    await scene.submit(scene.sealed())


async def test_wraps_of_a_rotate_that_failed_are_dropped_at_the_next_start(scene: Scene) -> None:
    store_of(scene).break_before("append_entries")
    entry = rotation_with_wraps(scene.operation, scene.work)
    with pytest.raises(StoreDown):
        await scene.submit(entry)
    kept = store_of(scene)._logs[scene.log].wraps
    assert entry.inner in kept
    store_of(scene)._clock = lambda: 10**15
    other = await scene.served.another()
    await other.logs.load_all()
    assert entry.inner not in kept
    assert len(kept) == 1


async def test_entries_beyond_the_newest_checkpoint_get_theirs_at_start(scene: Scene) -> None:
    """The process, or the store, died between the last entry and the checkpoint after it."""
    store_of(scene).break_within(1)
    entry = scene.sealed()
    with pytest.raises(StoreDown):
        await scene.submit(entry)
    restarted = await scene.served.another()
    await restarted.logs.load_all()
    newest = await restarted.store.newest_checkpoint(scene.log)
    assert newest is not None
    assert newest.size == scene.operation.log.size + 1
    receipt = await restarted.submit(entry, scene.log)
    scene.verify(entry, receipt)


async def test_the_checkpoint_that_covers_what_was_left_is_stored_before_it_is_told(
    scene: Scene,
) -> None:
    """SRV-2 on the way back too: the first try to cover it fails, so nobody hears of it."""
    store, published = store_of(scene), list[Commit]()
    scene.served.logs.listen(published.append)
    store.break_within(1)
    store.break_before("put_checkpoint")
    entry = scene.sealed()
    for _ in range(2):
        with pytest.raises(StoreDown):
            await scene.submit(entry)
        assert published == []
    scene.verify(entry, await scene.submit(entry))
    assert [commit.size for commit in published] == [scene.operation.log.size + 1]


async def test_a_checkpoint_that_another_process_stored_meanwhile_is_the_same(
    scene: Scene,
) -> None:
    """It read the entries between their insert and their checkpoint's, and covered them."""
    store, other = store_of(scene), await scene.served.another()
    await other.logs.load_all()
    insert = MemoryStore.append_entries

    async def interrupted(
        log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        await insert(store, log, docs)
        await other.logs.wake(log)
        return await insert(store, log, [], checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "append_entries", interrupted)
        entries = [scene.sealed() for _ in range(3)]
        receipts = await asyncio.gather(*(scene.submit(entry) for entry in entries))
    for entry, receipt in zip(entries, receipts, strict=True):
        scene.verify(entry, receipt)
        assert await other.submit(entry, scene.log) == receipt


async def test_a_restart_continues_the_same_tree(scene: Scene) -> None:
    for _ in range(3):
        scene.operation.message(scene.work, scene.officer)
    await scene.served.follow(scene.operation)
    restarted = await scene.served.another()
    rotate(scene.operation, scene.work)
    scene.operation.message(scene.work, scene.officer)
    await restarted.follow(scene.operation)
    head = restarted.signer.open(scene.log, (await restarted.logs.get(scene.log)).note_at(
        scene.operation.log.size
    ))  # fmt: skip
    assert head.root == scene.operation.head.root


async def damaged(served: Served, scene: Scene) -> bool:
    """Whether a fresh start refuses the log, by name, and /readyz would say so."""
    with pytest.raises(ProtocolError) as refused:
        await served.logs.get(scene.log)
    return refused.value.code == ErrorCode.LOG_DAMAGED and served.logs.damaged() == (scene.log,)


async def test_a_changed_entry_is_found_at_start(scene: Scene) -> None:
    """A36: the database administrator rewrites the log."""
    kept = store_of(scene)._logs[scene.log].entries
    other = scene.operation.sealed(scene.work, scene.officer)
    scene.operation.message(scene.work, scene.officer)
    await scene.served.follow(scene.operation)
    item = scene.operation.entries[-1]
    kept[item.seq] = document(replace(item, inner=other.inner, entry=other))
    assert await damaged(await scene.served.another(), scene)


async def test_a_changed_time_is_found_at_start(scene: Scene) -> None:
    kept = store_of(scene)._logs[scene.log].entries
    last = scene.operation.log.size - 1
    kept[last] = replace(kept[last], at=kept[last].at + 1)
    assert await damaged(await scene.served.another(), scene)


async def test_a_cut_log_is_found_at_start_and_takes_nothing(scene: Scene) -> None:
    """A36, A50: the tail is gone, its checkpoint is not. What is left is shown, under a note."""
    scene.operation.message(scene.work, scene.officer)
    await scene.served.follow(scene.operation)
    kept = store_of(scene)._logs[scene.log]
    last = scene.operation.log.size - 1
    doc = kept.entries.pop(last)
    kept.order.remove(last)
    del kept.by_id[doc.scope, doc.device, doc.id]
    restarted = await scene.served.another()
    runtime = await restarted.logs.get(scene.log)
    assert restarted.logs.behind() == (scene.log,)
    assert runtime.size == last
    with pytest.raises(LogBehind):
        await restarted.submit(scene.sealed(), scene.log)
    assert store_of(scene)._logs[scene.log].order[-1] == last - 1


async def test_a_store_that_comes_back_without_its_tail_stops_the_running_log(
    scene: Scene,
) -> None:
    """The store lost acknowledged writes in a crash: this process still knows what it signed."""
    kept = store_of(scene)._logs[scene.log]
    last = scene.operation.log.size - 1
    doc = kept.entries.pop(last)
    kept.order.remove(last)
    del kept.by_id[doc.scope, doc.device, doc.id]
    del kept.notes[last + 1]
    store_of(scene).break_before("append_entries")
    entry = scene.sealed()
    with pytest.raises(StoreDown):
        await scene.submit(entry)
    assert await scene.refusal(entry) == ErrorCode.LOG_DAMAGED
    assert scene.served.logs.damaged() == (scene.log,)


async def test_another_head_of_the_same_size_stops_the_log(scene: Scene) -> None:
    """A4: a second signer, or a fork."""
    size = scene.operation.log.size + 1
    fork = Checkpoint(origin(scene.served.signer.deployment, scene.log), size, bytes(32))
    note = sign_checkpoint(fork, scene.directory.log_key)
    store_of(scene)._logs[scene.log].notes[size] = note
    assert await scene.refusal(scene.sealed()) == ErrorCode.LOG_DAMAGED
    assert await scene.refusal(scene.sealed()) == ErrorCode.LOG_DAMAGED


async def test_a_rejected_entry_in_the_log_is_reported_and_counts_for_nothing(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """DESIGN 2: the server's fault, no effect, an alarm, kept as evidence."""
    bad = scene.operation.sealed(scene.work, scene.officer, epoch=9)
    scene.operation.force(bad)
    item = scene.operation.entries[-1]
    await store_of(scene).append_entries(scene.log, [document(replace(item, entry=bad))])
    restarted = await scene.served.another()
    runtime = await restarted.logs.get(scene.log)
    assert "rejected_entry_in_log" in capsys.readouterr().out
    assert runtime.size == scene.operation.log.size
    assert runtime.replay.tree.root() == scene.operation.head.root


async def test_more_than_the_undo_depth_from_another_process_is_followed(scene: Scene) -> None:
    other = await scene.served.another()
    await other.logs.load_all()
    entries = [scene.sealed() for _ in range(1100)]
    await asyncio.gather(*(scene.submit(entry) for entry in entries))
    store_of(scene).break_before("read_entries")
    receipt: Receipt | None = None
    for _ in range(3):  # the follower meets a broken store once, and starts over
        try:
            receipt = await other.submit(scene.sealed(), scene.log)
        except StoreDown:
            continue
    assert receipt is not None
    assert other.logs.known(scene.log).size >= receipt.seq  # type: ignore[union-attr]
