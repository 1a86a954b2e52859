"""A whole deployment for integration tests: real server process, real roots, real clients.

    async with deployed(folder) as town:
        rilo = await town.contact_point("RILO", "RILO-001")      # appointed by a root
        fr = await town.person(rilo_or_ncp, "FR-014")            # invited, vouched, registered

The server runs as its command does for an operator, on the embedded store; mark tests with
`needs_store`, so that they are skipped where the store's program was not fetched.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from cencomm_client import Client, Settings
from cencomm_client.automation.timing import Timing
from cencomm_client.contact_point import NcpRequest
from cencomm_client.enrolment import TotpSeed
from cencomm_client.root import ceremony
from cencomm_client.root.draft import Draft
from cencomm_client.root.keyfile import RootKey, RootKind
from cencomm_client.transport import Transport
from cencomm_crypto.public.entry import Head
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.primitives import EMPTY_ROOT

from tests.support.commands import command_line
from tests.support.vaults import PASSWORD as PASSWORD

PROGRAM = Path(".embedded/secantusdb.scripts/secantusd-rs")
START_TIMEOUT_S = 60


def now_ms() -> int:
    """The device's clock."""
    return time.time_ns() // 1_000_000


@dataclass
class Deployment:
    """A running server with its roots; clients are closed at the end."""

    folder: Path
    url: str
    transport: Transport
    name: str
    log_key: bytes
    governance: RootKey
    directory: bytes
    timing: Timing
    administrations: dict[str, RootKey] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    seeds: dict[str, str] = field(default_factory=dict)
    process: ServerProcess | None = None  # None where a test runs the server itself

    @property
    def server(self) -> ServerProcess:
        """The server's process."""
        assert self.process is not None
        return self.process

    @property
    def settings(self) -> Settings:
        """Short waits."""
        return Settings(timing=self.timing)

    def client(self, code: str) -> Client:
        """The open client of somebody's first device."""
        return next(client for client in self.clients if client.code == code)

    def vault(self, name: str) -> Path:
        """Where a device's vault stands."""
        return self.folder / f"{name}.vault"

    async def contact_point(self, administration: str, code: str, *, live: bool = True) -> Client:
        """An administration's NCP: its root signs the request of its first device."""
        root = await self._administration(administration)
        client, request = await Client.apply_as_contact_point(
            self.vault(code),
            PASSWORD,
            directory_id=self.directory,
            code=code,
            server=self.url,
            settings=self.settings,
        )
        decision = ceremony.appoint_ncp(root.admin, NcpRequest.parse(request.text()))
        await self._publish(ceremony.sign(ceremony.draft(root, decision), root), root)
        return await self._entered(client, code, live)

    async def may_create(self, client: Client) -> None:
        """Governance gives somebody the role "may create operations"."""
        person = PersonId(client.directory.person(client.code).id)
        await self._govern(ceremony.grant_role(person))
        await client.refresh()

    async def person(
        self, ncp: Client, code: str, *, name: str | None = None, live: bool = True
    ) -> Client:
        """A person of an NCP's administration, enrolled, vouched for and registered."""
        invitation = await ncp.invite(code, name=name)
        client = await Client.enrol(invitation, self.vault(code), PASSWORD, settings=self.settings)
        await ncp.vouch()
        await client.wait_enrolled(every_s=0.05)
        return await self._entered(client, code, live)

    async def device(self, owner: Client, name: str, *, live: bool = True) -> Client:
        """A further device of somebody, vouched for by the one that it has."""
        invitation = await owner.directory.invite_own_device()
        client = await Client.enrol(invitation, self.vault(name), PASSWORD, settings=self.settings)
        await owner.vouch()
        await client.wait_enrolled(every_s=0.05)
        self.clients.append(client)
        one_time = pyotp.TOTP(self.seeds[owner.code])  # this step's code is spent: the next one's
        await client.login(totp=lambda: one_time.at(int(time.time()) + one_time.interval))
        if live:
            await client.go_live()
        return client

    async def bot(self, ncp: Client, code: str, *, live: bool = True) -> Client:
        """A bot of an NCP's administration."""
        invitation = await ncp.invite(code, "bot")
        client = await Client.enrol(invitation, self.vault(code), PASSWORD, settings=self.settings)
        await ncp.vouch()
        await client.wait_enrolled(every_s=0.05)
        client.keep_client_secret(await ncp.directory.bot_secret(code))
        self.clients.append(client)
        await client.login()
        if live:
            await client.go_live()
        return client

    async def _entered(self, client: Client, code: str, live: bool) -> Client:
        def authenticator(seed: TotpSeed) -> str:
            self.seeds[code] = seed.secret
            return pyotp.TOTP(seed.secret).now()

        self.clients.append(client)
        await client.register(authenticator)
        if live:
            await client.go_live()
        return client

    async def _administration(self, code: str) -> RootKey:
        if code not in self.administrations:
            path = self.folder / f"{code}.root"
            root = RootKey.create(path, PASSWORD, RootKind.ADMINISTRATION, code)
            root.adopt(self.directory)
            self.administrations[code] = root
            await self._govern(ceremony.add_administration(code, root.public))
        return self.administrations[code]

    async def _govern(self, decision: ceremony.Decision) -> None:
        draft = ceremony.draft(self.governance, decision)
        await self._publish(ceremony.sign(draft, self.governance), self.governance)

    async def _publish(self, draft: Draft, poster: RootKey) -> None:
        head = await ceremony.directory_head(self.transport, self.directory)
        entry = ceremony.complete(draft, poster, head, now_ms())
        await ceremony.publish(self.transport, entry, name=self.name, log_key=self.log_key)


