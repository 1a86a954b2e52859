"""What authors get from the append engine: order, receipts, one entry per id, refusals by name."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import pytest
from cencomm_config.errors import (
    ClockJumped,
    IdReused,
    NoDirectory,
    RateLimited,
    UnknownLog,
    WrongDeployment,
)
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.note import open_checkpoint, origin
from cencomm_crypto.public.wire import Receipt, Submission
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.committed import Commit
from cencomm_server.engine.committing import QUEUE_ENTRIES
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.signer import Signer
from cencomm_server.store.memory import MemoryStore

from tests.support.directory import NAME, DirectoryBuilder, HeldPerson
from tests.support.engine import WRAPS, Scene, rotate, rotation_with_wraps
from tests.support.operation import CLOSES, GRACE


@pytest.fixture
async def scene() -> Scene:
    """An operation on a server."""
    return await Scene().serve()


async def test_a_receipt_proves_the_place_of_the_entry(scene: Scene) -> None:
    entry = scene.sealed()
    receipt = await scene.submit(entry)
    assert receipt.seq == scene.operation.log.size
    scene.verify(entry, receipt)


async def test_two_hundred_posters_at_once_get_places_without_a_gap(scene: Scene) -> None:
    commits: list[Commit] = []
    scene.served.logs.listen(commits.append)
    entries = [scene.sealed() for _ in range(200)]
    receipts = await asyncio.gather(*(scene.submit(entry) for entry in entries))
    first = scene.operation.log.size
    assert [receipt.seq for receipt in receipts] == list(range(first, first + 200))
    for entry, receipt in zip(entries, receipts, strict=True):
        scene.verify(entry, receipt)
    # group commit: one checkpoint, one publication per batch, and batches, not single entries
    assert len({receipt.note for receipt in receipts}) == len(commits) <= 3
    assert sum(len(commit.items) for commit in commits) == 200


async def test_a_checkpoint_is_stored_before_anything_is_published(scene: Scene) -> None:
    missing: list[int] = []
    notes = scene.served.store._logs[scene.log].notes  # type: ignore[attr-defined]
    scene.served.logs.listen(
        lambda commit: None if commit.size in notes else missing.append(commit.size)
    )
    await scene.submit(scene.sealed())
    assert missing == []


async def test_the_same_bytes_again_give_the_same_receipt(scene: Scene) -> None:
    entry = scene.sealed()
    receipt = await scene.submit(entry)
    await scene.submit(scene.sealed())
    assert await scene.submit(entry) == receipt
    assert scene.runtime.size == receipt.seq + 2


async def test_a_control_entry_again_gives_its_receipt_although_it_conflicts_with_itself(
    scene: Scene,
) -> None:
    entry = scene.operation.author("hold", {"reason": "court"}, scene.operation.creator)
    receipt = await scene.submit(entry)
    assert await scene.submit(entry) == receipt


async def test_fifty_copies_at_once_are_one_entry(scene: Scene) -> None:
    entry = scene.sealed()
    receipts = await asyncio.gather(*(scene.submit(entry) for _ in range(50)))
    assert len(set(receipts)) == 1
    assert scene.runtime.size == receipts[0].seq + 1


async def test_other_bytes_under_a_used_id_are_refused_and_reported(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = scene.sealed()
    await scene.submit(entry)
    other = scene.operation.sealed(scene.work, scene.officer, id=entry.header.id)
    with pytest.raises(IdReused):
        await scene.submit(other)
    assert "id_reused" in capsys.readouterr().out
    assert scene.runtime.size == scene.operation.log.size + 1


async def test_a_refused_entry_leaves_no_trace(scene: Scene) -> None:
    before = scene.runtime.replay.tree.root()
    stale = scene.operation.sealed(scene.work, scene.officer, epoch=7)
    assert await scene.refusal(stale) == ErrorCode.WRONG_EPOCH
    assert scene.runtime.replay.tree.root() == before
    await scene.submit(scene.sealed())


async def test_a_batch_of_refusals_alone_ends_as_quietly_as_any_other(scene: Scene) -> None:
    """What the writing task raises after it has answered, nobody would see."""
    died: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: died.append(context))
    stale = scene.operation.sealed(scene.work, scene.officer, epoch=7)
    assert await scene.refusal(stale) == ErrorCode.WRONG_EPOCH
    await scene.submit(scene.sealed())
    gc.collect()
    await asyncio.sleep(0)
    assert died == []


async def test_one_refused_entry_does_not_touch_the_others_of_its_batch(scene: Scene) -> None:
    entries = [scene.sealed() for _ in range(5)]
    entries[2] = scene.operation.sealed(scene.work, scene.officer, epoch=7)
    results = await asyncio.gather(*(scene.submit(e) for e in entries), return_exceptions=True)
    refused = results.pop(2)
    assert isinstance(refused, ProtocolError)
    assert refused.code == ErrorCode.WRONG_EPOCH
    first = scene.operation.log.size
    assert [r.seq for r in results if isinstance(r, Receipt)] == list(range(first, first + 4))


async def test_time_never_goes_back_in_a_log(scene: Scene) -> None:
    scene.served.clock.now += 5_000
    first = await scene.submit(scene.sealed())
    scene.served.clock.now -= 3_000
    second = await scene.submit(scene.sealed())
    assert first.at == second.at


async def test_a_clock_far_behind_the_log_accepts_nothing(scene: Scene) -> None:
    scene.served.clock.now = scene.operation.entries[-1].at - 60_001
    with pytest.raises(ClockJumped):
        await scene.submit(scene.sealed())
    scene.served.clock.now += 1
    await scene.submit(scene.sealed())


def test_a_wall_clock_that_jumps_against_the_monotonic_one_is_refused() -> None:
    wall = [1_000_000]
    clock = Clock(lambda: wall[0], lambda: 5.0)
    wall[0] += 60_000
    assert clock.now_ms() == 1_060_000
    for jump in (1, -200_000):
        wall[0] += jump
        with pytest.raises(ClockJumped):
            clock.now_ms()
    assert clock.wall_ms() == wall[0]


async def test_an_entry_of_another_log_is_refused(scene: Scene) -> None:
    with pytest.raises(ProtocolError) as refused:
        await scene.served.submit(scene.sealed(), scene.directory.log.id16)
    assert refused.value.code == ErrorCode.WRONG_LOG
    foreign = LogId(bytes(16))
    entry = scene.operation.sealed(scene.work, scene.officer, log=foreign)
    with pytest.raises(UnknownLog):
        await scene.served.submit(entry, foreign)


async def test_a_session_posts_only_what_its_own_device_signed(scene: Scene) -> None:
    submission = Submission.of(scene.sealed())
    for poster in (scene.served.reader(scene.operation.creator), None):
        with pytest.raises(ProtocolError) as refused:
            await scene.served.appends.append(scene.log, submission, poster)
        assert refused.value.code == ErrorCode.NOT_PERMITTED


async def test_a_revocation_counts_at_once_although_the_operation_has_not_seen_it(
    scene: Scene,
) -> None:
    entry = scene.sealed()
    device, ncp = scene.officer.device, scene.officer.administration.ncp.device
    scene.directory.revoke(device, by=ncp)
    await scene.served.follow_directory()
    assert await scene.refusal(entry) == ErrorCode.INACTIVE


async def test_a_revoked_device_may_still_reveal_through_another_session(scene: Scene) -> None:
    scene.operation.wait_until(CLOSES + GRACE + 1)
    reveal = scene.operation.reveal(scene.work, 1, scene.officer)
    scene.directory.revoke(scene.officer.device, by=scene.officer.administration.ncp.device)
    await scene.served.follow_directory()
    scene.served.clock.now = scene.operation.clock
    other = scene.served.reader(scene.operation.creator)
    receipt = await scene.served.appends.append(scene.log, Submission.of(reveal), other)
    scene.verify(reveal, receipt)


async def test_a_directory_head_that_nobody_has_is_awaited_and_not_rejected(scene: Scene) -> None:
    ahead = Head(scene.directory.log.size + 1, bytes(32))
    entry = scene.operation.sealed(scene.work, scene.officer, dir=ahead)
    assert await scene.refusal(entry) == ErrorCode.DIRECTORY_BEHIND


async def test_root_signatures_need_no_session_and_nothing_else_goes_without(scene: Scene) -> None:
    root = scene.directory.signing_key("root DE")
    addition = scene.directory.by_governance("admin.add", {"code": "DE", "root": root.public})
    receipt = await scene.served.appends.append_to_directory(Submission.of(addition))
    assert receipt.seq == scene.directory.log.size
    rekey = scene.directory.author("device.rekey", {"box_pk": bytes(32)}, scene.officer.device)
    with pytest.raises(ProtocolError) as refused:
        await scene.served.appends.append_to_directory(Submission.of(rekey))
    assert refused.value.code == ErrorCode.WRONG_TYPE


async def test_a_flood_without_session_keeps_no_revocation_out(scene: Scene) -> None:
    """A35: strangers once filled the directory's queue, and everybody else got too_busy."""
    root = scene.directory.signing_key("root XX")
    junk = Submission.of(
        scene.directory.by_governance("admin.add", {"code": "XX", "root": root.public})
    )
    floods = [
        replace(junk, sig=number.to_bytes(2, "big") + bytes(62))
        for number in range(2 * QUEUE_ENTRIES)
    ]
    posts = [
        asyncio.create_task(scene.served.appends.append_to_directory(flood)) for flood in floods
    ]
    await asyncio.sleep(0)
    ncp = scene.officer.administration.ncp
    scene.directory.revoke(scene.officer.device, by=ncp.device)
    await scene.served.follow_directory()
    refused = await asyncio.gather(*posts, return_exceptions=True)
    assert all(isinstance(error, CencommError) for error in refused)
    state = scene.served.logs.directory.state
    assert not state.active(scene.officer.device.id)


