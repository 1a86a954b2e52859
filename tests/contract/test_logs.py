"""LogStore: order, unique ids, checkpoints, wraps; alike on every store."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest
from cencomm_crypto.public.ids import ZERO_SCOPE, ChannelId, DeviceId, EntryId, LogId
from cencomm_server.store.documents import (
    CheckpointDoc,
    EntryDoc,
    LogDoc,
    LogKind,
    WrapsDoc,
    lost_place,
)
from cencomm_server.store.port import CheckpointConflict, DuplicateEntry, KeyTaken, Store

from .conftest import Clock

LOG, OTHER = LogId(b"L" * 16), LogId(b"M" * 16)
CHAN, DEVICE = ChannelId(b"C" * 16), DeviceId(b"D" * 16)


def entry(seq: int, *, id: int | None = None, scope: bytes = ZERO_SCOPE) -> EntryDoc:
    """A made-up entry; `id` defaults to the seq."""
    number = seq if id is None else id
    return EntryDoc(
        seq=seq,
        at=1_795_000_000_000 + seq,
        scope=scope,
        inner=hashlib.sha256(b"%d %d" % (seq, number)).digest(),
        header=b"header %d" % seq,
        body=b"body %d" % seq,
        body_hash=hashlib.sha256(b"body %d" % seq).digest(),
        sig=b"s" * 64,
        device=DEVICE,
        id=EntryId(number.to_bytes(16, "big")),
    )


async def fill(store: Store, count: int, log: LogId = LOG) -> None:
    assert await store.append_entries(log, [entry(seq) for seq in range(count)]) == count


async def test_a_log_is_created_once_and_the_same_again_is_no_error(store: Store) -> None:
    id32 = LOG + b"x" * 16
    assert await store.create_log(LOG, LogKind.OPERATION, id32, 2)
    assert not await store.create_log(LOG, LogKind.OPERATION, id32, 3)
    assert await store.logs() == [LogDoc(LOG, LogKind.OPERATION, id32, 2)]


async def test_one_log_id_has_one_genesis(store: Store) -> None:
    """A48."""
    await store.create_log(LOG, LogKind.OPERATION, LOG + b"x" * 16, 2)
    with pytest.raises(KeyTaken):
        await store.create_log(LOG, LogKind.OPERATION, LOG + b"y" * 16, 2)


async def test_a_deployment_has_one_directory_even_in_a_race(store: Store) -> None:
    made = await asyncio.gather(
        *(
            store.create_log(LogId(bytes([n]) * 16), LogKind.DIRECTORY, bytes([n]) * 32, 1)
            for n in range(8)
        ),
        return_exceptions=True,
    )
    assert sum(answer is True for answer in made) == 1
    assert sum(isinstance(answer, KeyTaken) for answer in made) == 7
    assert len(await store.logs()) == 1


async def test_logs_are_listed_by_creation(store: Store) -> None:
    await store.create_log(OTHER, LogKind.OPERATION, OTHER * 2, 1)
    await store.create_log(LOG, LogKind.DIRECTORY, LOG * 2, 5)
    assert [doc.log for doc in await store.logs()] == [OTHER, LOG]


async def test_a_lost_place_stands_in_its_order_and_takes_its_entry_later(store: Store) -> None:
    """A50. Two places of one scope are lost; what stands whole is not replaced."""
    whole = [entry(seq) for seq in range(4)]
    lost = [lost_place(doc.seq, doc.at, doc.scope, doc.inner) for doc in whole]
    docs = [whole[0], lost[1], lost[2], whole[3]]
    assert await store.append_entries(LOG, docs) == 4
    assert await store.read_entries(LOG, 0, 4) == docs
    assert [doc.lost for doc in docs] == [False, True, True, False]
    assert await store.fill_lost(LOG, whole[1])
    assert await store.read_entries(LOG, 0, 4) == [*whole[:2], lost[2], whole[3]]
    assert await store.entry_by_id(LOG, whole[1].scope, DEVICE, whole[1].id) == whole[1]
    for seq in (0, 1, 4):
        assert not await store.fill_lost(LOG, entry(seq, id=9))
    with pytest.raises(DuplicateEntry):
        await store.fill_lost(LOG, entry(2, id=1))
    assert await store.read_entries(LOG, 2, 3) == [lost[2]]


async def test_what_is_read_is_what_was_appended(store: Store) -> None:
    await fill(store, 5)
    await store.append_entries(OTHER, [entry(0, id=77)])
    assert await store.read_entries(LOG, 0, 5) == [entry(seq) for seq in range(5)]
    assert await store.read_entries(LOG, 2, 4) == [entry(2), entry(3)]
    assert await store.read_entries(LOG, 4, 4_000_000) == [entry(4)]
    assert await store.read_entries(LOG, 5, 9) == []
    assert await store.read_entries(LOG, 3, 3) == []
    assert await store.read_entries(OTHER, 0, 9) == [entry(0, id=77)]


async def test_numbers_are_plain_integers_and_bytes_are_bytes(store: Store) -> None:
    """A driver's own kinds of them would be refused by the encoder (PROTOCOL 2)."""
    await store.append_entries(LOG, [replace(entry(0), at=2**52)])
    (doc,) = await store.read_entries(LOG, 0, 1)
    kinds = {name: type(getattr(doc, name)) for name in doc.__slots__}
    assert kinds.pop("seq") is int
    assert kinds.pop("at") is int
    assert set(kinds.values()) == {bytes}


