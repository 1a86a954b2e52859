"""A hostile server: whatever it sends, the client shows nothing false and names the attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client.answers import EntriesPage
from cencomm_client.arriving import MAX_AHEAD_MS, decode_items
from cencomm_client.errors import AnswerMalformed, ClientCode, LogAlarm, NewerProtocol, Stopped
from cencomm_client.kept_logs import Update
from cencomm_client.mirror import Mirror
from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.wire import (
    Sequenced,
    encode_sequenced,
    encode_withheld,
    sequence,
)

from tests.support.directory import DirectoryBuilder
from tests.support.operation import OperationBuilder
from tests.support.served import Served
from tests.support.vaults import vault_of


class World:
    """A directory, an operation with two channels, and one member's device that reads both logs."""

    def __init__(self, folder: Path) -> None:
        self.directory = DirectoryBuilder()
        self.operation = OperationBuilder(self.directory)
        self.person = self.directory.person(self.directory.administration("FR"))
        self.vault = vault_of(folder / "vault", self.directory, self.person)
        self.operation.admit(self.person, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        self.operation.rotate(self.work)
        self.other = self.operation.channel("other", [self.operation.creator])
        self.operation.rotate(self.other)
        self.operation.message(self.other)
        self.operation.message(self.work, self.person)
        self.served = Served(self.directory, self.person)
        self.log = self.served.add(self.operation)
        self.ahead_ms = 0
        self.path = folder / "replica"
        self.mirror = self.load()
        self.updates: list[Update] = []
        self.mirror.listen(self.updates.append)

    def load(self) -> Mirror:
        return Mirror.load(self.vault, self.path, lambda: self.operation.clock + self.ahead_ms)

    async def pull(self) -> None:
        await self.mirror.pull_directory(self.served)
        await self.mirror.pull(self.served, self.log)

    async def alarm(self, code: ClientCode, row: str) -> LogAlarm:
        """Pull, expect this alarm, and that it stays, is kept as evidence, and nothing is shown."""
        before = self.mirror.head(self.log)
        with pytest.raises(LogAlarm) as caught:
            await self.mirror.pull(self.served, self.log)
        assert (caught.value.code, caught.value.row) == (code, row)
        with pytest.raises(Stopped):
            await self.mirror.pull(self.served, self.log)
        assert self.mirror.head(self.log) == before
        kept = {(item.code, item.row) for item in self.mirror.alarms(self.log)}
        assert (str(code), row) in kept
        return caught.value


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_an_honest_server_is_read_to_its_newest_checkpoint(world: World) -> None:
    await world.pull()
    assert world.mirror.head(world.log) == world.operation.head
    mine = world.mirror.operation(world.log).state
    assert mine.members == world.operation.state.members
    assert mine.channels[world.work] == world.operation.state.channels[world.work]
    assert mine.channels[world.other].epoch == 0  # its entries came as 56 bytes
    items = [item for update in world.updates if update.log == world.log for item in update.items]
    assert [item.leaf for item in items] == [item.leaf for item in world.operation.entries]
    assert not world.mirror.alarms()
    head = world.vault.head(world.log)
    assert head is not None
    assert (head.size, head.log_id32) == (len(items), world.operation.log.id32)


async def test_a_channel_that_opens_is_judged_once_all_of_it_is_here(world: World) -> None:
    """Its next rotate comes whole in the same pull, before what it rests on does."""
    await world.pull()
    change = {"chan": world.other, "add": [world.person.id], "remove": []}
    world.operation.control("channel.members", change)
    world.operation.rotate(world.other)
    await world.pull()
    assert not world.mirror.alarms()
    mine = world.mirror.operation(world.log).state
    assert mine.channels[world.other] == world.operation.state.channels[world.other]
    world.mirror.close()
    again = world.load()
    assert again.operation(world.log).state == mine
    assert not again.rejected(world.log)


async def test_who_left_again_meanwhile_is_owed_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.pull()
    change = {"chan": world.other, "add": [world.person.id], "remove": []}
    world.operation.control("channel.members", change)
    read, asked = world.operation.log.size - 1, list[int]()
    entries = world.served.entries

    async def slow(log: LogId, after: int) -> EntriesPage:
        if log == world.log and after < read:  # the client asks for what opened to it
            if not asked:
                back = {"chan": world.other, "add": [], "remove": [world.person.id]}
                world.operation.control("channel.members", back)
            asked.append(after)
        return await entries(log, after)

    monkeypatch.setattr(world.served, "entries", slow)
    await world.pull()
    assert asked
    assert not world.mirror.alarms()
    assert world.mirror.head(world.log) == world.operation.head


async def test_pulling_again_changes_nothing(world: World) -> None:
    await world.pull()
    told = len(world.updates)
    await world.pull()
    assert len(world.updates) == told


async def test_pushes_are_taken_when_they_fit_and_pulled_when_they_do_not(world: World) -> None:
    await world.pull()
    size = world.operation.log.size
    world.operation.message(world.work)
    assert world.mirror.push(world.served.frame(world.log, size))
    assert world.mirror.push(world.served.frame(world.log, size))  # twice is nothing
    world.operation.message(world.work)
    world.operation.message(world.work)
    assert not world.mirror.push(world.served.frame(world.log, size + 2))
    assert world.mirror.head(world.log).size == size + 1
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.head(world.log) == world.operation.head


async def test_an_entry_that_names_a_newer_directory_waits_for_it(world: World) -> None:
    await world.pull()
    size = world.operation.log.size
    newcomer = world.directory.person(world.person.administration)
    world.operation.admit(newcomer, "officer")
    frame = world.served.frame(world.log, size)
    assert not world.mirror.push(frame)
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.head(world.log) == world.operation.head
    assert world.mirror.head(world.directory.log.id16) == world.directory.head
    told = [
        item.seq for update in world.updates if update.log == world.log for item in update.items
    ]
    assert told == list(range(world.operation.log.size))


async def test_items_before_the_one_that_waited_are_told_and_kept(world: World) -> None:
    await world.pull()
    size = world.operation.log.size
    world.operation.message(world.work)
    newcomer = world.directory.person(world.person.administration)
    world.operation.admit(newcomer, "officer")
    world.operation.rotate(world.work)
    assert not world.mirror.push(world.served.frame(world.log, size))
    await world.mirror.pull(world.served, world.log)
    world.mirror.close()
    again = world.load()
    assert again.head(world.log) == world.operation.head
    assert [item.leaf for item in again.items(world.log)] == [
        item.leaf for item in world.operation.entries
    ]


async def test_a_directory_that_entries_name_and_the_server_withholds(world: World) -> None:
    await world.pull()
    newcomer = world.directory.person(world.person.administration)
    size = world.directory.log.size
    world.operation.admit(newcomer, "officer")
    world.served.sizes[world.directory.log.id16] = size - 1
    await world.alarm(ClientCode.DIRECTORY_WITHHELD, "A3")


async def test_a_gap(world: World) -> None:
    await world.pull()
    for _ in range(3):
        world.operation.message(world.work)

    class Gap(Served):
        def encoded(self, log: LogId, item: Sequenced) -> bytes:
            whole = super().encoded(log, item)
            return b"" if item.seq == world.operation.log.size - 2 else whole

    world.served = Gap(world.directory, world.person, dict(world.served.operations))
    await world.alarm(ClientCode.LOG_GAP, "A6")


async def test_a_tail_that_is_signed_and_not_sent(world: World) -> None:
    await world.pull()
    world.operation.message(world.work)
    newest = world.operation.log.size - 1

    class Short(Served):
        def encoded(self, log: LogId, item: Sequenced) -> bytes:
            return b"" if item.seq >= newest and log == world.log else super().encoded(log, item)

    world.served = Short(world.directory, world.person, dict(world.served.operations))
    await world.alarm(ClientCode.LOG_GAP, "A6")


async def test_a_rollback(world: World) -> None:
    await world.pull()
    world.served.sizes[world.log] = world.operation.log.size - 2
    alarm = await world.alarm(ClientCode.LOG_ROLLED_BACK, "A4")
    assert len(alarm.evidence) == 2  # both signed notes


async def test_a_rollback_before_a_receipt(world: World) -> None:
    """A50: the server acknowledged, lost its disk, and forgets."""
    await world.pull()
    item = world.operation.message(world.work, world.person.devices[1])
    assert item.entry is not None
    receipt = world.served.receipt(world.log, item.seq)
    stored = world.mirror.receipt(item.entry, receipt, world.log)
    assert (stored.seq, stored.leaf) == (item.seq, item.leaf)
    world.served.sizes[world.log] = item.seq
    await world.alarm(ClientCode.LOG_ROLLED_BACK, "A4")


async def test_a_receipt_that_comes_in_while_pulling_is_no_rollback(world: World) -> None:
    await world.pull()
    item = world.operation.message(world.work, world.person.devices[1])
    entry = item.entry
    assert entry is not None

    class Meanwhile(Served):
        """Answers with its newest note; then, before the pages, a receipt of another post."""

        async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
            note = self.note(log)
            later = world.operation.message(world.work, world.person.devices[1])
            assert later.entry is not None
            world.mirror.receipt(later.entry, self.receipt(log, later.seq), log)
            return note

    served = Meanwhile(world.directory, world.person, dict(world.served.operations))
    await world.mirror.pull(served, world.log)
    assert world.mirror.head(world.log).size == item.seq + 1
    await world.pull()
    assert world.mirror.head(world.log) == world.operation.head


async def test_for_who_was_removed_the_log_ends_before_what_receipts_promise(
    world: World,
) -> None:
    """One commit held the own message, the removal, and more: its note covers all of it."""
    await world.pull()
    item = world.operation.message(world.work, world.person.devices[1])
    assert item.entry is not None
    removal = world.operation.remove(world.person)
    world.operation.rotate(world.work)
    world.mirror.receipt(item.entry, world.served.receipt(world.log, item.seq), world.log)

    class Former(Served):
        """What was for this person when it was written stays so."""

        def encoded(self, log: LogId, item: Sequenced) -> bytes:
            own = item.scope != world.other
            return encode_sequenced(item) if own else encode_withheld(item)

    world.served = Former(world.directory, world.person, dict(world.served.operations))
    world.served.sizes[world.log] = removal.seq + 1
    for _ in range(2):
        await world.mirror.pull(world.served, world.log)
        assert world.mirror.head(world.log).size == removal.seq + 1
    assert not world.mirror.alarms()


async def test_a_fork_after_a_receipt(world: World) -> None:
    await world.pull()
    item = world.operation.message(world.work, world.person.devices[1])
    assert item.entry is not None
    world.mirror.receipt(item.entry, world.served.receipt(world.log, item.seq), world.log)
    world.operation.message(world.work)
    world.operation.message(world.work)

    def forked(items: list[Sequenced]) -> list[Sequenced]:
        tail = [replace(late, seq=late.seq - 1) for late in items[item.seq + 1 :]]
        return items[: item.seq] + tail

    world.served.items[world.log] = forked
    await world.alarm(ClientCode.LOG_FORKED, "A4")


async def test_a_fork_below_what_was_verified_survives_a_restart(world: World) -> None:
    await world.pull()
    world.operation.message(world.work)
    world.mirror.close()
    world.mirror = world.load()

    def forked(items: list[Sequenced]) -> list[Sequenced]:
        return [replace(item, at=item.at + 1) for item in items]

    world.served.items[world.log] = forked
    await world.alarm(ClientCode.CHECKPOINT_MISMATCH, "A4")


async def test_a_rewritten_item_sent_again(world: World) -> None:
    await world.pull()
    size = world.operation.log.size

    def rewritten(items: list[Sequenced]) -> list[Sequenced]:
        return [*items[: size - 1], replace(items[size - 1], at=items[size - 1].at + 1)]

    world.served.items[world.log] = rewritten
    with pytest.raises(LogAlarm) as caught:
        world.mirror.push(world.served.frame(world.log, size - 1))
    assert (caught.value.code, caught.value.row) == (ClientCode.LOG_REWRITTEN, "A4")


async def test_two_genesis_bodies_under_one_id(world: World) -> None:
    other = OperationBuilder(world.directory, world.operation.creator, seed="other")
    other.admit(world.person, "officer")
    world.served.operations[world.log] = other
    await world.mirror.pull_directory(world.served)
    await world.alarm(ClientCode.WRONG_LOG, "A48")
    assert world.mirror.operations == ()


async def test_another_directory_than_the_pinned(world: World) -> None:
    false = DirectoryBuilder(seed="false")

    class Posing(Served):
        """Serves the false directory under the pinned one's id, signed for that id."""

        def sequenced(self, log: LogId) -> list[Sequenced]:
            return list(false.entries)

    with pytest.raises(LogAlarm) as caught:
        await world.mirror.pull_directory(Posing(false, world.person))
    assert (caught.value.code, caught.value.row) == (ClientCode.WRONG_LOG, "A48")
    assert world.mirror.directory.size == 0


async def test_an_entry_of_another_operation(world: World) -> None:
    """A7: honestly signed, for another log."""
    await world.pull()
    other = OperationBuilder(world.directory, world.operation.creator, seed="other")
    item = other.control("operation.suspend", {}) if other.state.phase == "live" else None
    if item is None:
        other.start()
        item = other.entries[-1]
    assert item.entry is not None
    moved = sequence(world.operation.log.size, world.operation.clock, item.entry)
    world.served.items[world.log] = lambda items: [*items, moved]
    await world.alarm(ClientCode.WRONG_LOG, "A7")


@pytest.mark.parametrize("key", [b"x" * 32, None])
async def test_a_checkpoint_by_another_key(world: World, key: bytes | None) -> None:
    await world.pull()
    world.operation.message(world.work)
    signer = SigningKey.from_seed(key) if key else world.operation.creator.device.sign
    world.served.keys[world.log] = signer
    await world.alarm(ClientCode.CHECKPOINT_FORGED, "A36")


async def test_a_time_ahead_of_the_own_clock(world: World) -> None:
    await world.pull()
    world.operation.wait(MAX_AHEAD_MS + 60_000)
    world.operation.message(world.work)
    world.ahead_ms = -(MAX_AHEAD_MS + 10_000)
    await world.alarm(ClientCode.CLOCK_AHEAD, "A43")


async def test_a_time_that_goes_back(world: World) -> None:
    await world.pull()
    world.operation.message(world.work)

    def back(items: list[Sequenced]) -> list[Sequenced]:
        return [*items[:-1], replace(items[-1], at=items[0].at - 1)]

    world.served.items[world.log] = back
    await world.alarm(ClientCode.LOG_DAMAGED, "A6")


async def test_an_own_channel_passed_off_as_anothers(world: World) -> None:
    """A39: 56 bytes where this person may read."""
    await world.pull()
    world.operation.message(world.work)
    world.served.hidden.add(world.work)
    assert not world.mirror.push(world.served.frame(world.log, world.operation.log.size - 1))
    with pytest.raises(LogAlarm) as caught:
        await world.mirror.pull(world.served, world.log)
    assert (caught.value.code, caught.value.row) == (ClientCode.ENTRY_WITHHELD, "A39")


async def test_a_withheld_control_entry(world: World) -> None:
    """A3: a removal hidden as 56 bytes."""
    await world.pull()
    world.operation.remove(world.person)
    world.served.hidden.add(bytes(16))
    await world.alarm(ClientCode.ENTRY_WITHHELD, "A3")


async def test_older_entries_come_whole_when_a_channel_opens(world: World) -> None:
    await world.pull()
    world.operation.control(
        "channel.members", {"chan": world.other, "add": [world.person.id], "remove": []}
    )
    size = world.operation.log.size
    assert not world.mirror.push(world.served.frame(world.log, size - 1))
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.operation(world.log).state == world.operation.state
    completed = [item for update in world.updates for item in update.completed]
    assert [item.seq for item in completed] == [
        item.seq for item in world.operation.entries if item.scope == world.other
    ]
    assert all(item.entry is not None for item in completed)
    world.mirror.close()
    again = world.load()
    assert again.operation(world.log).state == world.operation.state


async def test_an_entry_that_the_rules_reject_has_no_effect_and_is_kept(world: World) -> None:
    await world.pull()
    outsider = world.directory.person(world.person.administration)
    entry = world.operation.author("members.remove", {"persons": [world.person.id]}, outsider)
    assert isinstance(world.operation.force(entry), Rejected)
    seq = world.operation.log.size - 1
    world.operation.message(world.work)
    await world.pull()
    assert world.person.id in world.mirror.operation(world.log).state.members
    assert list(world.mirror.rejected(world.log)) == [seq]
    (kept,) = world.mirror.alarms(world.log)
    assert (kept.code, kept.row, kept.seq) == ("entry_rejected", "A1", seq)
    assert kept.data == encode_sequenced(world.operation.entries[seq])
    assert [alarm.seq for update in world.updates for alarm in update.alarms] == [seq]
    world.mirror.close()
    assert list(world.load().rejected(world.log)) == [seq]


async def test_a_forged_signature_by_a_member_names_its_row(world: World) -> None:
    await world.pull()
    true = world.operation.sealed(world.work, world.person)
    forged = world.operation.author(
        "message",
        b"x" * 300,
        world.operation.creator,
        chan=world.work,
        epoch=1,
        device=world.person.device.id,
    )
    assert true.header.device == forged.header.device
    world.operation.force(forged)
    await world.pull()
    (kept,) = world.mirror.alarms(world.log)
    assert kept.row == "A8"


async def test_a_missing_body_before_any_erasure(world: World) -> None:
    await world.pull()
    item = world.operation.message(world.work)
    assert item.entry is not None
    bare = replace(item, entry=replace(item.entry, body_bytes=None, body=None))
    world.served.items[world.log] = lambda items: [*items[:-1], bare]
    await world.mirror.pull(world.served, world.log)
    (kept,) = world.mirror.alarms(world.log)
    assert (kept.code, kept.row) == ("body_withheld", "A49")


async def test_a_forged_receipt_is_kept_and_proves_nothing(world: World) -> None:
    await world.pull()
    item = world.operation.message(world.work, world.person.devices[1])
    other = world.operation.message(world.work)
    assert item.entry is not None
    good = world.served.receipt(world.log, item.seq)
    for bad in (
        replace(good, seq=other.seq),
        replace(good, at=good.at + 1),
        replace(good, proof=good.proof[1:]),
        replace(good, note=world.served.note(world.log, item.seq)),
    ):
        with pytest.raises(LogAlarm) as caught:
            world.mirror.receipt(item.entry, bad, world.log)
        assert caught.value.row == "A6"
    assert world.vault.receipts() == ()
    world.mirror.receipt(item.entry, good, world.log)
    assert [stored.seq for stored in world.vault.receipts(world.log)] == [item.seq]


async def test_a_signed_head_must_come_true(world: World) -> None:
    await world.pull()
    world.operation.message(world.work)
    assert not world.mirror.notice(world.log, world.served.note(world.log))
    assert [head.size for head in world.vault.promises(world.log)] == [world.operation.log.size]
    await world.mirror.pull(world.served, world.log)
    assert world.vault.promises(world.log) == ()
    assert world.mirror.notice(world.log, world.served.note(world.log))


def newer_version(data: bytes) -> bytes:
    fields = decode(data, max_size=2**20)
    header = decode(fields[3], max_size=2**20)
    return encode([*fields[:3], encode({**header, "v": 2}), *fields[4:]])


def newer_suite(data: bytes) -> bytes:
    fields = decode(data, max_size=2**20)
    header = decode(fields[3], max_size=2**20)
    return encode([*fields[:3], encode({**header, "suite": 9}), *fields[4:]])


def newer_type(data: bytes) -> bytes:
    fields = decode(data, max_size=2**20)
    header = decode(fields[3], max_size=2**20)
    return encode([*fields[:3], encode({**header, "type": "future.thing"}), *fields[4:]])


@pytest.mark.parametrize("newer", [newer_version, newer_suite, newer_type])
async def test_what_is_newer_stops_the_reader_and_is_never_skipped(
    world: World, newer: Callable[[bytes], bytes]
) -> None:
    await world.pull()
    before = world.mirror.head(world.log)
    world.operation.message(world.work)
    size = world.operation.log.size

    class Newer(Served):
        def encoded(self, log: LogId, item: Sequenced) -> bytes:
            data = super().encoded(log, item)
            return newer(data) if item.seq == size - 1 and log == world.log else data

    world.served = Newer(world.directory, world.person, dict(world.served.operations))
    with pytest.raises(NewerProtocol) as caught:
        await world.mirror.pull(world.served, world.log)
    assert (caught.value.code, caught.value.row) == ("newer_protocol", "A28")
    assert world.mirror.head(world.log) == before


def test_garbage_items_are_an_alarm_with_their_bytes() -> None:
    for data in (b"\xff", b"\x80", encode([7, 0, 0]), encode([1, 0, 0, b"", b""]), b"\x9f\xff"):
        with pytest.raises(LogAlarm) as caught:
            decode_items(data, LogId(b"L" * 16))
        assert caught.value.code == ClientCode.LOG_DAMAGED
        assert caught.value.row


def test_a_withheld_item_is_read_as_such() -> None:
    item = Sequenced(3, 4, b"s" * 16, b"i" * 32, None)
    assert decode_items(encode_withheld(item), LogId(b"L" * 16)) == [item]


async def test_a_changed_log_key_is_followed_and_older_notes_stay_good(world: World) -> None:
    await world.pull()
    old = world.directory.log_key
    fresh = world.directory.signing_key("second log key")
    world.directory.append(world.directory.by_governance("logkey.set", {"log_key": fresh.public}))
    world.served.key = fresh
    await world.mirror.pull_directory(world.served)
    world.served.key = old
    await world.mirror.pull(world.served, world.log)  # a quiet log, signed before the change
    world.operation.message(world.work)
    world.served.key = fresh
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.head(world.log) == world.operation.head


async def test_a_push_by_a_log_key_that_was_named_just_now_is_no_alarm(world: World) -> None:
    await world.pull()
    size = world.operation.log.size
    fresh = world.directory.signing_key("second log key")
    world.directory.append(world.directory.by_governance("logkey.set", {"log_key": fresh.public}))
    world.served.key = fresh
    item = world.operation.message(world.work, world.person.devices[1])
    assert not world.mirror.push(world.served.frame(world.log, size))
    assert not world.mirror.notice(world.log, world.served.note(world.log))
    assert not world.mirror.knows_signer(world.log, world.served.note(world.log))
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.head(world.log) == world.operation.head
    assert item.entry is not None
    receipt = world.served.receipt(world.log, item.seq)
    assert world.mirror.receipt(item.entry, receipt, world.log).seq == item.seq


async def test_an_operation_asked_for_first_brings_its_directory(world: World) -> None:
    await world.mirror.pull(world.served, world.log)
    assert world.mirror.head(world.log) == world.operation.head
    assert world.mirror.directory.size == world.directory.log.size


async def test_a_log_signed_without_even_its_genesis(world: World) -> None:
    await world.mirror.pull_directory(world.served)
    world.served.sizes[world.log] = 0
    await world.alarm(ClientCode.LOG_GAP, "A6")


@pytest.mark.parametrize("note", [b"", b"x", b"a\nb\nc\n", b"a\n-5\nc\n", b"a\n5\n" + b"c" * 99])
async def test_a_note_that_is_none(world: World, note: bytes) -> None:
    await world.pull()

    class Noting(Served):
        async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
            return note

    before = world.mirror.head(world.log)
    with pytest.raises((LogAlarm, AnswerMalformed)):
        await world.mirror.pull(Noting(world.directory, world.person), world.log)
    assert world.mirror.head(world.log) == before