async def test_a_log_key_that_the_server_does_not_hold_is_refused(scene: Scene) -> None:
    key = scene.directory.signing_key("new log key").public
    entry = scene.directory.by_governance("logkey.set", {"log_key": key})
    with pytest.raises(WrongDeployment):
        await scene.served.appends.append_to_directory(Submission.of(entry))


async def test_after_a_change_of_the_log_key_heads_are_signed_by_the_new_one(scene: Scene) -> None:
    key = scene.directory.signing_key("new log key")
    name, keys = scene.served.signer.deployment, [scene.directory.log_key, key]
    scene.served.logs.signer = scene.runtime._signer = Signer(name, keys)
    scene.served.logs.directory._signer = scene.served.logs.signer
    change = scene.directory.by_governance("logkey.set", {"log_key": key.public})
    await scene.served.appends.append_to_directory(Submission.of(change))
    receipt = await scene.submit(scene.sealed())
    open_checkpoint(receipt.note, origin(name, scene.log), key.public)


async def test_the_directorys_genesis_is_taken_once_and_only_for_this_server() -> None:
    builder, other = DirectoryBuilder(), DirectoryBuilder(seed="other")
    genesis = Submission.of(builder.entries[0].entry)  # type: ignore[arg-type]
    logs = Logs(MemoryStore(), Signer(NAME, [builder.log_key]), Clock(lambda: 10**12, lambda: 0.0))
    appends = Appends(logs)
    with pytest.raises(NoDirectory):
        await logs.open_directory()
    with pytest.raises(WrongDeployment):
        await appends.append_to_directory(Submission.of(other.entries[0].entry))  # type: ignore[arg-type]
    first = await appends.append_to_directory(genesis)
    assert await appends.append_to_directory(genesis) == first
    body = {**builder.genesis_body, "suite_min": 1, "rules": 1}
    again = builder.by_governance("directory.genesis", body, signers=(1, 2))
    with pytest.raises(ProtocolError) as refused:
        await appends.append_to_directory(Submission.of(again))
    assert refused.value.code == ErrorCode.ALREADY_EXISTS


