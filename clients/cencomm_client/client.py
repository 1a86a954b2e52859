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
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_client import contact_point, enrolment, session
from cencomm_client.answers import Standing
from cencomm_client.authoring import Author
from cencomm_client.contact_point import NcpRequest
from cencomm_client.directory import Directory, Vouched
from cencomm_client.enrolment import TotpSeed
from cencomm_client.errors import (
    LogAlarm,
    NotAuthenticated,
    NotFound,
    Refused,
    TransportError,
    TryLater,
)
from cencomm_client.form_library import data_folder
from cencomm_client.link import Link
from cencomm_client.mirror import Mirror
from cencomm_client.notices import Remark
from cencomm_client.operation import Operation
from cencomm_client.operations import Operations, Summary
from cencomm_client.outbox import Outbox
from cencomm_client.plan import OperationPlan
from cencomm_client.replica import Evidence
from cencomm_client.reviewing import expect_reviewed
from cencomm_client.root.loss_report import LossReport
from cencomm_client.station import Settings, Station
from cencomm_client.stops import stop_of, stopped_logs
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault

OneTimeCode = Callable[[], str] | Callable[[], Awaitable[str]]
"""Gives the six digits; may ask a person, may be a coroutine function."""

Authenticator = Callable[[TotpSeed], str] | Callable[[TotpSeed], Awaitable[str]]
"""Takes the second factor as the server made it, keeps it, and gives the first code."""


class Client:
    """One open vault at work. Use it as an async context manager, or call `close`."""

    def __init__(self, station: Station) -> None:
        """Use `enrol`, `resume` or `apply_as_contact_point`."""
        self._station = station
        self.directory = Directory(station)
        self._operations = Operations(station, self.directory)
        self._link = Link(station, self._told, self._operations.mend)
        self._again: asyncio.Task[None] | None = None
        self.recovery_left: int | None = None
        """Recovery codes not used yet, as the last login of this process heard; None before."""

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

    # -- who this is --------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """Functional code of the person."""
        return self._station.vault.account

    @property
    def device(self) -> bytes:
        """Id of this device."""
        return self._station.vault.device

    @property
    def vault(self) -> Vault:
        """The open vault: keys of this device."""
        return self._station.vault

    @property
    def is_bot(self) -> bool:
        """Whether the person is a bot."""
        return self._station.vault.is_bot

    @property
    def logged_in(self) -> bool:
        """Whether there is a session."""
        return self._station.transport.token is not None

    @property
    def live(self) -> bool:
        """Whether the live connection is up."""
        return self._link.live

    @property
    def server(self) -> str:
        """Address of the server."""
        return self._station.vault.server_url

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

    # -- session ------------------------------------------------------------------------------

    async def wait_enrolled(self, patience_s: float = 60.0, every_s: float = 1.0) -> None:
        """Hand the keys in again and wait until somebody vouched; raises EnrolmentWaiting.

        Returns at once for a device that came by no invitation: an NCP's first one.
        """
        if enrolment.pending_invitation(self._station.vault) is None:
            return
        with suppress(Refused):  # spent: somebody vouched already
            await enrolment.announce(self._station.vault, self._station.transport)
        await enrolment.wait_until_vouched(
            self._station.vault, self._station.transport, patience_s=patience_s, every_s=every_s
        )

    async def register(self, authenticator: Authenticator) -> tuple[str, ...]:
        """First registration of the person: second factor, first code, session.

        Gives the recovery codes, this once: each stands in for one one-time code. Raises
        account_exists where the person has an account: then `login`.
        """
        vault, transport = self._station.vault, self._station.transport
        seed = await enrolment.register(vault, transport)
        code = await _answer(authenticator(seed))
        opened = await enrolment.confirm(vault, transport, code)
        self.recovery_left = opened.recovery_left
        await self._entered()
        return opened.recovery

    async def renew_recovery(self, totp: OneTimeCode) -> tuple[str, ...]:
        """Other recovery codes; the earlier ones are void. Log in first; raises LoginFailed."""
        vault, transport = self._station.vault, self._station.transport
        codes = await session.renew_recovery(vault, transport, await _answer(totp()))
        self.recovery_left = len(codes)
        return codes

    async def login(self, password: str | None = None, *, totp: OneTimeCode | None = None) -> None:
        """Log in; a bot needs no code. `password` is not needed: opening the vault stretched it.

        `totp` gives the one-time code, or a recovery code in its place.

        Raises LoginFailed, TryLater, WrongDirectory, NotEnrolled, TransportError.
        """
        vault, transport = self._station.vault, self._station.transport
        if vault.is_bot:
            await session.bot_login(vault, transport)
        else:

            async def code() -> str:
                if totp is None:
                    raise ProtocolError(ErrorCode.BAD_VALUE, "people log in with a one-time code")
                return await _answer(totp())

            opened = await session.login(vault, transport, code)
            self.recovery_left = opened.recovery_left
        await self._entered()
        if self._link.running:  # it was live before its session ended
            await self._link.stop()
            await self.go_live()

    async def logout(self) -> None:
        """End the session, here and at the server."""
        await self._link.stop()
        await session.logout(self._station.vault, self._station.transport)

    def keep_client_secret(self, secret: bytes) -> None:
        """Keep a bot's client secret, as its NCP got it from the server once (32 bytes)."""
        self._station.vault.client_secret = secret
        self._station.vault.save()

    async def refresh(self) -> None:
        """Read the directory and every operation to their newest checkpoints."""
        await self._link.catch_up()
        for operation in self._operations.all():
            operation.forget_erased()

    async def go_live(self) -> None:
        """Keep a live connection and run the automation until `close`; returns once it is up."""
        await self._link.start()
        self._operations.start()
        self._operations.retire_box_keys()

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

    @property
    def data(self) -> Path:
        """The folder of what this device keeps beside its vault: form sets, code lists."""
        return data_folder(self._station.vault.path)

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

    # -- end ----------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop everything, save the vault and let other processes in."""
        if self._again is not None:
            self._again.cancel()
        await self._link.stop()
        await self._operations.stop()
        await self._station.transport.close()
        try:
            self._station.mirror.close()
        finally:
            self._station.vault.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # -- inside -------------------------------------------------------------------------------

    def _told(self, log: LogId | None, error: CencommError) -> None:
        """The link met an alarm in a log, or the session ended: a bot logs in again by itself."""
        self._operations.tell(log, error)
        over = log is None and isinstance(error, NotAuthenticated)
        if over and self.is_bot and (self._again is None or self._again.done()):
            self._again = asyncio.create_task(self._log_in_again())

    async def _log_in_again(self) -> None:
        wait_s, longest_s = self._station.timing.retry_s
        while True:
            try:
                await self.login()
                return
            except (TransportError, TryLater) as error:
                asked_s = error.retry_after_s if isinstance(error, TryLater) else 0.0
                await asyncio.sleep(max(asked_s, wait_s))
                wait_s = min(2 * wait_s, longest_s)
            except CencommError as error:
                self._operations.tell(None, error)
                return

    def _operation(self, log: LogId) -> Operation:
        return self._operations.of(log)

    async def _entered(self) -> None:
        """After a login: check the own device in the directory (A2), then read everything."""
        station = self._station
        await station.mirror.pull_directory(station.transport)
        enrolment.finish(station.vault, station.mirror)
        await self.refresh()


def replica_path(vault: Path) -> Path:
    """Where the replica of a vault stands: beside it."""
    return vault.with_name(vault.name + ".replica")


async def _answer(given: str | Awaitable[str]) -> str:
    return given if isinstance(given, str) else await given