async def test_an_empty_batch_appends_nothing(store: Store) -> None:
    assert await store.append_entries(LOG, []) == 0
    assert await store.last_seq(LOG) == -1


async def test_an_erased_body_is_none_and_not_empty(store: Store) -> None:
    await store.append_entries(LOG, [replace(entry(0), body=None), replace(entry(1), body=b"")])
    assert [doc.body for doc in await store.read_entries(LOG, 0, 2)] == [None, b""]


async def test_the_prefix_before_a_taken_seq_stands(store: Store) -> None:
    """DESIGN 2 Order."""
    await fill(store, 3)
    batch = [entry(3), entry(4), entry(1, id=50), entry(5)]
    assert await store.append_entries(LOG, batch) == 2
    assert [doc.seq for doc in await store.read_entries(LOG, 0, 99)] == [0, 1, 2, 3, 4]


async def test_a_taken_id_names_the_entry_that_has_it(store: Store) -> None:
    """A5."""
    await fill(store, 3)
    with pytest.raises(DuplicateEntry) as caught:
        await store.append_entries(LOG, [entry(3), entry(4, id=1), entry(5)])
    assert (caught.value.seq, caught.value.inserted) == (1, 1)
    assert await store.last_seq(LOG) == 3


async def test_an_id_twice_in_one_batch_is_found(store: Store) -> None:
    with pytest.raises(DuplicateEntry) as caught:
        await store.append_entries(LOG, [entry(0, id=9), entry(1), entry(2, id=9)])
    assert (caught.value.seq, caught.value.inserted) == (0, 2)


async def test_the_same_entry_raced_in_by_another_process_counts_as_a_taken_seq(
    store: Store,
) -> None:
    await fill(store, 1)
    assert await store.append_entries(LOG, [entry(0)]) == 0


async def test_the_same_id_in_another_scope_or_log_is_free(store: Store) -> None:
    await fill(store, 1)
    assert await store.append_entries(LOG, [entry(1, id=0, scope=CHAN)]) == 1
    assert await store.append_entries(OTHER, [entry(0)]) == 1


async def test_of_racing_appends_at_one_seq_one_wins(store: Store) -> None:
    await fill(store, 2)
    inserted = await asyncio.gather(
        *(store.append_entries(LOG, [entry(2, id=100 + n)]) for n in range(12))
    )
    assert sorted(inserted) == [0] * 11 + [1]
    (winner,) = await store.read_entries(LOG, 2, 3)
    assert winner.id == EntryId((100 + inserted.index(1)).to_bytes(16, "big"))


