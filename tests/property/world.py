"""One run: a copy of what was founded, its network, its devices, and who judges them."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cencomm_client import Client, Operation
from cencomm_client.posting import Posted
from cencomm_client.vault import Vault
from cencomm_crypto.errors import CencommError

from tests.property.device import Device, Killed, copied
from tests.property.founding import CLOCK_AT, DEVICES, Founded
from tests.property.network import Host, Network, PlayedLive, Weather, owning_task
from tests.property.oracle import Acknowledged, Oracle, Violation
from tests.support.vaults import PASSWORD, derive
from tests.support.virtual_time import VirtualLoop

Work = Callable[[Client, Operation], Coroutine[Any, Any, Any]]


@dataclass
class Job:
    """Something that a device was told to do; it ends when it ends."""

    device: Device
    task: asyncio.Task[Any]
    text: str | None  # of a post


class World:
    """Everything of one run; `close` it."""

    def __init__(self, founded: Founded, folder: Path, seed: int) -> None:
        self.loop = VirtualLoop()
        self.loop.set_task_factory(owning_task)
        self.loop.set_exception_handler(self._failed)
        self.loop.run_until_complete(asyncio.sleep(founded.at))
        self.random = random.Random(seed)  # noqa: S311 chance that can be played again
        self._founded, self._folder = founded, folder
        self.network = Network(Weather(self.random))
        self.store = founded.copy_store(self.now_ms)
        self.oracle = Oracle(self.store, founded.directory, founded.log)
        copied(founded.folder, folder, list(DEVICES))
        self.devices = {
            name: Device(name, folder / name, self.network, self.now_ms, seed * 8 + number)
            for number, name in enumerate(DEVICES)
        }
        self.past: list[Device] = []  # revoked ones whose person has another by now
        self.jobs: list[Job] = []
        self.tried: dict[str, Device] = {}
        self._errors: list[BaseException] = []
        self.do(self._start())
        self.judge()

    async def _start(self) -> None:
        await self._new_host()
        for device in self.devices.values():
            await device.start()

    def now_ms(self) -> int:
        """The one clock."""
        return CLOCK_AT + round(self.loop.time() * 1000)

    def code(self, name: str) -> str:
        """The functional code of a device's person."""
        return self._founded.codes[name]

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to its end."""
        return self.loop.run_until_complete(work)

    # -- doing --------------------------------------------------------------------------------

    def begin(self, name: str, work: Work, text: str | None = None) -> None:
        """Tell a device to do something; nothing if it is down or does not know the operation."""
        device = self.devices[name]
        client, operation = device.client, device.operation(self._founded.log)
        if client is None or operation is None or device.dying:
            return
        if text is not None:
            self.tried[text] = device

        async def act() -> Any:
            return await work(client, operation)

        async def start() -> asyncio.Task[Any]:
            return device.spawn(act())

        self.jobs.append(Job(device, self.do(start()), text))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, then judge everything."""
        self.do(asyncio.sleep(seconds))
        self.judge()

    def crash(self, name: str) -> None:
        """A client's process dies now."""
        self.do(self.devices[name].crash())

    def restart(self, name: str) -> None:
        """It comes back, if it was away."""
        device = self.devices[name]
        if not device.up and not device.revoked:
            with suppress(CencommError):
                self.do(device.start())

    def crash_host(self, calls: int) -> None:
        """The server dies after so many half calls of the store, and comes back soon."""
        host = self.network.host
        if host is not None and not host.door.shut:
            nobodys = contextvars.Context()

            def died() -> None:
                self.loop.call_soon(self._host_died, host, context=nobodys)

            host.door.die_after(calls, died)

    def replace(self, name: str) -> Device:
        """A new vault for the person of a revoked device; somebody has to vouch for it."""
        old = self.devices[name]
        with_key = Vault.open(old.path, PASSWORD, derive=derive) if old.client is None else None
        known = old.client.vault if with_key is None and old.client else with_key
        assert known is not None
        path = self._folder / f"{name}.{len(self.past)}"
        vault = Vault.create(
            path,
            PASSWORD,
            directory_id=known.directory_id,
            account=known.account,
            person=known.person,
            server_url=known.server_url,
            derive=derive,
            random=self.random.randbytes,
        )
        vault.close()
        if with_key is not None:
            with_key.close()
        fresh = Device(name, path, self.network, self.now_ms, self.random.randrange(1 << 30))
        self.do(old.crash())
        self.past.append(old)
        self.devices[name] = fresh
        return fresh

    # -- judging ------------------------------------------------------------------------------

    def judge(self) -> None:
        """Collect what ended, bury who died, and hold everything against the invariants."""
        for device in self.devices.values():
            if device.dying:
                self.do(device.crash())
        running: list[Job] = []
        for job in self.jobs:
            if job.task.done():
                self._ended(job)
            else:
                running.append(job)
        self.jobs = running
        everybody = [*self.devices.values(), *self.past]
        for device in everybody:
            device.remember_keys()
        self.oracle.read(everybody)
        for device in self.devices.values():
            self.oracle.judge(device)
        self.oracle.judge_receipts()
        self._expect_no_error()

    def judge_states(self) -> None:
        """Server and devices compute one state; a difference stays, so now and then is enough."""
        if self.network.host is not None:
            self.oracle.judge_server(self.network.host)
        for device in self.devices.values():
            self.oracle.judge_state(device)

    def _ended(self, job: Job) -> None:
        if job.task.cancelled():
            return
        error = job.task.exception()
        if error is None:
            posted = job.task.result()
            if job.text is not None and isinstance(posted, Posted):
                self.oracle.acknowledged.append(
                    Acknowledged(job.device.name, job.text, posted.seq, posted.leaf)
                )
        elif not isinstance(error, CencommError | Killed):
            raise error

    def _expect_no_error(self) -> None:
        """No task of any process ended by a mistake in the program."""
        for error in self._errors:
            if not isinstance(error, CencommError | Killed):
                raise error
        self._errors.clear()
        for device in self.devices.values():
            operation = device.operation(self._founded.log)
            runner = None if operation is None else operation._runner
            if runner is not None and runner.done() and not runner.cancelled():
                ended_by = runner.exception()
                if ended_by is not None and not isinstance(ended_by, Killed):
                    raise Violation("the automation goes on", f"{device.name}: {ended_by!r}")

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._errors.append(error or RuntimeError(context["message"]))

    # -- the server ---------------------------------------------------------------------------

    def _host_died(self, host: Host) -> None:
        if self.network.host is host:
            self.network.host = None
            self.loop.create_task(self._come_back(host))

    async def _come_back(self, host: Host) -> None:
        await host.die()
        await asyncio.sleep(self.random.uniform(0.5, 5.0))
        await self._new_host()

    async def _new_host(self) -> None:
        founded = self._founded
        host = Host(founded.name, founded.log_key, self.store, self.now_ms)
        await host.spawn(host.start())
        self.network.host = host

    def close(self) -> None:
        """End every process and the loop."""
        for device in [*self.devices.values(), *self.past]:
            self.do(device.crash())
        if self.network.host is not None:
            self.do(self.network.host.die())
        self.loop.close()


__all__ = ["PlayedLive", "World"]
