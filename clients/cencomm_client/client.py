"""The client: one device's vault, its logs, its session; what a program starts with.

    client = await Client.enrol(invitation, path, password)
    await client.register(lambda seed: authenticator(seed))
    operation = await client.operation("MERIDIAN")
    await operation.channel("alerts").post("MSG", {"text": "..."})
    async for item in operation.follow(): ...

Refuses to show or send anything before it is verified. Not for two processes at once: the vault
is locked while a client has it open.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client import contact_point, enrolment, session
from cencomm_client.answers import Standing
from cencomm_client.authoring import Author
from cencomm_client.contact_point import NcpRequest
from cencomm_client.device_session import DeviceSession
from cencomm_client.directory import Vouched
from cencomm_client.errors import LogAlarm, NotFound, Refused, TransportError
from cencomm_client.mirror import Mirror
from cencomm_client.notices import Remark
from cencomm_client.operation import Operation
from cencomm_client.operations import Summary
from cencomm_client.outbox import Outbox
from cencomm_client.plan import OperationPlan
from cencomm_client.replica import Evidence
from cencomm_client.reviewing import expect_reviewed
from cencomm_client.root.loss_report import LossReport
from cencomm_client.station import Settings, Station
from cencomm_client.stops import stop_of, stopped_logs
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault


class Client(DeviceSession):
    """One open vault at work. Use it as an async context manager, or call `close`."""

    # -- opening ------------------------------------------------------------------------------

    @classmethod
    async def enrol(
        cls,
        invitation: str,
        vault_path: Path,
        password: str,
        *,
        server: str | None = None,
        settings: Settings | None = None,
    ) -> Client:
        """Make this device's keys and vault for an invitation, and hand the keys in.

        Then somebody vouches (`wait_enrolled`), then `register` or `login`. `server` replaces the
        invitation's address. Raises VaultExists, InvitationUnknown, TransportError.
        """
        parsed = Invitation.parse(invitation)
        vault = await asyncio.to_thread(enrolment.accept_invitation, vault_path, parsed, password)
        client = await cls._opened(vault, server, settings)
        try:
            await enrolment.announce(vault, client._station.transport)
        except BaseException:
            await client.close()  # the vault stays; `resume` and `wait_enrolled` hand in again
            raise
        return client

    @classmethod
    async def resume(
        cls,
        vault_path: Path,
        password: str,
        *,
        server: str | None = None,
        settings: Settings | None = None,
        wait_s: float = 0.0,
    ) -> Client:
        """Open a vault; with its session if the server still knows it (`logged_in`).

        Raises VaultMissing, VaultLocked, VaultPassword, VaultDamaged, Replica... Works without a
        server: then everything that was read before is there.
        """
        vault = await session.open_vault(vault_path, password, wait_s=wait_s)
        client = await cls._opened(vault, server, settings)
        try:
            with suppress(TransportError):
                await session.resume(vault, client._station.transport, client._station.now)
        except BaseException:
            await client.close()
            raise
        return client

    @classmethod
    async def apply_as_contact_point(
        cls,
        vault_path: Path,
        password: str,
        *,
        directory_id: bytes,
        code: str,
        server: str,
        settings: Settings | None = None,
    ) -> tuple[Client, NcpRequest]:
        """Make the vault of an NCP's first device; its request goes to the root's ceremony."""
        clock = (settings or Settings()).clock
        vault, request = await asyncio.to_thread(
            lambda: contact_point.create_ncp_vault(
                vault_path,
                password,
                directory_id=directory_id,
                code=code,
                server_url=server,
                clock=clock,
            )
        )
        return await cls._opened(vault, server, settings), request

    @classmethod
    async def _opened(cls, vault: Vault, server: str | None, settings: Settings | None) -> Client:
        settings = settings or Settings()
        try:
            if server is not None and server != vault.server_url:
                vault.server_url = server
            transport = Transport(vault.server_url)
            mirror = await asyncio.to_thread(
                Mirror.load,
                vault,
                replica_path(vault.path),
                settings.clock,
                settings.monotonic,
                settings.progress,
            )
        except BaseException:
            vault.close()
            raise
        return cls.over(vault, mirror, transport, settings)

    @classmethod
    def over(cls, vault: Vault, mirror: Mirror, transport: Transport, settings: Settings) -> Client:
        """A client over parts that are open already; programs use `enrol` or `resume`."""
        author = Author(vault, mirror, settings.clock, settings.random)

        async def send(log: LogId, submission: Submission) -> Receipt:
            return await client._link.send(log, submission)

        outbox = Outbox(
            vault,
            mirror,
            send,
            settings.clock,
            read_directory=lambda: mirror.pull_directory(transport),
        )
        client = cls(Station(vault, mirror, transport, author, outbox, settings))
        return client

    # -- what is held against the server, and what it lost ---------------------------------------

    def alarms(self) -> tuple[Evidence, ...]:
        """What was kept as evidence against the server, oldest first."""
        return self._station.mirror.alarms()

    def stopped(self) -> tuple[LogAlarm, ...]:
        """The alarms that stopped a log, this time or earlier; nothing goes on there by itself."""
        vault = self._station.vault
        found = (stop_of(vault, log) for log in stopped_logs(vault))
        return tuple(alarm for alarm in found if alarm is not None)

    def go_on(self, log: LogId) -> bool:
        """Read and author in a stopped log again: a person looked at the alarm and decided so.

        False if it was not stopped. The evidence stays; a server that lies on is caught again.
        """
        return self._station.mirror.go_on(log)

    async def hand_back(self) -> dict[LogId, Standing | Refused]:
        """Bring a restored server what it lost of the logs that this device holds (A50).

        By log, the directory first: how it stands there now, or why the server refused. Raises
        TransportError.
        """
        mirror, transport = self._station.mirror, self._station.transport
        found: dict[LogId, Standing | Refused] = {}
        for log in (self._station.vault.directory_log, *mirror.operations):
            try:
                found[log] = standing = await mirror.tails.hand_back(transport, log)
                if standing.size == standing.signed:
                    await self._operations.mend(log)
            except Refused as refused:
                found[log] = refused
        return found

    async def report_losses(self) -> tuple[LossReport, ...]:
        """What of this device's logs nobody has handed back, for the governance root (A50).

        Hands back first. Raises TransportError, LogAlarm.
        """
        mirror, transport = self._station.mirror, self._station.transport
        found: list[LossReport] = []
        for log in (self._station.vault.directory_log, *mirror.operations):
            with suppress(Refused):  # not this reader's to report
                report = await mirror.tails.report(transport, log)
                found += [report] if report is not None else []
        return tuple(found)

    def remarks(self) -> tuple[Remark, ...]:
        """What this person should know: new devices of its own, another root of its own."""
        return tuple(self._operations.remarks)

    # -- people -------------------------------------------------------------------------------

    async def invite(self, code: str, kind: str = "human", *, name: str | None = None) -> str:
        """Invite a person of the own administration (an NCP); the text goes on paper."""
        return await self.directory.invite(code, kind, name=name)

    async def vouch(self) -> tuple[Vouched, ...]:
        """Vouch for devices whose keys are proven by own invitations."""
        return await self.directory.vouch()

    # -- operations ---------------------------------------------------------------------------

    def operations(self) -> tuple[Summary, ...]:
        """Operations that this device has read."""
        return self._operations.summaries()

    async def operation(self, name: str | bytes) -> Operation:
        """An operation by name, by id, or by the hex digits its id starts with.

        Reads anew from the server if it is not known here. Raises ProtocolError(UNKNOWN_LOG).
        """
        found = self._operations.find(name)
        if not found and self.logged_in:
            await self.refresh()
            found = self._operations.find(name)
        if len(found) != 1:
            shown = name.hex() if isinstance(name, bytes) else name
            ids = ", ".join(each.id.hex() for each in found)
            raise NotFound(
                "unknown_log",
                f"{len(found)} operations are called {shown}; name one by its id: {ids}"
                if found
                else f"no operation is called {shown}",
            )
        return found[0]

    async def create_operation(self, plan: OperationPlan) -> Operation:
        """Found an operation; its author is the first coordinator. It starts as a draft."""
        station = self._station
        expect_reviewed(plan.not_after, max(station.now(), plan.not_before))
        await station.mirror.pull_directory(station.transport)
        body = plan.body(station.directory)
        genesis = station.author.sign(station.author.genesis_header(), body)
        log = LogId(log_id32(genesis)[:16])
        await station.outbox.submit(log, genesis)
        await station.mirror.pull(station.transport, log)
        return self._operations.of(log)


def replica_path(vault: Path) -> Path:
    """Where the replica of a vault stands: beside it."""
    return vault.with_name(vault.name + ".replica")
