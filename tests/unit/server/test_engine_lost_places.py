"""Places that nobody holds whole: k of the governance root name them in a log.restored, the server
stores them as lost and goes on behind them (A50, PROTOCOL 11.2)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.replay import OperationLog, read_log
from cencomm_crypto.public.tail import TailPart, form_of
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    Submission,
    decode_sequenced_stream,
    encode_sequenced,
)

from tests.support.directory import restoring
from tests.support.engine import FaultyStore, Served
from tests.support.restored import Restored, refused


class Lossy(Restored):
    """Of what the backup does not know, `gone` is held by nobody."""

    gone: Sequence[Sequenced]

    async def lose(self, *places: int, **restored: Any) -> Lossy:
        """Restore, and hand back all but the places of these numbers in the tail."""
        await self.restore(**restored)
        self.gone = [self.tail[place] for place in places]
        return self

    async def hand_rest(self) -> None:
        """A member brings all that anybody holds."""
        held = [item for item in self.tail if item not in self.gone]
        await self.hand(items=held)

    def naming(
        self, *items: Sequenced, serial: int = 1, k: int | None = None, **header: Any
    ) -> Entry:
        """The log.restored that names these neighbours, by `k` custodians."""
        directory = self.directory
        held, directory.k = directory.k, directory.k if k is None else k
        body = directory.signed_restoring(self.log, items, serial)
        directory.k = held
        return self.operation.author("log.restored", body, directory.poster, **header)

    async def name(self, entry: Entry) -> Receipt:
        """Publish it without a session."""
        return await self.served.appends.append_to_directory(Submission.of(entry))

    async def read(self) -> list[Sequenced]:
        """What a member reads of the log from its start."""
        reader = Served.reader(self.other)
        page = await self.served.reading.read(reader, self.log, 0)
        return decode_sequenced_stream(page.items)

    def expect_agreement(self, read: list[Sequenced]) -> None:
        """Who reads the server's items, and who holds all whole, come to one state: the server's.

        The builder goes on with what the server holds.
        """

        def new(losses: Any) -> OperationLog:
            return OperationLog(self.directory.log, None, losses)

        whole = [*self.operation.entries, *read[len(self.operation.entries) :]]
        theirs, _ = read_log(new, lambda: read)
        holder, _ = read_log(new, lambda: whole)
        state = self.runtime.state
        assert state is not None
        assert state_hash(theirs.state) == state_hash(holder.state) == state_hash(state)
        assert theirs.tree.root() == self.runtime.replay.tree.root(self.runtime.size)
        self.operation.log, self.operation.entries = theirs, read


@pytest.fixture
async def scene() -> Lossy:
    """Five messages were lost, the third is held by nobody, and the rest was handed back."""
    made = await Lossy().lose(2)
    await made.hand_rest()
    return made


async def test_a_named_place_is_lost_and_the_log_goes_on(
    scene: Lossy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not await scene.takes()
    entry = scene.naming(*scene.gone)
    receipt = await scene.name(entry)
    scene.verify(entry, receipt)
    assert receipt.seq == scene.signed
    assert scene.served.logs.behind() == () == scene.served.logs.damaged()
    assert "places_named_lost" in capsys.readouterr().out
    read = await scene.read()
    assert [item.seq for item in read if item.lost] == [scene.gone[0].seq]
    scene.expect_agreement(read)


async def test_a_channel_rotates_before_it_takes_anything_again(scene: Lossy) -> None:
    await scene.name(scene.naming(*scene.gone))
    assert await refused(scene.submit(scene.ignorant)) == ErrorCode.STALE_EPOCH
    scene.expect_agreement(await scene.read())
    scene.operation.rotate(scene.work)
    state = scene.operation.state
    assert not state.channels[scene.work].lost


async def test_another_process_on_the_store_comes_to_the_same(scene: Lossy) -> None:
    await scene.name(scene.naming(*scene.gone))
    served = await scene.served.another()
    await served.logs.load_all()
    assert served.logs.behind() == () == served.logs.damaged()
    runtime = served.logs.known(scene.log)
    assert runtime is not None
    assert runtime.size == scene.signed + 1
    assert runtime.note_at(runtime.size) == scene.runtime.note_at(runtime.size)


async def test_several_gaps_are_named_one_after_the_other_and_shown_together() -> None:
    """No reader is shown a lost place that nothing names yet: it would stop there."""
    scene = await Lossy().lose(0, 2, 4)
    await scene.hand_rest()
    seen = scene.operation.head
    for serial, item in enumerate(scene.gone, 1):
        entry = scene.naming(item, serial=serial, seen=seen)
        receipt = await scene.name(entry)
        scene.verify(entry, receipt)
        assert receipt.seq == scene.signed + serial - 1
        note = scene.served.signer.open(scene.log, receipt.note)
        seen = Head(note.size, note.root)
        if serial < 3:
            assert scene.served.logs.behind() == (scene.log,)
            assert len(await scene.read()) == scene.base
            assert not await scene.takes()
        if serial == 1:  # a start in between loses nothing of it
            await scene.start(scene.store)
            assert scene.served.logs.behind() == (scene.log,)
            assert scene.runtime.size == scene.base
    assert scene.served.logs.behind() == ()
    scene.expect_agreement(await scene.read())


async def test_between_two_gaps_a_member_may_still_bring_what_lacks() -> None:
    """What stands as lost and is not named yet takes its entry; what is named does not."""
    scene = await Lossy().lose(0, 2)
    await scene.hand_rest()
    await scene.name(scene.naming(scene.gone[0]))
    standing = await scene.hand(forms=b"")
    assert standing.lacks == [(scene.gone[1].seq, scene.gone[1].seq + 1)]
    standing = await scene.hand(items=scene.gone, forms=b"")
    assert standing.size == standing.signed == scene.signed + 1
    read = await scene.read()
    assert [item.seq for item in read if item.lost] == [scene.gone[0].seq]
    scene.expect_agreement(read)


async def test_what_a_member_brought_is_not_called_lost(scene: Lossy) -> None:
    """Also where the custodians signed before that: they draft anew."""
    early = scene.naming(*scene.tail[1:4])
    assert await refused(scene.name(early)) == ErrorCode.BAD_VALUE
    await scene.hand(items=scene.gone, forms=b"")
    assert await refused(scene.name(scene.naming(*scene.gone))) == ErrorCode.BAD_VALUE
    assert scene.served.logs.behind() == ()
    assert await scene.takes()


async def test_only_k_of_the_governance_root_name_anything(scene: Lossy) -> None:
    assert await refused(scene.name(scene.naming(*scene.gone, k=1))) == ErrorCode.BAD_THRESHOLD
    good = scene.naming(*scene.gone)
    body = {**(good.body or {}), "to": scene.gone[0].seq + 2}
    changed = scene.operation.author("log.restored", body, scene.directory.poster)
    assert await refused(scene.name(changed)) == ErrorCode.BAD_SIGNATURE
    by_other = scene.operation.author("log.restored", good.body or {}, scene.officer)
    assert await refused(scene.name(by_other)) == ErrorCode.UNKNOWN_DEVICE
    assert scene.served.logs.behind() == (scene.log,)
    assert len(await scene.read()) == scene.base


async def test_a_stranger_learns_not_even_that_the_log_is_there(scene: Lossy) -> None:
    """Without k signatures every log, there or not, gets one answer."""
    body = scene.directory.signed_restoring(scene.log, scene.gone)
    body = {**body, "sigs": []}
    codes = set()
    for log in (scene.log, bytes(16)):
        entry = scene.operation.author("log.restored", body, scene.directory.poster, log=log)
        codes.add(await refused(scene.name(entry)))
    assert codes == {ErrorCode.BAD_THRESHOLD}


async def test_forms_that_are_not_the_log_s_are_refused(scene: Lossy) -> None:
    wrong = replace(scene.gone[0], at=scene.gone[0].at + 1)
    assert await refused(scene.name(scene.naming(wrong))) == ErrorCode.BAD_PROOF
    assert await refused(scene.name(scene.naming(*scene.gone, serial=0))) == ErrorCode.BAD_SERIAL
    await scene.name(scene.naming(*scene.gone))


async def test_nothing_is_named_before_a_member_told_the_forms() -> None:
    """The server could not know whether they rebuild the head that it had signed."""
    scene = await Lossy().lose(2)
    await scene.hand(forms=b"")
    assert await refused(scene.name(scene.naming(*scene.gone))) == ServiceCode.LOG_BEHIND
    await scene.hand_rest()
    await scene.name(scene.naming(*scene.gone))


async def test_a_log_that_is_not_behind_takes_no_word_for_what_it_holds() -> None:
    scene = await Lossy().lose()
    await scene.hand_rest()
    assert scene.served.logs.behind() == ()
    named = scene.naming(scene.tail[0])
    assert await refused(scene.name(named)) == ErrorCode.BAD_VALUE
    assert await scene.takes()


async def test_a_held_server_takes_no_word_yet() -> None:
    """Somebody who holds it may still come (CENCOMM_HOLD_S)."""
    scene = await Lossy().lose(2)
    scene.served = await scene.served.another(hold_s=60)
    await scene.served.logs.load_all()
    await scene.hand_rest()
    assert await refused(scene.name(scene.naming(*scene.gone))) == ServiceCode.LOG_BEHIND


@pytest.mark.parametrize("written", [0, 2, 4, 5, 6])
async def test_a_crash_in_between_leaves_a_log_that_can_be_mended(
    scene: Lossy, written: int
) -> None:
    """Whatever of it stands: nobody is shown it, and the same words are taken after the start.

    Six are all of it but the note: then it stands, and the next start covers it.
    """
    store = scene.store
    assert isinstance(store, FaultyStore)
    store.break_within(written)
    entry = scene.naming(*scene.gone)
    assert await refused(scene.name(entry)) == ServiceCode.STORE_DOWN
    await scene.start(store)
    assert scene.served.logs.damaged() == ()
    if written < 6:
        assert scene.served.logs.behind() == (scene.log,)
        assert len(await scene.read()) == scene.base
        await scene.hand_rest()
        await scene.name(scene.naming(*scene.gone))
    assert scene.served.logs.behind() == ()
    scene.expect_agreement(await scene.read())


async def test_a_crash_before_the_second_gap_is_named_can_be_mended() -> None:
    """The first log.restored stands without its note."""
    scene = await Lossy().lose(0, 2)
    await scene.hand_rest()
    store = scene.store
    assert isinstance(store, FaultyStore)
    store.break_within(6)
    assert await refused(scene.name(scene.naming(scene.gone[0]))) == ServiceCode.STORE_DOWN
    await scene.start(store)
    assert scene.served.logs.behind() == (scene.log,)
    assert scene.runtime.size == scene.base
    behind = scene.runtime.behind
    assert behind is not None
    seen = Head(behind.size, behind.root)
    await scene.name(scene.naming(scene.gone[1], serial=2, seen=seen))
    assert scene.served.logs.behind() == ()
    scene.expect_agreement(await scene.read())


async def test_a_place_that_stood_as_lost_takes_its_entry_after_a_crash(scene: Lossy) -> None:
    """The one who holds it came back meanwhile."""
    store = scene.store
    assert isinstance(store, FaultyStore)
    store.break_within(4)
    await refused(scene.name(scene.naming(*scene.gone)))
    await scene.start(store)
    await scene.hand(items=scene.tail)
    assert scene.served.logs.behind() == () == scene.served.logs.damaged()
    assert [item for item in await scene.read() if item.lost] == []
    assert scene.runtime.size == scene.signed


async def test_the_directory_s_own_lost_places_are_named_too() -> None:
    """Operations go on once it is whole; what it lost has no effect in them."""
    scene = await Lossy().lose()
    await scene.hand_rest()
    directory, size = scene.directory, scene.directory.log.size
    backup = copy.deepcopy(scene.store)
    spain = directory.administration("ES")
    directory.person(spain)
    await scene.served.follow_directory()
    head, log = directory.head, directory.log.id16
    lost = directory.entries[size:]
    gone = lost[2:]
    name = scene.served.signer.deployment
    await scene.start(backup)
    note = sign_checkpoint(Checkpoint(origin(name, log), head.size, head.root), directory.log_key)
    items = b"".join(encode_sequenced(item) for item in lost if item not in gone)
    part = TailPart(note, size, b"".join(map(form_of, lost)), items)
    reader = Served.reader(scene.officer)
    standing = await scene.handing.take(reader, log, part)
    assert standing.lacks == [(gone[0].seq, head.size)]
    assert not await scene.takes()
    serial = directory.state.governance.serial + 1
    entry = directory.by_governance("log.restored", restoring(log, gone), serial=serial, seen=head)
    receipt = await scene.name(entry)
    assert receipt.seq == head.size
    assert scene.served.logs.behind() == ()
    state = scene.served.logs.directory.state
    assert state.active(scene.officer.device.id)
    assert spain.id in state.admins
    assert await scene.takes()