async def test_the_same_genesis_is_the_same_operation_and_a_bad_one_leaves_no_log(
    scene: Scene,
) -> None:
    genesis = scene.operation.entries[0].entry
    assert genesis is not None
    poster = scene.served.reader(scene.operation.creator)
    log, receipt = await scene.served.appends.create(Submission.of(genesis), poster)
    assert (log, receipt.seq) == (scene.log, 0)
    body = {**scene.operation.genesis_body, "window": [2, 1]}
    bad = scene.operation.author("operation.genesis", body, scene.operation.creator)
    with pytest.raises(ProtocolError):
        await scene.served.appends.create(Submission.of(bad), poster)
    assert len(await scene.served.store.logs()) == 2


async def test_a_genesis_stands_first_and_only_there(scene: Scene) -> None:
    genesis = scene.operation.entries[0].entry
    assert genesis is not None
    poster = scene.served.reader(scene.operation.creator)
    with pytest.raises(ProtocolError) as refused:
        await scene.served.appends.append(scene.log, Submission.of(genesis), poster)
    assert refused.value.code == ErrorCode.WRONG_TYPE


async def test_wraps_must_be_those_that_the_rotate_commits_to(scene: Scene) -> None:
    entry = rotation_with_wraps(scene.operation, scene.work)
    for wraps, code in (
        (b"", ErrorCode.BAD_COUNT),
        (bytes(112), ErrorCode.BAD_COUNT),
        (bytes(224), ErrorCode.BAD_COMMIT),
    ):
        assert await scene.refusal(entry, wraps=wraps) == code
    assert await scene.refusal(entry, **WRAPS[entry.inner] | {"shares": bytes(112)}) == (
        ErrorCode.MALFORMED
    )
    await scene.submit(entry)
    own = await scene.served.reading.wraps(
        scene.served.reader(scene.officer), scene.log, scene.work, 2
    )
    assert own.wrap is not None
    assert len(own.wrap) == 112