async def test_an_entry_is_found_by_its_id(store: Store) -> None:
    await fill(store, 3)
    assert await store.entry_by_id(LOG, ZERO_SCOPE, DEVICE, entry(2).id) == entry(2)
    assert await store.entry_by_id(LOG, CHAN, DEVICE, entry(2).id) is None
    assert await store.entry_by_id(OTHER, ZERO_SCOPE, DEVICE, entry(2).id) is None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 100, 1023, 1025])
async def test_the_last_seq_is_found(store: Store, count: int) -> None:
    await fill(store, count)
    assert await store.last_seq(LOG) == count - 1
    await store.append_entries(LOG, [entry(count)])
    assert await store.last_seq(LOG) == count
    assert await store.last_seq(OTHER) == -1


async def test_a_checkpoint_is_kept_by_log_and_size(store: Store) -> None:
    await store.put_checkpoint(LOG, 1, b"note 1")
    assert await store.checkpoint(LOG, 1) == b"note 1"
    assert await store.checkpoint(LOG, 2) is None
    assert await store.checkpoint(OTHER, 1) is None


async def test_the_same_note_again_is_fine_and_another_is_a_conflict(store: Store) -> None:
    await store.put_checkpoint(LOG, 1, b"note 1")
    await store.put_checkpoint(LOG, 1, b"note 1")
    with pytest.raises(CheckpointConflict):
        await store.put_checkpoint(LOG, 1, b"a fork")
    assert await store.checkpoint(LOG, 1) == b"note 1"


async def test_a_batch_and_its_checkpoint_are_one_write(store: Store) -> None:
    await fill(store, 2, OTHER)
    for size in (3, 5):
        batch = [entry(seq) for seq in range(await store.last_seq(LOG) + 1, size)]
        note = CheckpointDoc(size, b"note %d" % size)
        assert await store.append_entries(LOG, batch, note) == len(batch)
        assert await store.newest_checkpoint(LOG) == note
    assert [await store.checkpoint(LOG, size) for size in (3, 4, 5)] == [b"note 3", None, b"note 5"]
    assert await store.read_entries(LOG, 0, 99) == [entry(seq) for seq in range(5)]
    assert await store.last_seq(LOG) == 4
    assert await store.newest_checkpoint(OTHER) is None


async def test_a_batch_that_loses_a_place_leaves_no_checkpoint(store: Store) -> None:
    await fill(store, 2)
    batch = [entry(2), entry(1, id=50), entry(3)]
    assert await store.append_entries(LOG, batch, CheckpointDoc(5, b"note 5")) == 1
    with pytest.raises(DuplicateEntry):
        await store.append_entries(LOG, [entry(3, id=0)], CheckpointDoc(4, b"note 4"))
    assert await store.newest_checkpoint(LOG) is None
    assert await store.last_seq(LOG) == 2


async def test_a_batch_may_meet_its_own_checkpoint_and_no_other(store: Store) -> None:
    """A4: another process covered the entries first, or signed a fork."""
    await store.put_checkpoint(LOG, 1, b"note 1")
    assert await store.append_entries(LOG, [entry(0)], CheckpointDoc(1, b"note 1")) == 1
    await store.put_checkpoint(LOG, 3, b"a fork")
    with pytest.raises(CheckpointConflict):
        await store.append_entries(LOG, [entry(1), entry(2)], CheckpointDoc(3, b"note 3"))
    assert await store.checkpoint(LOG, 3) == b"a fork"
    assert await store.last_seq(LOG) == 2


async def test_of_racing_batches_one_and_its_checkpoint_stand(store: Store) -> None:
    notes = [CheckpointDoc(3, b"note of %d" % n) for n in range(8)]
    batches = [[entry(seq, id=10 * n + seq) for seq in range(3)] for n in range(8)]
    counts = await asyncio.gather(
        *(
            store.append_entries(LOG, batch, note)
            for batch, note in zip(batches, notes, strict=True)
        ),
        return_exceptions=True,
    )
    stands = await store.read_entries(LOG, 0, 3)
    winner = next(n for n in range(8) if batches[n][-1] == stands[-1])
    whole = [n for n, count in enumerate(counts) if count == 3]
    assert whole in ([], [winner])  # none, where the batches went in mixed
    expected = notes[winner] if whole else None
    assert await store.newest_checkpoint(LOG) == expected


