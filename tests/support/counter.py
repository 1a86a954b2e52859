"""A server behind a counter: it takes entries by the real rules, and can be made to misbehave.

    counter = Counter(directory, operation)           # builders, shared by all desks
    desk = await counter.desk(tmp_path, person)       # an SDK client without sockets

No process, no network: `Desk.transport` is the port that the client's parts use. `lose` answers
get lost after the entry was taken; `away` makes every call fail; `before` runs before an append.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cencomm_client.answers import LogListing, Wraps
from cencomm_client.authoring import Author
from cencomm_client.automation.runner import Runner
from cencomm_client.automation.timing import Timing
from cencomm_client.channel import Channel
from cencomm_client.directory import Directory
from cencomm_client.errors import Unreachable, refusal
from cencomm_client.mirror import Mirror
from cencomm_client.operation import Operation
from cencomm_client.outbox import Outbox
from cencomm_client.posting import Poster
from cencomm_client.station import Settings, Station
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_client.view import OperationView
from cencomm_crypto.errors import Rejected
from cencomm_crypto.member.message import message_key, seal_bytes
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import Entry, author
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Receipt, Sequenced, Submission

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.operation import OperationBuilder
from tests.support.served import Served
from tests.support.vaults import vault_of

WRAP = 112
INSTANT = Timing(
    react_s=(0, 0),
    join_s=(0, 0),
    heal_s=(0, 0),
    close_s=(0, 0),
    profile_s=(0, 0),
    retry_s=(0.01, 0.02),
    poll_s=0.05,
)


@dataclass
class Counter:
    """Both logs and every wrap; what each desk sees is cut to its person."""

    directory: DirectoryBuilder
    operation: OperationBuilder
    wraps: dict[tuple[bytes, int, bytes], bytes] = field(default_factory=dict)
    lose: int = 0
    away: bool = False
    before: Callable[[Entry], Awaitable[None]] | None = None
    taken: list[Entry] = field(default_factory=list)

    @property
    def log(self) -> LogId:
        """The operation's short id."""
        return self.operation.log.id16

    def now(self) -> int:
        """One clock for all: the builders'."""
        return self.operation.clock

    async def take(self, submission: Submission) -> int:
        """Append by the rules; gives the place. The same entry again gives the same place."""
        entry = submission.entry()
        for item in self.operation.entries:
            if item.entry is not None and item.inner == entry.inner:
                return item.seq
        if self.before is not None:
            hook, self.before = self.before, None
            await hook(entry)
        outcome = self.operation.offer(entry)
        if isinstance(outcome, Rejected):
            raise refusal(outcome.code, outcome.detail, status=409)
        self.operation.force(entry)
        self.taken.append(entry)
        self._keep_wraps(entry, submission)
        if self.lose:
            self.lose -= 1
            raise Unreachable("the answer was lost")
        return self.operation.log.size - 1

    def _keep_wraps(self, entry: Entry, submission: Submission) -> None:
        header, body = entry.header, entry.body
        if header.chan is None or body is None:
            return
        if header.type == "channel.rotate" and header.epoch is not None:
            recips = self.operation.state.channels[header.chan].epochs[header.epoch].recips
            for place, device in enumerate(recips):
                wrap = submission.wraps[place * WRAP : (place + 1) * WRAP]
                self.wraps[header.chan, header.epoch, device] = wrap
        if header.type == "channel.grant":
            self.wraps[header.chan, body["n"], body["device"]] = submission.wraps

    async def desk(self, folder: Path, person: HeldPerson, vault: Vault) -> Desk:
        """An SDK client of one person over this counter."""
        return await Desk.open(self, folder, person, vault)


class Window(Served):
    """The transport of one desk: reads as `Served`, posts to the counter."""

    def __init__(self, counter: Counter, person: HeldPerson, vault: Vault) -> None:
        super().__init__(counter.directory, person)
        self.add(counter.operation)
        self._counter, self._vault = counter, vault
        self.garbled: set[int] = set()  # epochs of which wraps come changed

    def _expect_there(self) -> None:
        if self._counter.away:
            raise Unreachable("the server is away")

    async def checkpoint(self, log: LogId, *, least: int = 0) -> bytes:
        """As `Transport`."""
        self._expect_there()
        return await super().checkpoint(log, least=least)

    async def append(self, log: LogId, submission: Submission) -> Receipt:
        """As `Transport`."""
        self._expect_there()
        return self.receipt(log, await self._counter.take(submission))

    async def wraps(self, log: LogId, chan: ChannelId, n: int) -> Wraps:
        """As `Transport`."""
        self._expect_there()
        wrap = self._counter.wraps.get((chan, n, self._vault.device))
        if wrap is not None and n in self.garbled:
            wrap = bytes(WRAP)
        return Wraps(wrap, ())

    async def logs(self) -> tuple[LogListing, ...]:
        """As `Transport`."""
        self._expect_there()
        size = self._counter.operation.log.size
        return (LogListing(self._counter.log, "operation", size),)


