"""A log that an alarm stopped stays stopped: after a restart, off line, without its replica."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client.authoring import Author
from cencomm_client.errors import ClientCode, LogAlarm, Stopped
from cencomm_client.mirror import Mirror
from cencomm_client.stops import stop_of, stopped_logs
from cencomm_client.vault import Vault
from cencomm_crypto.public.ids import LogId

from tests.support.directory import DirectoryBuilder
from tests.support.operation import OperationBuilder
from tests.support.served import Served
from tests.support.vaults import PASSWORD, derive, vault_of


class Device:
    """A member's device, and a server that may lie to it; `restart` is a new process."""

    def __init__(self, folder: Path) -> None:
        self.directory = DirectoryBuilder()
        self.operation = OperationBuilder(self.directory)
        self.person = self.directory.person(self.directory.administration("FR"))
        self.folder = folder
        self.vault = vault_of(folder / "vault", self.directory, self.person)
        self.vault.save()
        self.operation.admit(self.person, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        self.operation.rotate(self.work)
        self.served = Served(self.directory, self.person)
        self.log = self.served.add(self.operation)
        self.mirror = self._mirror()

    def _mirror(self) -> Mirror:
        return Mirror.load(self.vault, self.folder / "replica", lambda: self.operation.clock)

    def restart(self) -> None:
        """As after a kill: nothing is closed in good order, memory is gone."""
        self.mirror._replica.close()
        self.vault._lock.release()
        self.vault = Vault.open(self.folder / "vault", PASSWORD, derive=derive)
        self.mirror = self._mirror()

    async def pull(self) -> None:
        await self.mirror.pull_directory(self.served)
        await self.mirror.pull(self.served, self.log)

    async def lied_to(self) -> LogAlarm:
        """The server withholds the last entry that it has signed."""
        self.operation.message(self.work)
        await self.pull()
        self.served.sizes[self.log] = self.operation.log.size - 1
        with pytest.raises(LogAlarm) as caught:
            await self.mirror.pull(self.served, self.log)
        assert caught.value.code == ClientCode.LOG_ROLLED_BACK
        del self.served.sizes[self.log]  # from here on it is honest again
        return caught.value

    def author(self) -> Author:
        return Author(self.vault, self.mirror, lambda: self.operation.clock)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


async def expect_stopped(device: Device, log: LogId) -> None:
    with pytest.raises(Stopped):
        await device.mirror.pull(device.served, log)
    with pytest.raises(Stopped):
        device.author().control_entry("phase.set", device.log, {"phase": "post"})


async def test_a_new_process_is_stopped_too_and_shows_what_was_verified(device: Device) -> None:
    alarm = await device.lied_to()
    head = device.mirror.head(device.log)
    for _ in range(2):
        device.restart()
        kept = stop_of(device.vault, device.log)
        assert kept is not None
        assert (kept.code, kept.row, kept.seq, kept.detail) == (
            alarm.code,
            alarm.row,
            alarm.seq,
            alarm.detail,
        )
        assert device.mirror.head(device.log) == head
        assert device.mirror.alarms(device.log)
        await expect_stopped(device, device.log)


async def test_setting_the_replica_aside_does_not_lift_it(device: Device) -> None:
    await device.lied_to()
    device.mirror._replica.close()
    (device.folder / "replica").unlink()
    device.restart()
    await device.mirror.pull_directory(device.served)
    await expect_stopped(device, device.log)


async def test_a_stopped_directory_stops_every_operation(device: Device) -> None:
    await device.pull()
    directory = device.directory.log.id16
    device.served.sizes[directory] = device.directory.log.size - 1
    with pytest.raises(LogAlarm):
        await device.mirror.pull_directory(device.served)
    del device.served.sizes[directory]
    device.restart()
    await expect_stopped(device, directory)
    assert device.mirror.go_on(directory)
    await device.pull()
    assert device.mirror.head(directory) == device.directory.head


async def test_a_person_lets_it_go_on_and_the_evidence_stays(device: Device) -> None:
    await device.lied_to()
    device.restart()
    assert device.mirror.go_on(device.log)
    assert not device.mirror.go_on(device.log)
    await device.mirror.pull(device.served, device.log)
    assert device.mirror.head(device.log) == device.operation.head
    device.restart()
    assert stopped_logs(device.vault) == ()
    assert device.mirror.stopped(device.log) is None
    assert device.mirror.alarms(device.log)


async def test_a_server_that_lies_on_is_caught_again(device: Device) -> None:
    await device.lied_to()
    device.restart()
    assert device.mirror.go_on(device.log)
    device.served.sizes[device.log] = device.operation.log.size - 1
    with pytest.raises(LogAlarm):
        await device.mirror.pull(device.served, device.log)
    device.restart()
    await expect_stopped(device, device.log)
