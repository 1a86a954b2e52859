"""A stage on which a hostile server, or a hostile member, plays against real clients.

    async with stages() as stage:                    # everybody honest
        await stage.look(OFFICER)
    async with stages(Reading=Telling) as stage:     # the same, one behaviour changed
        stage.server.part(Telling).tell(stage.log, cut)

A stage is the product's own server (the assembly of `cencomm_server.app`) on loopback over a copy
of one prepared world, and real clients over copies of its vaults. `stages(Name=kind)` puts `kind`
in the place of the class that `app` calls `Name`: one port, one behaviour changed. Only what costs
time is replaced for everybody: the store is the memory one unless a test brings another, passwords
are stretched once, the server's own argon2id is small. The clock can be moved (`ahead_ms`).
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pyotp
from cencomm_client import session
from cencomm_client.automation.timing import Timing
from cencomm_client.client import Client
from cencomm_client.enrolment import accept_invitation, announce
from cencomm_client.errors import Refused
from cencomm_client.items import Alarm, Control, Item, Message, Notice
from cencomm_client.operation import Operation
from cencomm_client.root import ceremony
from cencomm_client.root.keyfile import RootKey
from cencomm_client.root.loss_report import LossReport
from cencomm_client.station import Settings, Station
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_config.settings import ServerSettings
from cencomm_crypto.errors import CencommError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.entry import Entry, Head, Header
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.wire import Receipt, Submission
from cencomm_server import app
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.logs import Logs
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.port import Store

from tests.mallory.world import OPERATION, World
from tests.support.forms import text_of
from tests.support.loopback import NAME, now_ms
from tests.support.vaults import PASSWORD, derive

T = TypeVar("T")
Make = Callable[..., Any]
WEEK_S = 7 * 86_400


@dataclass
class Served:
    """The running server and those of its parts that a test made it start with."""

    url: str
    running: app.Running
    store: Store
    made: list[Any]

    @property
    def logs(self) -> Logs:
        """The engine's logs, with the signer that holds the real log key."""
        return self.part(app._Parts)._logs

    def part(self, kind: type[T]) -> T:
        """The one part of this kind."""
        (found,) = [part for part in self.made if isinstance(part, kind)]
        return found


@asynccontextmanager
async def serving(
    data: Path, store: Store, clock: Callable[[], int], changed: dict[str, Make], **settings: Any
) -> AsyncIterator[Served]:
    """The server as `app` assembles it, with `changed` classes in the place of its own."""
    made: list[Any] = []

    def kept(kind: Make) -> Make:
        def make(*given: Any, **named: Any) -> Any:
            made.append(kind(*given, **named))
            return made[-1]

        return make

    async def open_store(*_: object) -> tuple[Store, None]:
        return store, None

    replaced: dict[str, Make] = {
        "_open_store": open_store,
        "_Parts": kept(app._Parts),
        "Clock": lambda: Clock(clock, lambda: clock() / 1000),
        "SecretHasher": partial(SecretHasher, memory_kib=64, passes=1),
        **{name: kept(kind) for name, kind in changed.items()},
    }
    chosen = {
        "login_floor_ms": 1,
        "session_idle_s": WEEK_S,
        "session_absolute_s": WEEK_S,
        "shutdown_grace_s": 0,
        **settings,
    }
    async with AsyncExitStack() as stack:
        with ExitStack() as patches:
            for name, kind in replaced.items():
                patches.enter_context(patch.object(app, name, kind))
            running = await stack.enter_async_context(
                app.running(ServerSettings(data_dir=data, listen="127.0.0.1:0", **chosen))
            )
        yield Served(running.url, running, store, made)