@dataclass
class Desk:
    """The parts of the SDK around one operation, without a live connection."""

    counter: Counter
    person: HeldPerson
    window: Window
    station: Station
    view: OperationView
    poster: Poster
    runner: Runner

    @classmethod
    async def open(cls, counter: Counter, folder: Path, person: HeldPerson, vault: Vault) -> Desk:
        """Read what the server has, from the replica on."""
        window = Window(counter, person, vault)
        settings = Settings(timing=INSTANT, clock=counter.now, uniform=lambda low, high: low)
        mirror = Mirror.load(vault, folder / f"{vault.device.hex()}.replica", counter.now)
        transport = cast(Transport, window)

        async def send(log: LogId, submission: Submission) -> Receipt:
            return await window.append(log, submission)

        writer = Author(vault, mirror, counter.now, secrets.token_bytes)
        outbox = Outbox(vault, mirror, send, counter.now, jitter=lambda: 0.0)
        station = Station(vault, mirror, transport, writer, outbox, settings)
        if not counter.away:
            await mirror.pull_directory(transport)
            await mirror.pull(transport, counter.log)
        view = OperationView(station, counter.log)
        mirror.listen(lambda update: view.take(update) if update.log == counter.log else None)
        poster = Poster(station, view)
        return cls(
            counter, person, window, station, view, poster, Runner(station, view, poster, tuple)
        )

    def channel(self, chan: ChannelId) -> Channel:
        """The SDK's handle of a channel."""
        return Channel(self.station, self.view, self.poster, chan)

    def force(self, chan: ChannelId, payload: Mapping[str, Any], **header: Any) -> Sequenced:
        """Append a message as a member of bad will: any payload under any visible fields."""
        operation, log = self.counter.operation, self.counter.log
        state = operation.state
        secret = self.view.keyring.secret(state, chan, state.channels[chan].epoch)
        assert secret is not None
        made = self.station.author.header("message", log, chan=chan, epoch=secret.context.n)
        made = replace(made, **header)
        digest = sha256(made.encode())
        key = message_key(secret, digest)
        body = seal_bytes(key, digest, encode(payload), bytes(24), bytes(16))
        return operation.append(author(made, body, self.station.vault.device_key))

    async def read(self) -> None:
        """Read to the newest checkpoint and fetch keys, as `Operation.refresh`."""
        await self.poster.sender.pull()
        for channel in self.view.channels():
            await self.poster.preparer.fetch_keys(channel)

    def texts(self) -> list[str]:
        """Texts of all messages that this desk can read, in the log's order."""
        return [
            str(content.get("text"))
            for item in self.view.feed.items()
            if (content := getattr(item, "content", None)) is not None
        ]

    def close(self) -> None:
        """Let go of vault and replica."""
        self.station.mirror.close()
        self.station.vault.close()


class Town:
    """A directory with two administrations, a live operation and one channel, and its desks."""

    def __init__(self, folder: Path, *, members: int = 3, **genesis: object) -> None:
        self.folder = folder
        directory = self.directory = DirectoryBuilder()
        fr, de = directory.administration("FR"), directory.administration("DE")
        self.ncp = fr.ncp
        self.people = [directory.person(fr if place % 2 == 0 else de) for place in range(members)]
        directory.grant_operations(self.people[0])
        self.vaults = [
            vault_of(folder / f"{place}.vault", directory, person)
            for place, person in enumerate(self.people)
        ]
        operation = self.operation = OperationBuilder(directory, self.people[0], **genesis)  # type: ignore[arg-type]
        self.chan = operation.channel("alpha")
        for person in self.people[1:]:
            operation.admit(person, "officer")
        operation.start()
        self.counter = Counter(directory, operation)

    async def desk(self, place: int) -> Desk:
        """The desk of one member, with the device of its vault."""
        return await self.counter.desk(self.folder, self.people[place], self.vaults[place])


def over(desk: Desk) -> Operation:
    """The SDK's operation over a desk's parts; it reads from the start."""
    made = Operation(desk.station, desk.counter.log, Directory(desk.station))
    desk.station.mirror.listen(
        lambda update: made.view.take(update) if update.log == made.id else None
    )
    return made
