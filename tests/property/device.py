"""One person's device: vault and replica on disk, and the client that dies and comes back."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cencomm_client import Client, Operation
from cencomm_client.automation.timing import Timing
from cencomm_client.client import replica_path
from cencomm_client.mirror import Mirror
from cencomm_client.station import Settings
from cencomm_client.vault import Vault
from cencomm_crypto.public.ids import DeviceId, LogId, PersonId
from cencomm_crypto.public.keys import BoxKey

from tests.property.network import Network, PlayedTransport, Process
from tests.support.vaults import PASSWORD, derive

TIMING = Timing(close_s=(0.0, 3.0), poll_s=60.0)


class Killed(BaseException):
    """The process dies here."""


class Device(Process):
    """A place for one client at a time; `vault` names its files."""

    def __init__(
        self, name: str, path: Path, network: Network, now_ms: Callable[[], int], seed: int
    ) -> None:
        super().__init__()
        self.name, self.path = name, path
        self._network, self._now_ms = network, now_ms
        self._random = random.Random(seed)  # noqa: S311 chance that can be played again
        self.client: Client | None = None
        self.revoked = False
        self._moments_left: int | None = None
        self.id, self.person = DeviceId(b""), PersonId(b"")
        self.box_keys: dict[bytes, BoxKey] = {}  # all that this device ever held

    # -- life ---------------------------------------------------------------------------------

    def open(self) -> Client:
        """Start the client's process on what its disk holds."""
        vault = Vault.open(self.path, PASSWORD, derive=derive, random=self._random.randbytes)
        settings = Settings(
            timing=TIMING,
            clock=self._now_ms,
            monotonic=lambda: asyncio.get_running_loop().time(),
            random=self._random.randbytes,
            uniform=self._random.uniform,
        )
        mirror = Mirror.load(vault, replica_path(self.path), settings.clock, settings.monotonic)
        self.id, self.person = vault.device, vault.person
        transport = PlayedTransport(self._network, self.name, vault.device, vault.person)
        self.client = Client.over(vault, mirror, transport, settings)
        self._guard(vault, mirror)
        self.remember_keys()
        return self.client

    async def start(self) -> None:
        """Open, and go live with all automation."""
        client = self.open()
        await self.run(client.go_live())

    async def crash(self) -> None:
        """Lose the process: what the disk holds at this moment is all that is left."""
        client, self.client = self.client, None
        if client is None:
            return
        self.remember_keys(client)
        self._moments_left = -1  # whatever its tasks do while they end reaches no disk
        await self.kill()
        client._station.mirror._replica.close()
        client.vault._lock.release()
        self._moments_left = None

    async def stop(self) -> None:
        """End in order."""
        client, self.client = self.client, None
        if client is not None:
            self.remember_keys(client)
            await self.run(client.close())
            await self.kill()

    def die_after(self, moments: int) -> None:
        """Die at one of the next writes to the disk."""
        self._moments_left = moments

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in this process; Killed if it dies meanwhile."""
        task = self.spawn(work)
        await asyncio.wait([task])
        if task.cancelled():
            raise Killed
        return task.result()

    def remember_keys(self, client: Client | None = None) -> None:
        """Keep a copy of every box key that the vault holds now."""
        client = client or self.client
        if client is not None:
            self.box_keys |= {key.public: key for key in client.vault.box_keys}

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self.client is not None

    @property
    def dying(self) -> bool:
        """Whether its process hit the moment of its death and waits for `crash`."""
        return self._moments_left is not None and self._moments_left < 0

    def operation(self, log: LogId) -> Operation | None:
        """The operation as its client has it, None if it has not read it."""
        return None if self.client is None else self.client._operations._open.get(log)

    # -- inside -------------------------------------------------------------------------------

    def _guard(self, vault: Vault, mirror: Mirror) -> None:
        """Count the moments at which something is about to reach the disk."""
        save, transaction = vault.save, mirror._replica._transaction

        def guarded_save() -> None:
            if vault.changed:
                self._moment()
            save()

        def guarded_transaction() -> Any:
            self._moment()
            return transaction()

        vault.save = guarded_save  # type: ignore[method-assign]  # the seam of the crash
        mirror._replica._transaction = guarded_transaction  # type: ignore[method-assign]

    def _moment(self) -> None:
        if self._moments_left is None:
            return
        self._moments_left -= 1
        if self._moments_left < 0:
            for task in tuple(self.tasks):
                task.cancel()
            raise Killed


def copied(folder: Path, into: Path, names: list[str]) -> None:
    """Give a run its own copy of the devices' files."""
    into.mkdir()
    for name in names:
        for file in (folder / name, replica_path(folder / name)):
            shutil.copyfile(file, into / file.name)