@dataclass
class Stage:
    """One performance: a server and whoever of the cast takes part."""

    world: World
    folder: Path
    server: Served
    timing: Timing
    ahead_ms: int = 0
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def log(self) -> LogId:
        """MERIDIAN's log."""
        return self.world.log

    @property
    def directory(self) -> LogId:
        """The directory's log."""
        return self.world.directory

    def clock(self) -> int:
        """Everybody's clock on this stage, ms."""
        return now_ms() + self.ahead_ms

    # -- who takes part -----------------------------------------------------------------------

    async def client(self, code: str) -> Client:
        """A person's device with its session and all that it had read; not live."""
        if code not in self.clients:
            path = self.folder / code
            if not path.exists():
                for name in (code, f"{code}.replica"):
                    shutil.copy(self.world.folder / name, self.folder / name)
            vault = Vault.open(path, PASSWORD, derive=derive)
            settings = Settings(timing=self.timing, clock=self.clock)
            opened = await Client._opened(vault, self.server.url, settings)
            self.clients[code] = opened
            assert await session.resume(vault, opened._station.transport, self.clock) is not None
        return self.clients[code]

    async def newcomer(self, contact: str, code: str) -> Client:
        """A person whom an NCP invites and vouches for on this stage; it has read nothing yet."""
        ncp = await self.client(contact)
        invitation = Invitation.parse(await ncp.invite(code))
        vault = accept_invitation(self.folder / code, invitation, PASSWORD, derive=derive)
        settings = Settings(timing=self.timing, clock=self.clock)
        client = self.clients[code] = await Client._opened(vault, self.server.url, settings)
        await announce(vault, client._station.transport)
        await ncp.vouch()
        return client

    async def register(self, code: str) -> None:
        """A newcomer makes its account and reads all there is."""
        now_s = self.clock() // 1000
        await self.clients[code].register(lambda seed: pyotp.TOTP(seed.secret).at(now_s))

    async def leave(self, code: str, *, forgets: bool = False) -> None:
        """Put a device away; `client` opens it again from its files (`forgets`: without replica,
        as after a reinstallation)."""
        await self.clients.pop(code).close()
        if forgets:
            (self.folder / f"{code}.replica").unlink()

    async def operation(self, code: str) -> Operation:
        """MERIDIAN on a person's device."""
        return await (await self.client(code)).operation(OPERATION)

    def shown(self, code: str) -> Operation:
        """MERIDIAN as an open client shows it, without asking the server."""
        return self.clients[code]._operations.of(self.log)

    def station(self, code: str) -> Station:
        """The inside of an open client: what whoever holds that device can do."""
        return self.clients[code]._station

    def person(self, code: str) -> PersonId:
        """A person's id."""
        if code in self.clients:
            return self.station(code).vault.person
        found = self._anybody().directory.person_by_code(code)
        assert found is not None
        return found.id

    def device(self, code: str) -> DeviceId:
        """The id of a person's first device."""
        return self._anybody().directory.persons[self.person(code)].devices[0]

    def chan(self, name: str) -> ChannelId:
        """The id of a channel of MERIDIAN."""
        mirrors = [client._station.mirror for client in self.clients.values()]
        state = next(m for m in mirrors if self.log in m.operations).operation(self.log).state
        found = state.channel_named(name)
        assert found is not None
        return found.id

    def _anybody(self) -> Station:
        return next(iter(self.clients.values()))._station

    def governance(self) -> RootKey:
        """The key file of the governance root; close it."""
        path = self.folder / "governance"
        if not path.exists():
            shutil.copy(self.world.folder / "governance", path)
        return RootKey.open(path, PASSWORD, derive=derive)

    async def govern(self, decision: ceremony.Decision) -> None:
        """What the governance root decides: signed off the server, and published."""
        async with Transport(self.server.url) as transport:
            with self.governance() as root:
                signed = ceremony.sign(ceremony.draft(root, decision), root)
                head = await ceremony.directory_head(transport, root.directory_id)
                entry = ceremony.complete(signed, root, head, self.clock())
            key = self.server.running.log_key
            await ceremony.publish(transport, entry, name=NAME, log_key=key)

    async def name_lost(self, report: LossReport) -> None:
        """Governance signs for every gap of a report, and publishes one after the other."""
        with self.governance() as root:
            made = ceremony.draft_losses(root, report)
            drafts = [ceremony.sign(draft, root) for draft in made]
            async with Transport(self.server.url) as transport:
                for place, draft in enumerate(drafts, 1):
                    _, receipt = await ceremony.post(transport, draft, root, self.clock())
                    drafts[place:] = ceremony.over(drafts[place:], draft, receipt)

    # -- what the dishonest do ----------------------------------------------------------------

    def head(self, log: LogId | None = None) -> Head:
        """The newest head that the engine holds of a log; of MERIDIAN if none is named."""
        runtime = self.server.logs.known(log or self.log)
        assert runtime is not None
        return Head(runtime.size, runtime.replay.tree.root(runtime.size))

    def header(self, code: str, kind: str, **fields: Any) -> Header:
        """A header of a person's device over the engine's newest heads, for MERIDIAN."""
        made = replace(
            self.station(code).author.directory_header(kind),
            log=self.log,
            seen=self.head(),
            dir=self.head(self.directory),
        )
        return replace(made, **fields)

    def sign(self, code: str, header: Header, body: Any) -> Entry:
        """What a person's device signs when told to."""
        return self.station(code).author.sign(header, body)

    def message(self, code: str, channel: str, text: str, **fields: Any) -> Entry:
        """A member's sealed message, signed and not sent: in the present epoch that it knows, or
        in `epoch`, under `fields` of the header."""
        station, view = self.station(code), self.shown(code).view
        chan, random = self.chan(channel), station.settings.random
        epoch = fields.setdefault("epoch", view.state.channels[chan].epoch)
        secret = view.keyring.secret(view.state, chan, epoch)
        assert secret is not None
        header = self.header(code, "message", chan=chan, **fields)
        payload = make_payload("MSG", random(16), {"text": text})
        return self.sign(
            code, header, seal_message(header, secret, payload, random(24), random(16))
        )

    async def post(self, code: str, entry: Entry, **beside: bytes) -> Receipt:
        """Hand an entry to the server under a person's session, whoever signed it."""
        log = entry.header.log or self.directory
        transport = self.station(code).transport
        return await transport.append(log, Submission.of(entry, **beside))

    async def offer(self, code: str, entry: Entry, **beside: bytes) -> str:
        """The same; the code with which the server refuses it, "" if it takes it."""
        try:
            await self.post(code, entry, **beside)
        except Refused as refused:
            return refused.code
        return ""

    # -- what is seen -------------------------------------------------------------------------

    async def look(self, *codes: str) -> None:
        """Let devices read all there is and fetch their keys; what they find, they keep."""
        for code in codes:
            client = await self.client(code)
            with suppress(CencommError):
                await client.refresh()
                await client._operations.of(self.log).refresh()

    def rows(self, code: str) -> set[str]:
        """Rows of ATTACKS.md that a device has named so far, in evidence kept or alarms shown."""
        kept = {kept.row for kept in self.station(code).mirror.alarms()}
        return kept | {alarm.row for alarm in self.alarms(code) if alarm.row is not None}

    def alarms(self, code: str) -> list[Alarm]:
        """Alarms that a device has shown."""
        return [item for item in self._told(code) if isinstance(item, Alarm)]

    def notices(self, code: str) -> set[str]:
        """Codes of the notices that a device has shown."""
        return {item.code for item in self._told(code) if isinstance(item, Notice)}

    def messages(self, code: str) -> list[Message]:
        """What a device shows of messages, in the order of the log."""
        items = self.shown(code).items()
        return [item for item in items if isinstance(item, Message)]

    def texts(self, code: str) -> list[str]:
        """What a device shows as said."""
        contents = [item.content for item in self.messages(code)]
        return [text for content in contents if content and (text := text_of(content))]

    def controls(self, code: str, kind: str) -> list[Control]:
        """Entries of a type that a device shows as valid."""
        items = self.shown(code).items()
        return [item for item in items if isinstance(item, Control) and item.type == kind]

    def size(self, code: str, log: LogId | None = None) -> int:
        """How far a device has verified a log."""
        return self.station(code).mirror.head(log or self.log).size

    def expect(self, rows: set[str], *codes: str) -> None:
        """Each of these (or of all who take part) has named exactly these rows."""
        found = {code: self.rows(code) for code in codes or self.clients}
        assert found == dict.fromkeys(found, rows), found

    def quiet(self, *codes: str) -> None:
        """None of these (or of all who take part) has an alarm."""
        self.expect(set(), *codes)

    def _told(self, code: str) -> Iterator[Item]:
        if self.log in self.station(code).mirror.operations:
            yield from self.shown(code).view.feed._emitted


