"""Erasure on the server: only when the rules say so, never under a hold; the log stays whole."""

from __future__ import annotations

import asyncio

import pytest
from cencomm_crypto.public.wire import ERASED, WHOLE, split_sequence
from cencomm_server.engine import erasing
from cencomm_server.engine.erasing import Eraser
from cencomm_server.store.documents import EntryDoc
from cencomm_server.store.memory import MemoryStore

from tests.support.directory import HeldPerson
from tests.support.engine import FaultyStore, Scene, Served
from tests.support.operation import CLOSES, DAY, GRACE

SAID = 9  # messages
WRAPPED = 1  # rotates


class Ending:
    """An operation with messages that comes to its end; `deputy` coordinates for Belgium."""

    def __init__(self, *, erase_at: int = 0) -> None:
        self.scene = Scene(retention={"erase_at": erase_at})
        directory, operation = self.scene.directory, self.scene.operation
        self.deputy: HeldPerson = directory.person(directory.administration("BE"))
        operation.admit(self.deputy, "coordinator")
        for _ in range(SAID):
            operation.message(self.scene.work)

    async def serve(self, store: MemoryStore | None = None) -> Ending:
        await self.scene.serve(store or FaultyStore())
        return self

    @property
    def served(self) -> Served:
        return self.scene.served

    async def close(self) -> None:
        self.scene.operation.wait_until(CLOSES + GRACE + 1)
        self.scene.operation.control("operation.close", {})
        await self.follow()

    async def erase(self) -> None:
        proposal = self.scene.operation.propose("erase", {})
        self.scene.operation.approve("erase", proposal, self.deputy)
        await self.follow()

    async def hold(self) -> bytes:
        held = self.scene.operation.control("hold", {"reason": "court order"}).leaf
        await self.follow()
        return held

    async def lift(self, held: bytes) -> None:
        proposal = self.scene.operation.propose("unhold", {"hold": held})
        self.scene.operation.approve("unhold", proposal, self.deputy)
        await self.follow()

    async def follow(self) -> None:
        await self.served.follow(self.scene.operation)

    async def docs(self) -> list[EntryDoc]:
        return await self.served.store.read_entries(self.scene.log, 0, 10_000)

    async def bodies(self) -> int:
        """Bodies of messages that are still there."""
        said = [doc for doc in await self.docs() if doc.scope == self.scene.work]
        opaque = [item for item in self.scene.operation.entries if item.entry and item.scope]
        sealed = {i.seq for i in opaque if i.entry and i.entry.header.type == "message"}
        return sum(doc.body is not None for doc in said if doc.seq in sealed)

    async def wraps(self) -> bool:
        epoch = self.scene.operation.state.channels[self.scene.work].epochs[1]
        inner = self.scene.runtime.wrapped_by(epoch.seq) or b""
        kept = await self.served.store.wraps(self.scene.log, self.scene.work, 1, inner)
        return kept is not None


def eraser(served: Served, after_s: float = 0.0) -> Eraser:
    return Eraser(served.logs, after_s=after_s)


async def test_nothing_goes_before_the_operation_says_so() -> None:
    ending = await Ending().serve()
    sweeping = eraser(ending.served)
    assert await sweeping.sweep() == 0
    await ending.close()
    assert await sweeping.sweep() == 0
    assert await ending.bodies() == SAID
    assert await ending.wraps()


async def test_after_it_bodies_and_wraps_are_gone_and_the_log_replays_to_the_same_head() -> None:
    ending = await Ending().serve()
    await ending.close()
    await ending.erase()
    before = {doc.seq: (doc.header, doc.inner, doc.sig) for doc in await ending.docs()}
    head = ending.scene.runtime.note_at(ending.scene.runtime.size)
    assert await eraser(ending.served).sweep() == SAID + WRAPPED
    assert await ending.bodies() == 0
    assert not await ending.wraps()
    assert {doc.seq: (doc.header, doc.inner, doc.sig) for doc in await ending.docs()} == before
    gone = [doc for doc in await ending.docs() if doc.body is None]
    assert len(gone) == SAID
    other = await ending.served.another()
    again = await other.logs.operation(ending.scene.log)
    assert again.note_at(again.size) == head
    assert again.state == ending.scene.runtime.state


async def test_readers_get_the_form_of_an_erased_entry_also_from_memory() -> None:
    ending = await Ending().serve()
    await ending.close()
    await ending.erase()
    reader, log = ending.served.reader(ending.deputy), ending.scene.log

    async def forms() -> list[int]:
        page = await ending.served.reading.read(reader, log, 0)
        return [data[1] for data in split_sequence(page.items)]

    assert set(await forms()) == {WHOLE}
    assert len(ending.scene.runtime.tail)
    await eraser(ending.served).sweep()
    assert (await forms()).count(ERASED) == SAID
    assert (await forms()).count(ERASED) == SAID


