"""A50: a restore from a backup forks the log. Clients hold what was signed, bring it back, and
refuse the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client import Admission, OperationPlan
from cencomm_client.errors import LogBehind
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.tail import TailPart, form_of
from cencomm_crypto.public.wire import encode_sequenced, sequence
from cencomm_server.engine.handing_back import HandingBack, Standing
from cencomm_server.engine.reader import Reader
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import copy_of, refusal, staged
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    BOT,
    CHIEF,
    OFFICER,
    OUTSIDER,
    PLAN,
    RAID,
    WARNING,
    World,
)

MADE = "control the lorry"


class Deaf(HandingBack):
    """A server that hears nothing of what it lost, as one of before hand-backs."""

    async def take(self, reader: Reader, log: LogId, part: TailPart) -> Standing:
        runtime = await self._logs.get(log)
        return Standing(runtime.size, runtime.size, runtime.size)


class Refusing(HandingBack):
    """A server that says that what it is given is wrong."""

    async def take(self, reader: Reader, log: LogId, part: TailPart) -> Standing:
        raise ProtocolError(ErrorCode.BAD_PROOF, "not mine")


class Greedy(HandingBack):
    """Hears the proof, and takes no entry: it stays behind for ever."""

    async def take(self, reader: Reader, log: LogId, part: TailPart) -> Standing:
        return await super().take(reader, log, TailPart(part.note, part.start, part.forms))


async def first_life(world: World, folder: Path) -> tuple[MemoryStore, MemoryStore]:
    """A backup is made, then the chief speaks and the officer reads it: (backup, the last)."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, OFFICER, ANALYST)
        backup = copy_of(store)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": MADE})
        await stage.look(CHIEF, OFFICER)
        stage.quiet()
    return backup, copy_of(store)


async def test_the_whole_store_comes_back(world: World, folder: Path) -> None:
    """Nothing is missing: everybody goes on where they were."""
    _, last = await first_life(world, folder)
    async with staged(world, folder, store=last) as stage:
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "on my way"})
        await stage.look(CHIEF, OFFICER, ANALYST)
        assert stage.texts(ANALYST) == [WARNING, MADE, "on my way"]
        stage.quiet()


async def test_the_first_who_read_on_brings_the_tail_back(world: World, folder: Path) -> None:
    """The same entries under the same heads, and nobody stops. Who brought it keeps the notes."""
    backup, last = await first_life(world, folder)
    async with staged(world, folder, store=backup) as stage:
        await stage.look(OFFICER)
        assert stage.head().size == stage.size(OFFICER)
        held = await backup.read_entries(stage.log, 0, 10_000)
        assert held == await last.read_entries(stage.log, 0, 10_000)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "go"})
        await stage.look(CHIEF, OFFICER, ANALYST)
        for code in (CHIEF, OFFICER, ANALYST):
            assert stage.texts(code)[-2:] == [MADE, "go"]
        stage.expect({"A50"}, OFFICER)
        stage.quiet(CHIEF, ANALYST)


async def test_nobody_speaks_into_the_gap_once_the_server_has_heard(
    world: World, folder: Path
) -> None:
    """Till the tail is back the server takes nothing there, also after a start; what was said
    meanwhile waits in the outbox."""
    backup, _ = await first_life(world, folder)
    async with staged(world, folder, store=backup, HandingBack=Greedy) as stage:
        officer = await stage.client(OFFICER)
        transport = stage.station(OFFICER).transport
        with pytest.raises(LogBehind):
            await stage.station(OFFICER).mirror.pull(transport, stage.log)
        assert stage.rows(OFFICER) == {"A50"}
        assert officer.stopped() == ()
        alerts = (await stage.operation(ANALYST)).channel(ALERTS)
        with pytest.raises(LogBehind):
            await alerts.post("MSG", {"text": "who else?"}, patience_s=0.5)
        assert stage.server.logs.behind() == (stage.log,)
        assert await transport.ready()  # or a balancer would keep the helpers away
        size = stage.head().size
    async with staged(world, folder, store=backup) as stage:  # the proof is in the store
        alerts = (await stage.operation(ANALYST)).channel(ALERTS)
        with pytest.raises(LogBehind):
            await alerts.post("MSG", {"text": "still?"}, patience_s=0.5)
        await stage.look(OFFICER)
        assert stage.head().size == size + 1
        await stage.look(ANALYST)
        await alerts.post("MSG", {"text": "at last"})
        await stage.look(CHIEF, OFFICER)
        assert stage.texts(CHIEF)[-4:] == [MADE, "who else?", "still?", "at last"]
        stage.quiet(CHIEF, ANALYST)