async def test_wraps_where_none_belong_are_refused(scene: Scene) -> None:
    assert await scene.refusal(scene.sealed(), wraps=bytes(112)) == ErrorCode.MALFORMED


async def test_wraps_are_stored_before_their_rotate_is_appended(scene: Scene) -> None:
    kept = scene.served.store._logs[scene.log]  # type: ignore[attr-defined]
    entry = rotation_with_wraps(scene.operation, scene.work)
    orders: list[bool] = []
    append = scene.served.store.append_entries

    async def watched(log: LogId, docs: list[object], *more: object) -> int:
        orders.append(entry.inner in kept.wraps)
        return await append(log, docs, *more)  # type: ignore[arg-type]

    scene.served.store.append_entries = watched  # type: ignore[method-assign,assignment]
    await scene.submit(entry)
    assert orders == [True]


async def test_rotates_of_one_device_are_limited_by_the_hour() -> None:
    scene = await Scene().serve(rotations_per_hour=2)
    rotate(scene.operation, scene.work)
    await scene.served.follow(scene.operation)
    third = rotation_with_wraps(scene.operation, scene.work)
    with pytest.raises(RateLimited):
        await scene.submit(third)
    scene.served.clock.now += 1
    by_other = rotation_with_wraps(scene.operation, scene.work, scene.officer)
    await scene.submit(by_other)


async def test_channels_are_limited_by_the_hour_for_who_does_not_coordinate() -> None:
    """An officer's stolen device filled the operation's channels for ever, and every decision of
    a coordinator lost its compare-and-set against the flood."""
    scene = await Scene().serve(rotations_per_hour=2)
    operation = scene.operation
    window = list(operation.state.channels[scene.work].window)

    def directed(by: HeldPerson, number: int) -> Entry:
        fields = {"parent": scene.work, "window": window}
        listed = [scene.officer, operation.creator]
        return operation.channel_entry(f"few {number}", listed, by=by, **fields)

    for number in range(2):
        operation.append(directed(scene.officer, number))
        await scene.served.follow(operation)
    with pytest.raises(RateLimited):
        await scene.submit(directed(scene.officer, 2))
    for number in range(3, 6):
        operation.append(directed(operation.creator, number))
        await scene.served.follow(operation)
    assert scene.runtime.size == operation.log.size


async def test_who_stops_waiting_stops_nothing(scene: Scene) -> None:
    entry = scene.sealed()
    waiter = asyncio.create_task(scene.submit(entry))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await scene.served.appends.stop()
    assert scene.runtime.size == scene.operation.log.size + 1


async def test_a_stopping_server_answers_what_it_took_and_takes_nothing_new(scene: Scene) -> None:
    waiters = [asyncio.create_task(scene.submit(scene.sealed())) for _ in range(20)]
    await asyncio.sleep(0)
    await scene.served.appends.stop()
    assert len({(await waiter).seq for waiter in waiters}) == 20
    with pytest.raises(Exception, match="shutting_down"):
        await scene.submit(scene.sealed())


async def test_the_loop_is_not_starved_by_a_large_batch(scene: Scene) -> None:
    entries = [scene.sealed() for _ in range(256)]
    turns = 0

    async def turning() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turning())
    await asyncio.gather(*(scene.submit(entry) for entry in entries))
    other.cancel()
    assert turns > 256 // 16


async def test_a_reader_is_no_author(scene: Scene) -> None:
    stranger = scene.directory.person(scene.officer.administration)
    await scene.served.follow_directory()
    entry = scene.operation.sealed(scene.work, stranger)
    with pytest.raises(ProtocolError) as refused:
        await scene.served.appends.append(
            scene.log, Submission.of(entry), Reader(stranger.device.id, stranger.id)
        )
    assert refused.value.code == ErrorCode.NOT_MEMBER