async def test_nothing_goes_under_a_hold_and_by_date_not_before_the_date() -> None:
    date = CLOSES + GRACE + DAY
    ending = await Ending(erase_at=date).serve()
    await ending.close()
    held = await ending.hold()
    sweeping, clock = eraser(ending.served), ending.served.clock
    assert await sweeping.sweep() == 0
    clock.now = ending.scene.operation.clock = date
    assert await sweeping.sweep() == 0
    assert await ending.bodies() == SAID
    await ending.lift(held)
    assert await sweeping.sweep() == SAID + WRAPPED


async def test_a_hold_that_another_process_took_stops_it_half_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasing, "CHUNK", 4)
    date = CLOSES + GRACE + DAY
    ending = await Ending(erase_at=date).serve()
    await ending.close()
    other = await ending.served.another()
    ending.served.clock.now = ending.scene.operation.clock = date
    entry = ending.scene.operation.author(
        "hold", {"reason": "court order"}, ending.scene.operation.creator
    )
    store = ending.served.store
    assert isinstance(store, FaultyStore)
    steps: list[int] = []
    erase_bodies = store.erase_bodies

    async def then_hold(log: object, seqs: list[int]) -> int:
        steps.append(len(seqs))
        erased = await erase_bodies(log, seqs)  # type: ignore[arg-type]
        if len(steps) == 1:
            await other.submit(entry, ending.scene.log)
        return erased

    monkeypatch.setattr(store, "erase_bodies", then_hold)
    await eraser(ending.served).sweep()
    assert len(steps) == 1
    assert await ending.bodies() == SAID - steps[0]
    assert await ending.wraps()


@pytest.mark.parametrize("broken", ["break_before", "break_after"])
@pytest.mark.parametrize("method", ["erase_bodies", "erase_wraps"])
async def test_a_crash_half_way_ends_in_the_same(broken: str, method: str) -> None:
    ending = await Ending().serve()
    await ending.close()
    await ending.erase()
    store = ending.served.store
    assert isinstance(store, FaultyStore)
    getattr(store, broken)(method)
    await eraser(ending.served).sweep()
    restarted = await ending.served.another()
    await restarted.logs.load_all()
    sweeping = eraser(restarted)
    while await sweeping.sweep():
        pass
    assert await ending.bodies() == 0
    assert not await ending.wraps()
    assert await sweeping.sweep() == 0


async def test_two_processes_erase_at_once() -> None:
    ending = await Ending().serve()
    await ending.close()
    await ending.erase()
    other = await ending.served.another()
    await other.logs.load_all()
    both = (eraser(ending.served), eraser(other))
    for _ in range(2):
        await asyncio.gather(*(each.sweep() for each in both))
    assert await ending.bodies() == 0
    assert not await ending.wraps()
    for served in (ending.served, other):
        page = await served.reading.read(served.reader(ending.deputy), ending.scene.log, 0)
        assert [data[1] for data in split_sequence(page.items)].count(ERASED) == SAID


async def test_it_waits_as_long_as_the_settings_say_and_anew_after_a_hold() -> None:
    date = CLOSES + GRACE + DAY
    ending = await Ending(erase_at=date).serve()
    await ending.close()
    sweeping, clock = eraser(ending.served, after_s=900), ending.served.clock
    clock.now = ending.scene.operation.clock = date
    assert await sweeping.sweep() == 0
    held = await ending.hold()
    clock.now += 900_000
    assert await sweeping.sweep() == 0
    ending.scene.operation.clock = clock.now
    await ending.lift(held)
    assert await sweeping.sweep() == 0
    clock.now += 899_000
    assert await sweeping.sweep() == 0
    clock.now += 1_000
    assert await sweeping.sweep() == SAID + WRAPPED


async def test_a_clock_that_jumped_brings_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    date = CLOSES + GRACE + DAY
    ending = await Ending(erase_at=date).serve()
    await ending.close()
    clock = ending.served.logs.clock
    monotonic_s = ending.served.clock.now / 1000
    monkeypatch.setattr(clock, "_monotonic_s", lambda: monotonic_s)
    clock.now_ms()
    ending.served.clock.now = date + DAY
    assert await eraser(ending.served).sweep() == 0
    assert await ending.bodies() == SAID
