"""The real engine over a store, fed with what the builders made.

    served = await Served.start(directory)            # founds the directory, entry by entry
    log = await served.create(operation)              # the same of an operation
    await served.follow(operation)                    # post what the builder has appended since
    await served.post(entry, by)                      # an entry that the builder only authored

The engine's clock is set to the builder's before each entry of `create` and `follow`, so that
both compute the same tree, and an entry authored by the builder names heads the engine has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from cencomm_config.errors import StoreDown
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.bodies import ROOT_SIGNED
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.note import open_checkpoint, origin
from cencomm_crypto.public.operation.recipients import (
    recipients,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tree import verify_inclusion
from cencomm_crypto.public.wire import Receipt, Sequenced, Submission, sequence
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.handing_back import HandingBack
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.restoring import Restoring
from cencomm_server.engine.signer import Signer
from cencomm_server.store.documents import CheckpointDoc, EntryDoc
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.port import LogStore

from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson
from tests.support.operation import OperationBuilder

WRAP_BYTES = 112


class SetClock:
    """A wall and a monotonic clock that the test moves together; `now` in ms."""

    def __init__(self, now: int) -> None:
        self.now = now

    def clock(self) -> Clock:
        """The engine's clock over it; a jump of `now` is no jump against the monotonic one."""
        return Clock(lambda: self.now, lambda: self.now / 1000)


class Served:
    """One server process without its transports."""

    def __init__(
        self, directory: DirectoryBuilder, store: LogStore, clock: SetClock, **settings: Any
    ) -> None:
        self.directory, self.store, self.clock = directory, store, clock
        self.signer = Signer(directory.genesis_body["name"], [directory.log_key])
        self.logs = Logs(store, self.signer, clock.clock())
        self.handing = HandingBack(self.logs)
        restoring = Restoring(self.logs, self.handing.gathering)
        self.appends = Appends(self.logs, restoring=restoring, **settings)
        self.reading = Reading(self.logs)
        self._posted: dict[int, int] = {}

    @classmethod
    async def start(
        cls, directory: DirectoryBuilder, store: LogStore | None = None, **settings: Any
    ) -> Served:
        """A server that holds all of the builder's directory."""
        clock = SetClock(directory.entries[0].at)
        served = cls(directory, store or MemoryStore(lambda: clock.now), clock, **settings)
        await served.logs.start()
        await served.follow_directory()
        return served

    async def another(self, store: LogStore | None = None, **settings: Any) -> Served:
        """A second process on the same store; `store`: its own connection to it."""
        other = Served(self.directory, store or self.store, self.clock, **settings)
        other._posted = self._posted
        await other.logs.start()
        return other

    async def follow_directory(self) -> None:
        """Post what the directory's builder has appended since."""
        entries, now = self.directory.entries, self.clock.now
        for item in entries[self._posted.get(id(self.directory), 0) :]:
            await self._post_item(item, self.directory.log.id16)
        self._posted[id(self.directory)] = len(entries)
        self.clock.now = max(now, self.clock.now)

    async def create(self, operation: OperationBuilder) -> LogId:
        """Post all that the operation's builder has appended."""
        await self.follow(operation)
        return operation.log.id16

    async def follow(self, operation: OperationBuilder) -> None:
        """Post what the operation's builder has appended since; the directory first."""
        await self.follow_directory()
        entries = operation.entries
        for item in entries[self._posted.get(id(operation), 0) :]:
            await self._post_item(item, operation.log.id16)
        self._posted[id(operation)] = len(entries)

    async def _post_item(self, item: Sequenced, log: LogId) -> None:
        assert item.entry is not None
        self.clock.now = item.at
        receipt = await self.submit(item.entry, log)
        assert (receipt.seq, receipt.at) == (item.seq, item.at)

    async def submit(self, entry: Entry, log: LogId, **beside: bytes) -> Receipt:
        """Post an entry as its author's own device; `beside`: wraps and shares."""
        submission = Submission.of(entry, **(beside or WRAPS.get(entry.inner, {})))
        if entry.header.type in ROOT_SIGNED:
            return await self.appends.append_to_directory(submission)
        poster = self.author_of(entry)
        if entry.header.type == "operation.genesis":
            _, receipt = await self.appends.create(submission, poster)
            return receipt
        return await self.appends.append(log, submission, poster)

    def author_of(self, entry: Entry) -> Reader:
        """The session that an entry's author would have."""
        device = self.directory.state.devices[entry.header.device]
        return Reader(device.id, device.person)

    @staticmethod
    def reader(held: HeldPerson | HeldDevice) -> Reader:
        """The session of a person's first device, or of a device."""
        device = held.device if isinstance(held, HeldPerson) else held
        return Reader(device.id, device.person)


WRAPS: dict[bytes, dict[str, bytes]] = {}
"""Inner hash of an entry of `rotation_with_wraps` -> what travels beside it."""


