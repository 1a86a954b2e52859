"""A participant's process: the SDK as a program would use it, and reports of what it saw."""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path
from typing import Any, TypeVar

import pyotp
from cencomm_crypto.errors import ErrorCode, ProtocolError

from cencomm_client.automation.timing import Timing
from cencomm_client.client import Client
from cencomm_client.demo.verbs import Verb
from cencomm_client.enrolment import TotpSeed
from cencomm_client.items import Notice
from cencomm_client.operation import Operation
from cencomm_client.station import Settings

SETTINGS = Settings(timing=Timing.brisk())  # waits of 5 to 20 s would not fit a one-minute window
POLL_S = 0.05
WAIT_S = 30.0
T = TypeVar("T")


class Participant:
    """One device of one person, or of a bot."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._client: Client | None = None
        self._operation: Operation | None = None
        self._watch: asyncio.Task[None] | None = None
        self._seen_ms: dict[bytes, int] = {}
        self._folder = Path()
        self._vouching = asyncio.Lock()
        self._invited = False

    @property
    def verbs(self) -> dict[str, Verb]:
        """What the conductor may ask: every public coroutine of this class."""
        kind = type(self)
        return {
            name: getattr(self, name)
            for name in dir(kind)
            if not name.startswith("_") and inspect.iscoroutinefunction(getattr(kind, name))
        }

    async def leave(self) -> None:
        """The end of the process: save and close everything."""
        if self._watch is not None:
            self._watch.cancel()
        if self._client is not None:
            await self._client.close()

    def alarms(self) -> list[dict[str, str]]:
        """What this device has noticed so far: evidence it keeps, and alarms it shows."""
        if self._client is None:
            return []
        shown = [] if self._operation is None else self._operation.notices()
        return [
            {"row": found.row, "code": str(found.code), "detail": found.detail}
            for found in (*self._client.alarms(), *shown)
            if not isinstance(found, Notice) and found.row is not None
        ]

    @property
    def client(self) -> Client:
        """The open client; ValueError before enrolment."""
        if self._client is None:
            raise ValueError("not enrolled yet")
        return self._client

    @property
    def operation(self) -> Operation:
        """The operation that was joined; ValueError before."""
        if self._operation is None:
            raise ValueError("no operation joined yet")
        return self._operation


class Enrolment(Participant):
    """Keys, accounts, invitations."""

    async def request(
        self, directory: str, account: str, url: str, vault: str, password: str
    ) -> dict[str, Any]:
        """A contact point's first device: its request to the root."""
        self._folder = Path(vault).parent
        self._client, request = await Client.apply_as_contact_point(
            Path(vault),
            password,
            directory_id=bytes.fromhex(directory),
            code=account,
            server=url,
            settings=SETTINGS,
        )
        return {"request": request.text(), "person": request.person.hex()}

    async def enrol(self, invitation: str, vault: str, password: str) -> dict[str, Any]:
        """A new device from an invitation; returns once its keys were handed in."""
        self._folder = Path(vault).parent
        self._client = await Client.enrol(invitation, Path(vault), password, settings=SETTINGS)
        self._invited = True
        return {"device": self._client.device.hex()}

    async def register(self) -> dict[str, Any]:
        """First registration; the second factor goes to this process's own file."""
        if self._invited:  # whoever a root appointed is told so by the custodians
            await self.client.wait_enrolled(every_s=0.1)

        async def authenticator(seed: TotpSeed) -> str:
            await asyncio.to_thread(self._keep_seed, seed.secret)
            return pyotp.TOTP(seed.secret).now()

        await self.client.register(authenticator)
        await self.client.go_live()
        return {"account": self.client.code}

    async def login_like(self, account_file: str) -> dict[str, Any]:
        """Log in a further device; waits for a time-step that nobody has used."""
        await self.client.wait_enrolled(every_s=0.1)
        secret = (await asyncio.to_thread(Path(account_file).read_text)).strip()
        one_time = pyotp.TOTP(secret)
        used_s = (await asyncio.to_thread(Path(account_file).stat)).st_mtime
        next_step_s = (used_s // one_time.interval + 1) * one_time.interval
        await asyncio.sleep(max(0.0, next_step_s - time.time()) + 0.2)
        await self.client.login(totp=one_time.now)
        await self.client.go_live()
        return {"account": self.client.code}

    async def invite(self, account: str, kind: str) -> dict[str, Any]:
        """Invite a person of the own administration."""
        return {"invitation": await self.client.invite(account, kind)}

    async def invite_own(self) -> dict[str, Any]:
        """Invite a further device of this person."""
        return {"invitation": await self.client.directory.invite_own_device()}

    async def vouch(self, account: str) -> dict[str, Any]:
        """Vouch for what came, until a device of `account` is among it."""
        until = time.monotonic() + WAIT_S
        async with self._vouching:
            before = set(self.client.directory.person(account).devices)
            while time.monotonic() < until:
                await self.client.directory.vouch()
                now = set(self.client.directory.person(account).devices)
                if now - before or (before and account != self.client.code):
                    return {"devices": [device.hex() for device in now]}
                await asyncio.sleep(POLL_S)
        raise ProtocolError(ErrorCode.UNKNOWN_DEVICE, f"no keys came for {account}")

    async def bot_secret(self, account: str) -> dict[str, Any]:
        """The bot's client secret, from the server, once."""
        return {"secret": (await self.client.directory.bot_secret(account)).hex()}

    async def bot_login(self, secret: str) -> dict[str, Any]:
        """Log in as a bot."""
        await self.client.wait_enrolled(every_s=0.1)
        self.client.keep_client_secret(bytes.fromhex(secret))
        await self.client.login()
        await self.client.go_live()
        return {}

    def _keep_seed(self, secret: str) -> None:
        path = self._folder / f"{self._key}.totp"
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
