"""The session of an open device: whose it is, logged in or not, live or not, until it is closed.

Refuses to show or send anything before it is verified. Not for two processes at once: the vault
is locked while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId

from cencomm_client import enrolment, session
from cencomm_client.directory import Directory
from cencomm_client.enrolment import TotpSeed
from cencomm_client.errors import (
    NotAuthenticated,
    Refused,
    TransportError,
    TryLater,
)
from cencomm_client.form_library import data_folder
from cencomm_client.link import Link
from cencomm_client.operations import Operations
from cencomm_client.station import Station
from cencomm_client.vault import Vault

OneTimeCode = Callable[[], str] | Callable[[], Awaitable[str]]
"""Gives the six digits; may ask a person, may be a coroutine function."""

Authenticator = Callable[[TotpSeed], str] | Callable[[TotpSeed], Awaitable[str]]
"""Takes the second factor as the server made it, keeps it, and gives the first code."""


class DeviceSession:
    """One open vault, its connection and its operations; `Client` opens one."""

    def __init__(self, station: Station) -> None:
        """Use what `Client` opens with."""
        self._station = station
        self.directory = Directory(station)
        self._operations = Operations(station, self.directory)
        self._link = Link(station, self._told, self._operations.mend)
        self._again: asyncio.Task[None] | None = None
        self.recovery_left: int | None = None
        """Recovery codes not used yet, as the last login of this process heard; None before."""

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

    @property
    def data(self) -> Path:
        """The folder of what this device keeps beside its vault: form sets, code lists."""
        return data_folder(self._station.vault.path)

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

    async def __aenter__(self) -> Self:
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

    async def _entered(self) -> None:
        """After a login: check the own device in the directory (A2), then read everything."""
        station = self._station
        await station.mirror.pull_directory(station.transport)
        enrolment.finish(station.vault, station.mirror)
        await self.refresh()


async def _answer(given: str | Awaitable[str]) -> str:
    return given if isinstance(given, str) else await given
