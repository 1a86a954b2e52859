"""What a device was shown under a signature must come true, also after it was killed (A4, A50)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cencomm_client.answers import EntriesPage
from cencomm_client.errors import ClientCode, LogAlarm, Unreachable
from cencomm_client.unread import unread_of
from cencomm_client.vault import Vault
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Sequenced

from tests.support.vaults import PASSWORD, derive
from tests.unit.client.test_verifier import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def killed(world: World) -> None:
    """The process ends without another write, and the program is started again."""
    world.vault._lock.release()
    world.mirror._replica.close()
    world.vault = Vault.open(world.vault.path, PASSWORD, derive=derive)
    world.mirror = world.load()


def forked(world: World) -> Callable[[list[Sequenced]], list[Sequenced]]:
    """The newest place holds another entry: the server was restored, and somebody else spoke."""
    held = world.operation.log
    seq, at = held.size - 1, world.operation.entries[-1].at
    other = world.operation.sealed(world.work, world.person)
    forged = Sequenced(seq, at, other.scope, other.inner, other)
    return lambda told: [*told[:seq], forged]


async def shown_by_notice(world: World) -> None:
    """A live connection told of a head that was not read yet."""
    assert not world.mirror.notice(world.log, world.served.note(world.log))


async def shown_by_reading(world: World) -> None:
    """The newest head was fetched, and then the connection broke."""
    entries = world.served.entries

    async def broken(log: LogId, after: int) -> EntriesPage:
        raise Unreachable("gone")

    world.served.entries = broken  # type: ignore[method-assign]  # this one server alone
    with pytest.raises(Unreachable):
        await world.mirror.pull(world.served, world.log)
    world.served.entries = entries  # type: ignore[method-assign]  # honest again


async def read(world: World) -> None:
    """All of it was read and verified."""
    await world.mirror.pull(world.served, world.log)


@pytest.mark.parametrize("seen", [shown_by_notice, shown_by_reading, read])
@pytest.mark.parametrize("grows", [False, True])
async def test_other_content_of_a_size_that_was_shown_is_a_fork(
    world: World, seen: Callable[[World], object], grows: bool
) -> None:
    """Of just that size, or of a greater one over it."""
    await world.pull()
    world.operation.message(world.work, world.person)
    doing = seen(world)
    assert hasattr(doing, "__await__")
    await doing
    lie = forked(world)
    if grows:
        newer = world.operation.message(world.work, world.person)
        world.served.items[world.log] = lambda told: [*lie(told), newer]
    else:
        world.served.items[world.log] = lie
    killed(world)
    with pytest.raises(LogAlarm) as caught:
        await world.mirror.pull(world.served, world.log)
    assert caught.value.row == "A4"
    assert caught.value.code in (
        ClientCode.LOG_FORKED,
        ClientCode.CHECKPOINT_MISMATCH,
        ClientCode.LOG_REWRITTEN,
    )
    kept = {item.code for item in world.mirror.alarms(world.log)}
    assert str(caught.value.code) in kept
    killed(world)
    assert world.mirror.stopped(world.log) is not None  # and it stays


async def test_a_replica_that_is_read_anew_is_held_against_the_vault(world: World) -> None:
    """The vault alone remembers the size; a bare notice of it is enough."""
    await world.pull()
    world.operation.message(world.work, world.person)
    await world.mirror.pull(world.served, world.log)
    world.mirror._replica.close()
    world.path.unlink()
    world.mirror = world.load()
    await world.mirror.pull_directory(world.served)
    world.mirror._logs.of(world.log)
    world.served.items[world.log] = forked(world)
    with pytest.raises(LogAlarm) as caught:
        world.mirror.notice(world.log, world.served.note(world.log))
    assert (caught.value.code, caught.value.row) == (ClientCode.LOG_FORKED, "A4")
    assert len(set(caught.value.evidence)) == 2


async def test_own_entries_are_kept_until_they_were_read_back(world: World) -> None:
    """Sealed, as they were sent; only beyond what was read."""
    await world.pull()
    item = world.operation.message(world.work, world.person)
    assert item.entry is not None
    receipt = world.served.receipt(world.log, item.seq)
    world.mirror.receipt(item.entry, receipt, world.log)
    world.vault.save()
    killed(world)
    assert list(unread_of(world.vault, world.log)) == [item.seq]
    await world.mirror.pull(world.served, world.log)
    assert unread_of(world.vault, world.log) == {}
    world.mirror.receipt(item.entry, receipt, world.log)
    assert unread_of(world.vault, world.log) == {}
