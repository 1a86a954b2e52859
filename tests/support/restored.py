"""A server on a restored backup, behind what its key signed (A50, ADR 0025)."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Sequence

import pytest
from cencomm_config.errors import LogBehind, ServiceCode
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.tail import TailPart, form_of
from cencomm_crypto.public.wire import Sequenced, encode_sequenced
from cencomm_server.engine.handing_back import HandingBack, Standing
from cencomm_server.store.memory import MemoryStore

from tests.support.directory import HeldPerson
from tests.support.engine import FaultyStore, Scene, Served, rotate


class Restored(Scene):
    """Some messages were signed after the backup was made; `served` runs on the backup, `store`."""

    before: Served
    store: MemoryStore

    async def restore(self, lost: int = 5, *, rotated: bool = False) -> Restored:
        """`rotated`: the channel had a new epoch after the backup, before the messages."""
        first = FaultyStore()
        await self.serve(first)
        self.other = self.directory.person(self.directory.administration("DE"))
        self.operation.admit(self.other, "officer")
        self.stranger = self.directory.person(self.directory.administration("IT"))
        rotate(self.operation, self.work)
        await self.served.follow(self.operation)
        self.base = self.operation.log.size
        self.ignorant = self.operation.sealed(self.work, self.other)
        backup = copy.deepcopy(first)
        if rotated:
            rotate(self.operation, self.work)
        for _ in range(lost):
            self.operation.message(self.work, self.officer)
        await self.served.follow(self.operation)
        self.before = self.served
        await self.start(backup)
        return self

    async def start(self, store: MemoryStore) -> None:
        """A process on this store, as after a start."""
        self.store = store
        self.served = await self.before.another(store)
        await self.served.logs.load_all()

    @property
    def handing(self) -> HandingBack:
        """The service of the present process."""
        return self.served.handing

    @property
    def signed(self) -> int:
        """How many entries were signed."""
        return self.operation.log.size

    @property
    def tail(self) -> Sequence[Sequenced]:
        """The entries that the backup does not know."""
        return self.operation.entries[self.base :]

    def note(self, size: int | None = None, root: bytes | None = None) -> bytes:
        """The signed head of a size, the newest if none is named; `root`: another than it had."""
        size, name = size or self.signed, origin(self.served.signer.deployment, self.log)
        head = Checkpoint(name, size, root or self.operation.log.tree.root(size))
        return sign_checkpoint(head, self.directory.log_key)

    async def hand(
        self,
        by: HeldPerson | None = None,
        *,
        items: Sequence[Sequenced] = (),
        forms: bytes | None = None,
        note: bytes | None = None,
        start: int | None = None,
    ) -> Standing:
        """What a device says; by default its note and all forms."""
        part = TailPart(
            self.note() if note is None else note,
            self.base if start is None else start,
            b"".join(map(form_of, self.tail)) if forms is None else forms,
            b"".join(map(encode_sequenced, items)),
        )
        reader = Served.reader(by or self.officer)
        return await self.handing.take(reader, self.log, TailPart.decode(part.encode()))

    async def takes(self) -> bool:
        """Whether the log takes an entry of who knows only what the backup holds."""
        try:
            await self.submit(self.ignorant)
        except (LogBehind, ProtocolError) as error:
            if error.code not in (ServiceCode.LOG_BEHIND, ErrorCode.LOG_DAMAGED):
                raise
            return False
        return True


async def refused(doing: Awaitable[object]) -> str:
    """The code with which the server refuses this."""
    with pytest.raises(CencommError) as caught:
        await doing
    return str(caught.value.code)


async def whole_again(scene: Restored) -> None:
    """The same bytes, places, times and head as before the restore, and the log goes on."""
    old, new = scene.before.store, scene.served.store
    assert await new.read_entries(scene.log, 0, 999) == await old.read_entries(scene.log, 0, 999)
    newest = await new.newest_checkpoint(scene.log)
    assert newest == await old.newest_checkpoint(scene.log)
    assert scene.served.logs.behind() == () == scene.served.logs.damaged()
    assert scene.runtime.size == scene.signed
    scene.operation.message(scene.work, scene.other)
    await scene.served.follow(scene.operation)