async def test_the_newest_checkpoint_may_lie_far_below_the_end(store: Store) -> None:
    assert await store.newest_checkpoint(LOG) is None
    await fill(store, 1500)
    assert await store.newest_checkpoint(LOG) is None
    for size in (1, 9, 10):
        await store.put_checkpoint(LOG, size, b"note %d" % size)
        assert await store.newest_checkpoint(LOG) == CheckpointDoc(size, b"note %d" % size)
    await store.put_checkpoint(LOG, 1500, b"note")
    assert await store.newest_checkpoint(LOG) == CheckpointDoc(1500, b"note")
    await store.put_checkpoint(LOG, 1400, b"older")
    assert await store.newest_checkpoint(LOG) == CheckpointDoc(1500, b"note")


async def test_the_newest_checkpoint_of_at_most_some_size(store: Store) -> None:
    """What is covered of a log that is behind its newest head (A50)."""
    await fill(store, 300)
    for size in (3, 250, 251, 900):
        await store.put_checkpoint(LOG, size, b"note %d" % size)
    found = {size: await store.newest_checkpoint(LOG, most=size) for size in (2, 3, 249, 250, 300)}
    assert found[2] is None
    assert found[3] == found[249] == CheckpointDoc(3, b"note 3")
    assert found[250] == CheckpointDoc(250, b"note 250")
    assert found[300] == CheckpointDoc(251, b"note 251")
    assert await store.newest_checkpoint(LOG, most=0) is None
    assert await store.newest_checkpoint(LOG) == CheckpointDoc(900, b"note 900")


async def test_a_checkpoint_beyond_the_entries_is_the_newest_all_the_same(store: Store) -> None:
    """A36: the log was cut; whoever starts on it must see that more had been signed."""
    await fill(store, 10)
    await store.put_checkpoint(LOG, 10, b"note 10")
    await store.put_checkpoint(LOG, 5000, b"note 5000")
    assert await store.newest_checkpoint(LOG) == CheckpointDoc(5000, b"note 5000")


async def test_wraps_of_two_rotates_of_one_epoch_are_kept_apart(store: Store) -> None:
    """The loser of a compare-and-set has stored its wraps too."""
    await store.put_wraps(LOG, CHAN, 1, b"a" * 32, b"w" * 224, b"")
    await store.put_wraps(LOG, CHAN, 1, b"b" * 32, b"v" * 224, b"s" * 112)
    await store.put_wraps(LOG, CHAN, 1, b"b" * 32, b"v" * 224, b"s" * 112)
    kept = await store.wraps(LOG, CHAN, 1, b"b" * 32)
    assert kept == WrapsDoc(CHAN, 1, b"b" * 32, b"v" * 224, b"s" * 112)
    assert await store.wraps(LOG, CHAN, 2, b"b" * 32) is None
    assert await store.wraps(OTHER, CHAN, 1, b"b" * 32) is None


async def test_wraps_of_three_thousand_devices_fit(store: Store) -> None:
    wraps = bytes(112 * 3000)
    await store.put_wraps(LOG, CHAN, 2**40, b"a" * 32, wraps, b"")
    kept = await store.wraps(LOG, CHAN, 2**40, b"a" * 32)
    assert kept is not None
    assert kept.wraps == wraps


async def test_grants_are_kept_by_epoch_and_device(store: Store) -> None:
    await store.put_grant(LOG, CHAN, 1, b"a" * 32, DEVICE, b"w" * 112)
    await store.put_grant(LOG, CHAN, 1, b"b" * 32, DEVICE, b"v" * 112)
    await store.put_grant(LOG, CHAN, 1, b"c" * 32, DeviceId(b"E" * 16), b"u" * 112)
    kept = await store.grants(LOG, CHAN, 1, DEVICE)
    assert {(doc.inner[:1], doc.wrap[:1]) for doc in kept} == {(b"a", b"w"), (b"b", b"v")}
    assert await store.grants(LOG, CHAN, 2, DEVICE) == []