async def test_members_of_different_channels_bring_their_parts(world: World, folder: Path) -> None:
    """The analyst is not in `raid`: it brings leaves and what it reads, the officer the rest. It
    waits meanwhile, keeps the two notes, and goes on without anybody deciding anything."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, OFFICER, ANALYST)
        backup = copy_of(store)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": MADE})
        await (await stage.operation(CHIEF)).channel(RAID).post("MSG", {"text": "five sharp"})
        await stage.look(CHIEF, OFFICER, ANALYST)
        stage.quiet()
    async with staged(world, folder, store=backup) as stage:
        await stage.look(ANALYST)
        assert stage.server.logs.behind() == (stage.log,)
        assert stage.rows(ANALYST) == {"A50"}
        await stage.look(OFFICER)
        assert stage.server.logs.behind() == ()
        await (await stage.operation(ANALYST)).channel(ALERTS).post("MSG", {"text": "go"})
        await stage.look(CHIEF, OFFICER)
        assert {MADE, "five sharp", "go"} <= set(stage.texts(CHIEF))
        stage.expect({"A50"}, OFFICER, ANALYST)
        stage.quiet(CHIEF)
        assert (await stage.client(ANALYST)).stopped() == ()


async def test_a_bot_brings_what_it_may_read_and_nothing_else_counts_from_it(
    world: World, folder: Path
) -> None:
    """Its host forges nothing: what it brings is the signed entry of its place, or is refused."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, BOT)
        backup = copy_of(store)
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": MADE})
        await stage.look(CHIEF, BOT)
    async with staged(world, folder, store=backup) as stage:
        await stage.client(BOT)
        station = stage.station(BOT)
        last = list(station.mirror.items(stage.log))[-1]
        note = station.vault.head(stage.log)
        assert note is not None
        forms = form_of(last)
        standing = await station.transport.tail(stage.log, TailPart(note.note, last.seq, forms))
        assert standing.lacks == ((last.seq, last.seq + 1),)
        header = stage.header(BOT, "message", chan=stage.chan(ALERTS), epoch=1)
        own = stage.sign(BOT, header, bytes(512))
        forged = encode_sequenced(sequence(last.seq, last.at, own))
        part = TailPart(note.note, items=forged)
        assert await refusal(station.transport.tail(stage.log, part)) == "bad_proof"
        await stage.look(BOT)
        assert stage.head().size == last.seq + 1
        await stage.look(CHIEF)
        assert stage.texts(CHIEF)[-1] == MADE
        stage.quiet(CHIEF)


async def test_an_operation_that_the_backup_does_not_know_comes_back(
    world: World, folder: Path
) -> None:
    """From its genesis on, with the keys of its channels; an invited person reads it anew."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, OFFICER)
        backup = copy_of(store)
        chief, now = await stage.client(CHIEF), stage.clock()
        plan = OperationPlan(
            name="LATER", not_before=now - 1000, not_after=now + 3_600_000, legal="test"
        )
        later = await chief.create_operation(plan)
        await later.create_channel("work")
        await later.admit([Admission(OFFICER, "officer")])
        await later.set_phase("prep")
        await later.set_phase("live")
        await later.channel("work").post("MSG", {"text": MADE})
        await chief.refresh()
    async with staged(world, folder, store=backup) as stage:
        officer = await stage.client(OFFICER)  # had not read of it
        assert later.id not in stage.station(OFFICER).mirror.operations
        chief = await stage.client(CHIEF)
        await chief.refresh()
        assert stage.server.logs.behind() == ()
        await (await chief.operation("LATER")).channel("work").post("MSG", {"text": "go"})
        await officer.refresh()
        found = await officer.operation("LATER")
        await found.refresh()
        contents = [getattr(item, "content", None) for item in found.items()]
        assert [c["text"] for c in contents if c and "text" in c] == [MADE, "go"]
        stage.quiet(OFFICER)


async def test_an_author_that_read_no_more_than_its_receipts_brings_its_own_back(
    world: World, folder: Path
) -> None:
    """Nobody else had read them; its program was closed right after. All of them come back, and
    what it said next waits for that."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, ANALYST)
        backup = copy_of(store)
        alerts = (await stage.operation(CHIEF)).channel(ALERTS)
        size = stage.size(CHIEF)
        for text in (MADE, "and the van"):
            await alerts.post("MSG", {"text": text})
        assert stage.size(CHIEF) == size < stage.head().size
        signed = stage.head()
    async with staged(world, folder, store=backup) as stage:
        await stage.look(CHIEF)
        assert stage.head() == signed
        stage.expect({"A50"}, CHIEF)
        assert (await stage.client(CHIEF)).stopped() == ()
        await (await stage.operation(CHIEF)).channel(ALERTS).post("MSG", {"text": "go"})
        await stage.look(ANALYST)
        assert stage.texts(ANALYST)[-3:] == [MADE, "and the van", "go"]
        stage.quiet(ANALYST)


