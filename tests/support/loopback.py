"""A whole server on loopback over the memory store, and devices that really enrol and log in.

    async with loopback(tmp_path) as made:
        ncp = await made.ncp("FR")                    # root ceremony, offline request, account
        officer = await made.enrol(ncp, "FR-014")     # invitation, vouching, account, login
        await officer.mirror.pull_directory(officer.transport)

Everything is the product's own code but the store; passwords are stretched once, and what the
server keeps of them is hashed at no cost worth the name. For tests of
the parts below `Client`; `tests.support.deployment` is the same above it, with real processes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyotp
from cencomm_client import contact_point, enrolment, session, vouching
from cencomm_client.authoring import Author, entry_id
from cencomm_client.mirror import Mirror
from cencomm_client.outbox import Outbox
from cencomm_client.root import ceremony
from cencomm_client.root.keyfile import RootKey, RootKind
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_config.settings import ServerSettings
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_crypto.public.wire import Receipt, Submission
from cencomm_server import app
from cencomm_server import installation as installations
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.store.memory import MemoryStore

from tests.support.vaults import PASSWORD, derive

NAME = "cencomm.example"
FLOOR_MS = 1
CHEAP_HASHER = partial(SecretHasher, memory_kib=64, passes=1)  # of what the client has stretched


def now_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass
class Member:
    """A person's device that is logged in."""

    vault: Vault
    transport: Transport
    mirror: Mirror
    totp_secret: str = ""
    used_codes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.author = Author(self.vault, self.mirror, now_ms)
        self.outbox = Outbox(self.vault, self.mirror, self.send, now_ms)

    async def send(self, log: LogId, submission: Submission) -> Receipt:
        """Post by HTTP; a genesis makes its log."""
        if submission.entry().header.log is None:
            return await self.transport.create_log(submission)
        return await self.transport.append(log, submission)

    async def pull(self) -> None:
        """Read the directory."""
        await self.mirror.pull_directory(self.transport)

    async def decide(self, kind: str, body: dict[str, Any]) -> None:
        """Author a directory entry over the newest directory and send it."""
        await self.pull()
        entry = self.author.directory_entry(kind, body)
        await self.outbox.submit(self.vault.directory_log, entry)

    async def code(self) -> str:
        """A one-time code that was not used yet: of the present step or the next (A26)."""
        for ahead in (0, 30):
            code = pyotp.TOTP(self.totp_secret).at(int(time.time()) + ahead)
            if code not in self.used_codes:
                self.used_codes.add(code)
                return code
        raise AssertionError("both codes that a server takes now are used")

    async def login(self) -> session.Session:
        """Log in as a person."""
        return await session.login(self.vault, self.transport, self.code)