async def test_orphan_wraps_go_and_known_or_young_ones_stay(store: Store, clock: Clock) -> None:
    await store.put_wraps(LOG, CHAN, 1, b"a" * 32, b"w" * 112, b"")
    await store.put_wraps(LOG, CHAN, 1, b"b" * 32, b"w" * 112, b"")
    await store.put_grant(LOG, CHAN, 1, b"c" * 32, DEVICE, b"w" * 112)
    await store.put_wraps(OTHER, CHAN, 1, b"d" * 32, b"w" * 112, b"")
    assert await store.drop_orphan_wraps(LOG, {b"a" * 32}) == 0
    clock.now += 300_000
    await store.put_wraps(LOG, CHAN, 1, b"e" * 32, b"w" * 112, b"")
    assert await store.drop_orphan_wraps(LOG, {b"a" * 32}) == 2
    assert await store.wraps(LOG, CHAN, 1, b"a" * 32) is not None
    assert await store.wraps(LOG, CHAN, 1, b"b" * 32) is None
    assert await store.wraps(LOG, CHAN, 1, b"e" * 32) is not None
    assert await store.wraps(OTHER, CHAN, 1, b"d" * 32) is not None
    assert await store.grants(LOG, CHAN, 1, DEVICE) == []


async def test_numbers_come_back_as_plain_integers(store: Store) -> None:
    """Not as a driver's own 64-bit kind: the deterministic CBOR takes none but int (A14)."""
    await fill(store, 1)
    await store.put_checkpoint(LOG, 1, b"note")
    (doc,) = await store.read_entries(LOG, 0, 1)
    newest = await store.newest_checkpoint(LOG)
    assert newest is not None
    assert {type(doc.seq), type(doc.at), type(newest.size)} == {int}


async def test_an_erased_body_is_gone_and_all_else_of_the_entry_stays(store: Store) -> None:
    await fill(store, 5)
    await store.append_entries(OTHER, [entry(0, id=77)])
    assert await store.erase_bodies(LOG, [1, 3]) == 2
    found = await store.read_entries(LOG, 0, 5)
    expected = [replace(entry(seq), body=None) if seq in (1, 3) else entry(seq) for seq in range(5)]
    assert found == expected
    assert await store.read_entries(OTHER, 0, 1) == [entry(0, id=77)]


async def test_to_erase_again_or_what_is_not_there_changes_nothing(store: Store) -> None:
    """A crash half-way, or another process, came first."""
    await fill(store, 2)
    for _ in range(2):
        assert await store.erase_bodies(LOG, [1, 7]) == 1
        assert [doc.body for doc in await store.read_entries(LOG, 0, 9)] == [b"body 0", None]
    assert await store.erase_bodies(LOG, []) == 0


async def test_an_entry_keeps_its_places_when_its_body_is_gone(store: Store) -> None:
    """A5: its id stays taken, its seq too."""
    await fill(store, 2)
    await store.erase_bodies(LOG, [1])
    assert await store.append_entries(LOG, [entry(1, id=9)]) == 0
    with pytest.raises(DuplicateEntry):
        await store.append_entries(LOG, [entry(2, id=1)])
    erased = await store.entry_by_id(LOG, ZERO_SCOPE, DEVICE, entry(1).id)
    assert erased == replace(entry(1), body=None)
    assert await store.last_seq(LOG) == 1


async def test_all_wraps_of_a_log_go_and_no_other_s(store: Store) -> None:
    for log in (LOG, OTHER):
        await store.put_wraps(log, CHAN, 1, b"i" * 32, b"wraps", b"shares")
        await store.put_grant(log, CHAN, 1, b"g" * 32, DEVICE, b"wrap")
    assert await store.erase_wraps(LOG) == 2
    assert await store.erase_wraps(LOG) == 0
    assert await store.wraps(LOG, CHAN, 1, b"i" * 32) is None
    assert await store.grants(LOG, CHAN, 1, DEVICE) == []
    assert await store.wraps(OTHER, CHAN, 1, b"i" * 32) is not None
    assert len(await store.grants(OTHER, CHAN, 1, DEVICE)) == 1