async def test_an_author_brings_its_own_once_others_told_what_lies_before_it(
    world: World, folder: Path
) -> None:
    """Its receipt is of a place far behind what it had read."""
    store = copy_of(world.store)
    async with staged(world, folder, store=store) as stage:
        await stage.look(CHIEF, OFFICER, ANALYST)
        backup = copy_of(store)
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "first"})
        await (await stage.operation(CHIEF)).channel(RAID).post("MSG", {"text": MADE})
        await stage.look(ANALYST)  # reads `first`, and of `raid` 56 bytes
        signed = stage.head()
    async with staged(world, folder, store=backup) as stage:
        await stage.look(CHIEF)
        assert stage.server.logs.behind() == (stage.log,)
        await stage.look(ANALYST)
        assert stage.server.logs.behind() == (stage.log,)
        await stage.look(CHIEF)
        assert stage.head() == signed
        await stage.look(OFFICER)
        assert stage.texts(OFFICER)[-2:] == ["first", MADE]


async def test_who_is_not_in_the_operation_is_not_heard(world: World, folder: Path) -> None:
    """With the very same proof: a stranger learns not even that the log is there."""
    backup, _ = await first_life(world, folder)
    async with staged(world, folder, store=backup) as stage:
        await stage.client(OFFICER)
        note = stage.station(OFFICER).vault.head(stage.log)
        assert note is not None
        await stage.client(OUTSIDER)
        sending = stage.station(OUTSIDER).transport.tail(stage.log, TailPart(note.note))
        assert await refusal(sending) == "unknown_log"
        assert stage.server.logs.behind() == ()


@pytest.mark.parametrize("kind", [Deaf, Refusing])
async def test_a_server_that_takes_nothing_back(
    world: World, folder: Path, kind: type[HandingBack]
) -> None:
    """Whoever read on refuses it and seals nothing; the receipts that it gave are still held."""
    backup, _ = await first_life(world, folder)
    async with staged(world, folder, store=backup, HandingBack=kind) as stage:
        for code in (CHIEF, OFFICER):
            await stage.look(code)
            assert stage.rows(code) == {"A4"}
            assert stage.texts(code)[-1] == MADE
            posting = (
                stage.shown(code).channel(ALERTS).post("MSG", {"text": "and now?"}, patience_s=0.5)
            )
            assert await refusal(posting) == "stopped"
        assert stage.head().size == stage.size(OFFICER) - 1


async def test_a_server_that_signs_anew_below_it(world: World, folder: Path) -> None:
    """A member who had not read on speaks into the gap: two heads of one size, both signed by
    the log key. Whoever holds the other one has the proof, and shows nothing of the new one."""
    backup, _ = await first_life(world, folder)
    async with staged(world, folder, store=backup) as stage:
        await (await stage.operation(ANALYST)).channel(ALERTS).post("MSG", {"text": "who else?"})
        await stage.look(ANALYST)
        assert stage.texts(ANALYST) == [WARNING, "who else?"]
        stage.quiet(ANALYST)  # nobody told it
        for code in (CHIEF, OFFICER):
            await stage.look(code)
            assert stage.rows(code) == {"A4"}
            assert "who else?" not in stage.texts(code)
            assert stage.texts(code)[-1] == MADE
            notes = {kept.data for kept in stage.station(code).mirror.alarms(stage.log)}
            assert len(notes) >= 2
        assert PLAN in stage.texts(OFFICER)
