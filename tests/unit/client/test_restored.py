"""A log of which a restore lost entries: members agree on it, and are told (A50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client.errors import ClientCode, LogAlarm, Stopped
from cencomm_client.mirror import Mirror, Update
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


async def test_a_member_that_holds_what_was_lost_reads_its_log_anew(world: World) -> None:
    other = world.directory.person(world.person.administration)
    admission = world.operation.admit(other, "officer")
    await world.pull()
    assert other.id in world.mirror.operation(world.log).state.members
    restored = world.operation.restore(admission)
    updates: list[Update] = []
    world.mirror.listen(updates.append)
    await world.pull()
    assert other.id not in world.mirror.operation(world.log).state.members
    agrees(world, world.mirror)
    assert any(update.rebuilt for update in updates)
    (kept,) = world.mirror.alarms(world.log)
    assert (kept.code, kept.row, kept.seq) == (ClientCode.LOG_RESTORED, "A50", restored.seq)
    world.mirror.close()
    world.mirror = world.load()
    agrees(world, world.mirror)
    with pytest.raises(Stopped):  # until a person has read what was lost
        world.mirror.expect_going(world.log)
    assert world.mirror.go_on(world.log)
    world.mirror.expect_going(world.log)
    world.operation.rotate(world.work)
    await world.pull()
    agrees(world, world.mirror)


async def test_a_new_device_that_finds_places_lost_computes_the_same(world: World) -> None:
    other = world.directory.person(world.person.administration)
    admission = world.operation.admit(other, "officer")
    world.operation.restore(admission)
    world.operation.entries[admission.seq] = lost(admission)
    await world.pull()
    agrees(world, world.mirror)
    world.mirror.close()
    world.mirror = world.load()
    agrees(world, world.mirror)


async def test_lost_entries_that_the_governance_root_did_not_name_stop_the_log(
    world: World,
) -> None:
    await world.pull()
    other = world.directory.person(world.person.administration)
    admission = world.operation.admit(other, "officer")
    world.operation.entries[admission.seq] = lost(admission)
    await world.alarm(ClientCode.ENTRIES_LOST, "A50")


async def test_what_the_directory_lost_takes_its_effect_from_operations_too(world: World) -> None:
    """The person whose addition was lost is no member, in any log, at any earlier size."""
    other = world.directory.person(world.person.administration)
    added = world.directory.entries[-2]
    world.operation.admit(other, "officer")
    await world.pull()
    assert other.id in world.mirror.operation(world.log).state.members
    world.directory.restore(added)
    await world.mirror.pull_directory(world.served)
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
    entry = directory.by_governance(
        "log.restored", restoring(directory.log.id16, [rekey]), serial=2
    )
    directory.entries.append(directory.sequenced(entry))
    with pytest.raises(LogAlarm) as caught:
        await world.mirror.pull_directory(world.served)
    assert (caught.value.code, caught.value.row) == (ClientCode.ENTRY_REJECTED, "A50")
    keys = world.mirror.directory.state.governance.keys
    assert keys != tuple(key.public for key in old)