def rotation_with_wraps(
    operation: OperationBuilder,
    chan: ChannelId,
    by: HeldDevice | HeldPerson | None = None,
    **fields: Any,
) -> Entry:
    """A rotate on which the server's checks hold too: 112 bytes per recipient and share."""
    state, directory = operation.state, operation.directory.state
    found = recipients(state, chan, directory)
    wraps = [_wrap(operation) for _ in found]
    root = wraps_root(
        [(row.device, row.box_pk, sha256(wrap)) for row, wrap in zip(found, wraps, strict=True)]
    )
    fields = {"wraps_root": root, **fields}
    shares: list[bytes] = []
    if state.audit.persons:
        holders = share_holders(state, directory)
        shares = [_wrap(operation) for _ in holders]
        rows = [
            (holder.x, holder.device, holder.box_pk, sha256(share))
            for holder, share in zip(holders, shares, strict=True)
        ]
        fields = {"shares_root": shares_root(rows), **fields}
    entry = operation.rotation(chan, by, **fields)
    WRAPS[entry.inner] = {"wraps": b"".join(wraps), "shares": b"".join(shares)}
    return entry


def rotate(
    operation: OperationBuilder, chan: ChannelId, by: HeldDevice | HeldPerson | None = None
) -> Sequenced:
    """Append a rotate of `rotation_with_wraps` to the builder's log."""
    return operation.append(rotation_with_wraps(operation, chan, by))


def _wrap(operation: OperationBuilder) -> bytes:
    return b"".join(operation.draw() for _ in range(4))[:WRAP_BYTES]


class Scene:
    """An operation in LIVE with one channel of everybody, an officer, and its server."""

    def __init__(self, **genesis: Any) -> None:
        self.directory = DirectoryBuilder()
        self.officer = self.directory.person(self.directory.administration("FR"))
        self.operation = OperationBuilder(self.directory, **genesis)
        self.operation.admit(self.officer, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        rotate(self.operation, self.work)
        self.served: Served

    async def serve(self, store: LogStore | None = None, **settings: Any) -> Scene:
        """Start the server and post everything."""
        self.served = await Served.start(self.directory, store, **settings)
        await self.served.create(self.operation)
        return self

    @property
    def log(self) -> LogId:
        """The operation's log."""
        return self.operation.log.id16

    @property
    def runtime(self) -> OperationRuntime:
        """The server's replay of the operation."""
        runtime = self.served.logs.known(self.log)
        assert isinstance(runtime, OperationRuntime)
        return runtime

    def sealed(self, **header: Any) -> Entry:
        """A message of the officer, not appended; any number are valid at once."""
        return self.operation.sealed(self.work, self.officer, **header)

    async def submit(self, entry: Entry) -> Receipt:
        """Post it to the server."""
        return await self.served.submit(entry, self.log)

    async def refusal(self, entry: Entry, **beside: bytes) -> str:
        """The code with which the server refuses it."""
        with pytest.raises(CencommError) as refused:
            await self.served.submit(entry, self.log, **beside)
        return refused.value.code

    def verify(self, entry: Entry, receipt: Receipt) -> None:
        """WIRE-3: what an author does with a receipt."""
        name, key = self.served.signer.deployment, self.directory.log_key.public
        note = open_checkpoint(receipt.note, origin(name, self.log), key)
        leaf = sequence(receipt.seq, receipt.at, entry).leaf
        verify_inclusion(leaf, receipt.seq, note.size, receipt.proof, note.root)


class FaultyStore(MemoryStore):
    """A store that goes down before, after or in the middle of the next call of a method."""

    def __init__(self, clock: Any = None) -> None:
        super().__init__(clock) if clock else super().__init__()
        self._before: list[str] = []
        self._after: list[str] = []
        self._within: int | None = None
        self.calls: list[str] = []

    def break_before(self, method: str) -> None:
        """The next call of `method` raises StoreDown and writes nothing."""
        self._before.append(method)

    def break_after(self, method: str) -> None:
        """The next call of `method` writes and then raises StoreDown."""
        self._after.append(method)

    def break_within(self, count: int) -> None:
        """The next `append_entries` writes that many entries, no checkpoint, and raises."""
        self._within = count

    async def append_entries(
        self, log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        self._enter("append_entries")
        if self._within is not None:
            docs, checkpoint, self._within = docs[: self._within], None, None
            self._after.append("append_entries")
        inserted = await super().append_entries(log, docs, checkpoint)
        self._leave("append_entries")
        return inserted

    async def put_checkpoint(self, log: LogId, size: int, note: bytes) -> None:
        self._enter("put_checkpoint")
        await super().put_checkpoint(log, size, note)
        self._leave("put_checkpoint")

    async def read_entries(self, log: LogId, start: int, stop: int) -> list[EntryDoc]:
        self._enter("read_entries")
        return await super().read_entries(log, start, stop)

    async def put_wraps(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, wraps: bytes, shares: bytes
    ) -> None:
        self._enter("put_wraps")
        await super().put_wraps(log, chan, n, inner, wraps, shares)
        self._leave("put_wraps")

    async def erase_bodies(self, log: LogId, seqs: Collection[int]) -> int:
        self._enter("erase_bodies")
        erased = await super().erase_bodies(log, seqs)
        self._leave("erase_bodies")
        return erased

    async def erase_wraps(self, log: LogId) -> int:
        self._enter("erase_wraps")
        erased = await super().erase_wraps(log)
        self._leave("erase_wraps")
        return erased

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        if method in self._before:
            self._before.remove(method)
            raise StoreDown(f"{method}: broken before")

    def _leave(self, method: str) -> None:
        if method in self._after:
            self._after.remove(method)
            raise StoreDown(f"{method}: broken after")