class Loopback:
    """The running server, its governance, and whom it enrolled."""

    def __init__(self, folder: Path, running: app.Running, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.running = running
        self.url = running.url
        self._stack = stack
        self.roots: dict[str, RootKey] = {}
        self.governance = RootKey.create(
            folder / "governance", PASSWORD, RootKind.GOVERNANCE, "WCO", derive=derive
        )
        self.directory_id = b""

    async def transport(self) -> Transport:
        """A new connection to the server."""
        return await self._stack.enter_async_context(Transport(self.url))

    async def publish(self, entry: Entry) -> None:
        """Post what roots signed."""
        transport = await self.transport()
        setup = installations.load(self.folder / "server").setup_token or b""
        await ceremony.publish(
            transport, entry, name=NAME, log_key=self.running.log_key, setup=setup.hex()
        )

    async def found(self) -> None:
        """Found the directory."""
        draft = ceremony.draft_genesis(
            self.governance,
            name=NAME,
            log_key=self.running.log_key,
            keys=[self.governance.public],
            k=1,
        )
        signed = ceremony.sign(draft, self.governance)
        genesis = ceremony.complete(signed, self.governance, ceremony.NOTHING_SEEN, now_ms())
        await self.publish(genesis)
        self.directory_id = ceremony.directory_id_of(genesis)
        self.governance.adopt(self.directory_id)

    async def decide(self, root: RootKey, decision: ceremony.Decision) -> None:
        """Draft, sign, complete and publish a decision of a root with one key."""
        signed = ceremony.sign(ceremony.draft(root, decision), root)
        head = await ceremony.directory_head(await self.transport(), self.directory_id)
        await self.publish(ceremony.complete(signed, root, head, now_ms()))

    async def administration(self, code: str) -> RootKey:
        """Add an administration."""
        root = RootKey.create(
            self.folder / f"root {code}", PASSWORD, RootKind.ADMINISTRATION, code, derive=derive
        )
        root.adopt(self.directory_id)
        await self.decide(self.governance, ceremony.add_administration(code, root.public))
        self.roots[code] = root
        return root

    async def ncp(self, administration: str, code: str = "") -> Member:
        """Add an administration if need be, and appoint an NCP with one device."""
        root = self.roots.get(administration) or await self.administration(administration)
        vault, request = contact_point.create_ncp_vault(
            self.folder / f"ncp {code or administration}",
            PASSWORD,
            directory_id=self.directory_id,
            code=code or f"{administration}-001",
            server_url=self.url,
            clock=now_ms,
            derive=derive,
        )
        request = contact_point.NcpRequest.parse(request.text())
        await self.decide(root, ceremony.appoint_ncp(root.admin, request))
        return await self.register(await self.member(vault))

    async def member(self, vault: Vault) -> Member:
        """A vault with its own connection and replica."""
        mirror = Mirror.load(vault, vault.path.with_name(vault.path.name + ".replica"), now_ms)
        self._stack.callback(vault.close)
        self._stack.callback(mirror.close)
        return Member(vault, await self.transport(), mirror)

    async def register(self, member: Member) -> Member:
        """Make the account, confirm it, and look into the directory."""
        seed = await enrolment.register(member.vault, member.transport)
        member.totp_secret = seed.secret
        await enrolment.confirm(member.vault, member.transport, await member.code())
        await member.pull()
        enrolment.finish(member.vault, member.mirror)
        return member

    async def invite(self, by: Member, code: str, *, bot: bool = False) -> Invitation:
        """Add a person to the directory and invite its first device."""
        person = PersonId(entry_id(now_ms()))
        kind = "bot" if bot else "human"
        await by.decide("person.add", {"person": person, "code": code, "kind": kind})
        return await vouching.invite(
            by.vault, by.transport, now_ms, person=person, account=code, bot=bot
        )

    async def accept(self, by: Member, invitation: Invitation, name: str) -> Member:
        """A new device takes an invitation; `by` vouches for it."""
        invitation = Invitation.parse(invitation.text())
        vault = enrolment.accept_invitation(self.folder / name, invitation, PASSWORD, derive=derive)
        member = await self.member(vault)
        await enrolment.announce(vault, member.transport)
        (received,) = await vouching.received(by.vault, by.transport)
        assert received.checked is not None
        await by.pull()
        await vouching.vouch(by.vault, by.author, by.outbox, received.checked)
        await enrolment.wait_until_vouched(vault, member.transport, patience_s=5, every_s=0.05)
        return member

    async def enrol(self, by: Member, code: str) -> Member:
        """A new person, its first device, its account, logged in."""
        member = await self.accept(by, await self.invite(by, code), code)
        return await self.register(member)

    async def log_in_beside(self, first: Member, second: Member) -> Member:
        """Log in a second device of a person who has an account."""
        second.totp_secret, second.used_codes = first.totp_secret, first.used_codes
        await second.login()
        await second.pull()
        enrolment.finish(second.vault, second.mirror)
        return second

    async def bot(self, by: Member, code: str) -> Member:
        """A bot with its device and client secret, logged in."""
        member = await self.accept(by, await self.invite(by, code, bot=True), code)
        member.vault.client_secret = await by.transport.bot_secret(member.vault.person)
        await session.bot_login(member.vault, member.transport)
        await member.pull()
        enrolment.finish(member.vault, member.mirror)
        return member


@asynccontextmanager
async def loopback(folder: Path, **settings: Any) -> AsyncIterator[Loopback]:
    """A server with a founded directory; ends with everything closed."""
    data = folder / "server"
    installations.create(data, NAME)
    store = MemoryStore()

    async def open_store(*_: object) -> tuple[MemoryStore, None]:
        return store, None

    chosen = ServerSettings(
        data_dir=data, listen="127.0.0.1:0", login_floor_ms=FLOOR_MS, **settings
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(app, "_open_store", open_store))
        stack.enter_context(patch.object(app, "SecretHasher", CHEAP_HASHER))
        running = await stack.enter_async_context(app.running(chosen))
        made = Loopback(folder, running, stack)
        await made.found()
        yield made