Stages = Callable[..., AbstractAsyncContextManager[Stage]]
"""The fixture: `stages(**changed)` as `staged`, each in a folder of its own."""


@asynccontextmanager
async def staged(
    world: World,
    folder: Path,
    *,
    store: Store | None = None,
    keeps: type[MemoryStore] = MemoryStore,
    settings: dict[str, Any] | None = None,
    timing: Timing | None = None,
    **changed: Make,
) -> AsyncIterator[Stage]:
    """A stage over a copy of the world, in `folder`.

    `store` is used as it is; else the world's is copied into one that `keeps` things. `changed`
    are classes by the name that `cencomm_server.app` knows them by, `settings` the server's.
    """
    chosen = copy_of(world.store, keeps) if store is None else store
    made: list[Stage] = []

    def clock() -> int:
        return made[0].clock() if made else now_ms()

    async with serving(world.data, chosen, clock, changed, **(settings or {})) as server:
        stage = Stage(world, folder, server, timing or Timing.brisk())
        made.append(stage)
        try:
            yield stage
        finally:
            for client in stage.clients.values():
                await client.close()


def copy_of(store: MemoryStore, kind: type[MemoryStore] = MemoryStore) -> MemoryStore:
    """What a store holds, in a new one that may behave otherwise."""
    made = kind()
    kept = {name: held for name, held in store.__dict__.items() if name != "_watching"}
    made.__dict__.update(copy.deepcopy(kept))  # who follows the one does not follow the other
    return made


async def refusal(call: Any) -> str:
    """The code with which an awaited call is refused."""
    try:
        await call
    except CencommError as error:
        return str(error.code)
    raise AssertionError("it was not refused")
