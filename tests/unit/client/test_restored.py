"""A log of which a restore lost entries: members agree on it, and are told (A50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client.errors import ClientCode, LogAlarm, Stopped
from cencomm_client.kept_logs import Update
from cencomm_client.mirror import Mirror
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.wire import Sequenced

from tests.support.directory import restoring
from tests.unit.client.test_verifier import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.mirror.close()


def lost(item: Sequenced) -> Sequenced:
    return replace(item, entry=None, lost=True)


def agrees(world: World, mirror: Mirror) -> None:
    mine = mirror.operation(world.log).state
    own = {channel.id for channel in mine.channels_of(world.person.id)}
    assert state_hash(mine, own) == state_hash(world.operation.state, own)


async def read(world: World, log: LogId, seq: int) -> None:
    """Pull until the alarm tells what was lost; the person reads it; go on."""
    with pytest.raises(LogAlarm) as caught:
        await world.pull()
    found = caught.value
    assert (found.code, found.row, found.seq) == (ClientCode.LOG_RESTORED, "A50", seq)
    with pytest.raises(Stopped):
        world.mirror.expect_going(world.log)
    assert world.mirror.go_on(log)
    await world.pull()
    world.mirror.expect_going(world.log)


async def test_a_member_that_holds_what_was_lost_goes_on_without_it_once_it_has_read(
    world: World,
) -> None:
    other = world.directory.person(world.person.administration)
    admission = world.operation.admit(other, "officer")
    await world.pull()
    assert other.id in world.mirror.operation(world.log).state.members
    restored = world.operation.restore(admission)
    world.operation.rotate(world.work)
    updates: list[Update] = []
    world.mirror.listen(updates.append)
    await read(world, world.log, restored.seq)
    assert other.id not in world.mirror.operation(world.log).state.members
    assert str(world.mirror.rejected(world.log)[admission.seq].code) == "void"
    agrees(world, world.mirror)
    assert any(update.rebuilt for update in updates)
    world.mirror.close()
    world.mirror = world.load()
    agrees(world, world.mirror)
    world.mirror.expect_going(world.log)


async def test_nothing_changes_before_a_person_has_read_what_was_lost(world: World) -> None:
    """The removal that was lost must not bring somebody back in the meantime."""
    other = world.directory.person(world.person.administration)
    world.operation.admit(other, "officer")
    removal = world.operation.control("members.remove", {"persons": [other.id]})
    await world.pull()
    world.operation.restore(removal)
    with pytest.raises(LogAlarm):
        await world.pull()
    for _ in range(2):
        assert other.id not in world.mirror.operation(world.log).state.members
        with pytest.raises(Stopped):
            await world.pull()
        world.mirror.close()
        world.mirror = world.load()
    assert world.mirror.go_on(world.log)
    await world.pull()
    assert other.id in world.mirror.operation(world.log).state.members
    agrees(world, world.mirror)


async def test_a_push_that_ends_in_a_restoration_leaves_no_gap(world: World) -> None:
    admission = world.operation.admit(
        world.directory.person(world.person.administration), "officer"
    )
    await world.pull()
    size = world.operation.log.size
    world.operation.message(world.work)
    restored = world.operation.restore(admission)
    with pytest.raises(LogAlarm) as caught:
        world.mirror.push(world.served.frame(world.log, size))
    assert caught.value.code == ClientCode.LOG_RESTORED
    assert world.mirror.go_on(world.log)
    await world.pull()
    agrees(world, world.mirror)
    assert world.mirror.head(world.log) == world.operation.head
    assert restored.seq < world.operation.log.size


@pytest.mark.parametrize("held", [False, True])
async def test_a_new_device_reads_it_too_and_computes_the_same(world: World, held: bool) -> None:
    """Whether the server still has the entry or sends the place as lost."""
    other = world.directory.person(world.person.administration)
    admission = world.operation.admit(other, "officer")
    restored = world.operation.restore(admission)
    if not held:
        world.operation.entries[admission.seq] = lost(admission)
    await read(world, world.log, restored.seq)
    agrees(world, world.mirror)
    world.mirror.close()
    world.mirror = world.load()
    agrees(world, world.mirror)


async def test_lost_entries_that_the_governance_root_did_not_name_stop_the_log(
    world: World,
) -> None:
    await world.pull()
    other = world.directory.person(world.person.administration)
    await world.mirror.pull_directory(world.served)
    admission = world.operation.admit(other, "officer")
    world.operation.entries[admission.seq] = lost(admission)
    await world.alarm(ClientCode.ENTRIES_LOST, "A50")


async def test_a_removal_is_not_hidden_as_lost_behind_an_entry_that_must_wait(
    world: World,
) -> None:
    """What was taken before an entry that names a directory to come is held to the same rule."""
    other = world.directory.person(world.person.administration)
    world.operation.admit(other, "officer")
    await world.pull()
    size = world.operation.log.size
    removal = world.operation.control("members.remove", {"persons": [other.id]})
    world.operation.entries[removal.seq] = lost(removal)
    newcomer = world.directory.person(world.person.administration)
    world.operation.admit(newcomer, "officer")  # names a directory that the device has not read
    assert not world.mirror.push(world.served.frame(world.log, size))
    world.operation.entries.pop()
    with pytest.raises(LogAlarm) as caught:
        world.mirror.push(world.served.frame(world.log, size, size + 1))
    assert caught.value.code == ClientCode.ENTRIES_LOST


async def test_what_the_directory_lost_takes_its_effect_from_operations_too(world: World) -> None:
    """The person whose addition was lost is no member, in any log, at any earlier size."""
    other = world.directory.person(world.person.administration)
    added = world.directory.entries[-2]
    world.operation.admit(other, "officer")
    await world.pull()
    assert other.id in world.mirror.operation(world.log).state.members
    restored = world.directory.restore(added)
    directory = world.directory.log.id16
    entry = world.operation.sealed(world.work, dir=world.directory.head)  # names the new head
    world.operation.entries.append(world.operation.sequenced(entry))
    with pytest.raises(LogAlarm) as caught:  # of the directory, which the operation asks for
        await world.mirror.pull(world.served, world.log)
    assert caught.value.seq == restored.seq
    assert world.mirror.go_on(directory)
    await world.pull()
    assert world.mirror.directory.state.person(other.id) is None
    assert other.id not in world.mirror.operation(world.log).state.members
    rejected = world.mirror.rejected(world.log)
    assert [str(why.code) for why in rejected.values()] == ["unknown_person"]
    world.mirror.close()
    world.mirror = world.load()
    assert other.id not in world.mirror.operation(world.log).state.members


async def test_a_restoration_that_does_not_hold_stops_the_log(world: World) -> None:
    await world.pull()
    item = world.operation.entries[-1]
    body = world.directory.signed_restoring(world.operation.log.id16, [replace(item, at=1)])
    world.operation.force(world.operation.author("log.restored", body, world.directory.poster))
    await world.alarm(ClientCode.ENTRY_REJECTED, "A50")


async def test_governance_keys_that_were_replaced_call_nothing_lost(world: World) -> None:
    """A thief of the old root would bring it back by calling its end lost."""
    directory = world.directory
    old = directory.governance
    directory.append(
        directory.by_governance(
            "governance.rekey", {"keys": [directory.signing_key("new").public], "k": 1}
        )
    )
    rekey = directory.entries[-1]
    await world.pull()
    directory.governance = old
    entry = directory.by_governance("log.restored", restoring(directory.log.id16, [rekey]))
    directory.entries.append(directory.sequenced(entry))
    with pytest.raises(LogAlarm) as caught:
        await world.mirror.pull_directory(world.served)
    assert (caught.value.code, caught.value.row) == (ClientCode.ENTRY_REJECTED, "A50")
    keys = world.mirror.directory.state.governance.keys
    assert keys != tuple(key.public for key in old)


async def test_a_replaced_root_in_an_operation_is_pointed_out(world: World) -> None:
    """An operation that has not named the re-key yet takes the old root; the person is warned."""
    directory, old = world.directory, world.directory.governance
    admission = world.operation.admit(directory.person(world.person.administration), "officer")
    early = directory.head
    directory.append(
        directory.by_governance(
            "governance.rekey", {"keys": [directory.signing_key("new").public], "k": 1}
        )
    )
    await world.pull()
    directory.governance = old
    body = directory.signed_restoring(world.operation.log.id16, [admission])
    entry = world.operation.author("log.restored", body, directory.poster, dir=early)
    world.operation.entries.append(world.operation.sequenced(entry))
    with pytest.raises(LogAlarm) as caught:
        await world.pull()
    assert "has been replaced since" in caught.value.detail


async def test_a_lost_log_key_still_opens_the_notes_that_it_signed(world: World) -> None:
    directory = world.directory
    key = directory.signing_key("log")
    directory.append(directory.by_governance("logkey.set", {"log_key": key.public}))
    change = directory.entries[-1]
    old, directory.log_key = directory.log_key, key
    await world.pull()
    restored = directory.restore(change)
    directory.log_key = old
    await read(world, directory.log.id16, restored.seq)
    world.mirror.close()
    world.mirror = world.load()
    assert world.mirror.directory.state.log_key == old.public