needs_store = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the embedded store's program was not fetched: make setup"
)


class ServerProcess:
    """`cencomm-server run` on one data folder; keeps its port when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._port = "0"
        self.url = ""

    async def start(self) -> None:
        """Start it; returns when it takes requests."""
        log = await asyncio.to_thread((self._folder / "server.log").open, "ab")
        self._process = await asyncio.create_subprocess_exec(
            *_server("run", "--data", str(self._folder / "server"), "--port", self._port, "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=_environment(),
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_TIMEOUT_S)
        ready = json.loads(line)
        self.url, self._port = ready["url"], str(ready["port"])

    async def stop(self, *, kill: bool = False) -> None:
        """SIGTERM, or SIGKILL; returns when it is gone."""
        process = self._process
        if process is not None and process.returncode is None:
            if kill:
                process.kill()
            else:
                process.terminate()
            await asyncio.wait_for(process.wait(), START_TIMEOUT_S)


@asynccontextmanager
async def deployed(folder: Path, *, timing: Timing | None = None) -> AsyncIterator[Deployment]:
    """Start the server's command, found a directory, and end everything afterwards."""
    data = str(folder / "server")
    made = await _command("init", "--data", data, "--name", "test-town", "--json")
    server = ServerProcess(folder)
    await server.start()
    transport = Transport(server.url)
    town: Deployment | None = None
    try:
        town = await founded(folder, server.url, transport, made, timing or Timing.brisk())
        town.process = server
        yield town
    finally:
        if town is not None:
            for client in town.clients:
                await client.close()
            town.governance.close()
        await transport.close()
        await server.stop()


async def founded(
    folder: Path, url: str, transport: Transport, made: dict[str, str], timing: Timing
) -> Deployment:
    """Post the directory's genesis to a server that runs; `made` is what its `init` printed."""
    governance = RootKey.create(folder / "g.root", PASSWORD, RootKind.GOVERNANCE, "governance")
    name, log_key = made["name"], bytes.fromhex(made["log_key"])
    draft = ceremony.draft_genesis(
        governance, name=name, log_key=log_key, keys=[governance.public], k=1
    )
    genesis = ceremony.complete(
        ceremony.sign(draft, governance), governance, Head(0, EMPTY_ROOT), now_ms()
    )
    await ceremony.publish(
        transport, genesis, name=name, log_key=log_key, setup=made["setup_token"]
    )
    directory = ceremony.directory_id_of(genesis)
    governance.adopt(directory)
    return Deployment(folder, url, transport, name, log_key, governance, directory, timing)


def _server(*words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("cencomm-server")), *words)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "CENCOMM_EMBEDDED_PROGRAM": str(PROGRAM.absolute()),
        "CENCOMM_EMBEDDED_CACHE_MB": "64",
    }


async def _command(*words: str) -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        *command_line("cencomm-server", *words), stdout=asyncio.subprocess.PIPE, env=_environment()
    )
    out, _ = await asyncio.wait_for(process.communicate(), START_TIMEOUT_S)
    assert process.returncode == 0, out
    answer: dict[str, str] = json.loads(out)
    return answer
