"""A restored store is behind what its key signed: the server hears it, signs nothing, and takes
back only what rebuilds the signed head (A50, ADR 0025)."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace

import pytest
from cencomm_config.errors import LogBehind, ServiceCode
from cencomm_crypto.errors import CencommError, ErrorCode
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.tail import TailPart, form_of
from cencomm_crypto.public.wire import Submission, encode_sequenced, encode_withheld
from cencomm_server.engine.handing_back import Standing
from cencomm_server.engine.reader import Reader

from tests.support.engine import WRAPS, FaultyStore, Served, rotation_with_wraps
from tests.support.restored import Restored, refused, whole_again

NONE = b""


@pytest.fixture
async def scene() -> Restored:
    return await Restored().restore()


# -- the server hears that it is behind, and from whom it does not ------------------------------


async def test_a_signed_note_alone_stops_the_log(
    scene: Restored, capsys: pytest.CaptureFixture[str]
) -> None:
    standing = await scene.hand(forms=NONE)
    assert standing == Standing(scene.base, scene.signed, scene.base, [(scene.base, scene.signed)])
    assert not await scene.takes()
    assert scene.served.logs.behind() == (scene.log,)
    assert "log_behind" in capsys.readouterr().out
    assert scene.runtime.size == scene.base  # what is here is still shown


async def test_the_proof_outlives_the_process(scene: Restored) -> None:
    await scene.hand(forms=NONE)
    await scene.start(scene.store)
    assert scene.served.logs.behind() == (scene.log,)
    assert not await scene.takes()
    assert scene.runtime.size == scene.base


async def test_another_process_on_the_store_hears_it_when_it_looks(scene: Restored) -> None:
    other = await scene.served.another()
    await other.logs.load_all()
    await scene.hand(forms=NONE)
    await other.logs.wake(scene.log, scene.signed)
    assert other.logs.behind() == (scene.log,)


async def test_a_note_that_the_log_s_key_did_not_sign_stops_nothing(scene: Restored) -> None:
    foreign = SigningKey.from_seed(b"f" * 32)
    name = scene.served.signer.deployment
    head = Checkpoint(origin(name, scene.log), scene.signed, scene.operation.head.root)
    directory = scene.directory.log.id16
    elsewhere = Checkpoint(origin(name, directory), scene.signed, scene.operation.head.root)
    own = scene.directory.log_key
    for note in (
        sign_checkpoint(head, foreign),
        sign_checkpoint(elsewhere, own),
        sign_checkpoint(replace(head, origin=origin("another", scene.log)), own),
        scene.note()[:-3],
        b"no note",
    ):
        assert await refused(scene.hand(note=note)) == ErrorCode.BAD_NOTE
    assert scene.served.logs.behind() == ()
    assert await scene.takes()


async def test_a_stranger_and_a_revoked_device_are_not_heard(scene: Restored) -> None:
    assert await refused(scene.hand(scene.stranger)) == ServiceCode.UNKNOWN_LOG
    ncp = scene.officer.administration.ncp.device
    scene.directory.revoke(scene.officer.device, by=ncp)
    await scene.served.follow_directory()
    assert await refused(scene.hand()) == ErrorCode.INACTIVE
    assert scene.served.logs.behind() == ()
    assert await scene.takes()


async def test_a_note_that_is_not_newer_changes_nothing(scene: Restored) -> None:
    for size in (scene.base, scene.base - 1, 1):
        standing = await scene.hand(note=scene.note(size))
        assert standing == Standing(scene.base, scene.base, scene.base)
    assert await scene.takes()


async def test_what_another_process_has_written_is_looked_for_first(scene: Restored) -> None:
    """A client that read from the process that took the entries talks to another one."""
    scene.served = await scene.before.another(scene.before.store)
    await scene.served.logs.load_all()
    newer = scene.operation.message(scene.work, scene.officer)
    await scene.before.follow(scene.operation)
    assert (await scene.hand(forms=NONE)).size == newer.seq + 1
    assert scene.served.logs.behind() == ()


@pytest.mark.parametrize("behind", [False, True])
async def test_two_heads_of_one_size_stop_the_log_for_good(scene: Restored, behind: bool) -> None:
    """A4: a fork is named, and neither head takes the other's place."""
    if behind:
        await scene.hand(forms=NONE)
    size = scene.signed if behind else scene.base
    stored = await scene.served.store.checkpoint(scene.log, size)
    fork = scene.note(size, root=bytes(32))
    assert await refused(scene.hand(note=fork)) == ErrorCode.LOG_DAMAGED
    assert await scene.served.store.checkpoint(scene.log, size) == stored
    assert scene.served.logs.damaged() == (scene.log,)
    assert not await scene.takes()


async def test_a_log_that_went_on_after_the_restore_takes_no_more_once_that_is_known(
    scene: Restored,
) -> None:
    """The fork cannot be mended; it does not grow either, and nothing is written over it."""
    assert await scene.takes()  # somebody who knew less spoke into the gap
    size = scene.runtime.size
    forms = b"".join(map(form_of, scene.tail[1:]))
    assert (
        await refused(scene.hand(start=size, forms=forms, items=scene.tail)) == ErrorCode.BAD_PROOF
    )
    assert scene.served.logs.behind() == (scene.log,)
    assert await scene.served.store.last_seq(scene.log) == size - 1
    with pytest.raises(LogBehind):
        await scene.submit(scene.operation.sealed(scene.work, scene.other))


# -- handing back -------------------------------------------------------------------------------


async def test_the_whole_tail_comes_back_and_the_log_goes_on(scene: Restored) -> None:
    standing = await scene.hand(items=scene.tail)
    assert standing == Standing(scene.signed, scene.signed, scene.signed)
    await whole_again(scene)


async def test_it_comes_back_in_pages(scene: Restored) -> None:
    standing = await scene.hand(forms=NONE)
    while standing.wanted < standing.signed:
        form = form_of(scene.operation.entries[standing.wanted])
        standing = await scene.hand(start=standing.wanted, forms=form)
    standing = await scene.hand(forms=NONE)
    assert standing.lacks == [(scene.base, scene.signed)]
    for item in reversed(scene.tail):
        await scene.hand(forms=NONE, items=[item])
    await whole_again(scene)


async def test_two_members_with_half_each_bring_it_back(scene: Restored) -> None:
    half, rest = scene.tail[::2], scene.tail[1::2]
    standing = await scene.hand(items=half)
    assert standing.lacks == [(item.seq, item.seq + 1) for item in rest]
    assert not await scene.takes()
    await scene.hand(scene.other, items=rest, forms=NONE)
    await whole_again(scene)


async def test_more_than_an_undo_and_an_insert_hold() -> None:
    scene = await Restored().restore(600)
    for start in range(0, 600, 200):
        await scene.hand(items=scene.tail[start : start + 200])
    await whole_again(scene)


async def test_a_head_beyond_the_one_that_came_back_stops_the_log_again(scene: Restored) -> None:
    """Who held less came first; the log stays behind until the newest head is rebuilt."""
    less = scene.signed - 2
    part = scene.tail[:-2]
    forms = b"".join(map(form_of, part))
    await scene.hand(note=scene.note(less), items=part, forms=forms)
    assert scene.runtime.size == less
    standing = await scene.hand(forms=NONE)
    assert (standing.size, standing.signed) == (less, scene.signed)
    assert not await scene.takes()


async def test_the_same_hand_back_twice_is_the_same(scene: Restored) -> None:
    await scene.hand(items=scene.tail)
    standing = await scene.hand(items=scene.tail)
    assert standing == Standing(scene.signed, scene.signed, scene.signed)
    await whole_again(scene)


async def test_forms_that_do_not_rebuild_the_signed_head_are_refused(scene: Restored) -> None:
    forms = [form_of(item) for item in scene.tail]
    wrong = [
        [bytes(56), *forms[1:]],
        [forms[1], forms[0], *forms[2:]],
        [*forms[:-1], form_of(replace(scene.tail[-1], at=scene.tail[-1].at + 1))],
    ]
    for told in wrong:
        given = b"".join(told)
        assert await refused(scene.hand(items=scene.tail, forms=given)) == ErrorCode.BAD_PROOF
    more = b"".join([*forms, forms[-1]])
    assert await refused(scene.hand(forms=more)) == ErrorCode.TOO_MANY
    assert (await scene.hand(forms=NONE)).size == scene.base
    assert await scene.served.store.last_seq(scene.log) == scene.base - 1
    await scene.hand(items=scene.tail)
    await whole_again(scene)


async def test_forged_entries_are_refused_and_keep_nobody_away(scene: Restored) -> None:
    """By a member: an own entry in a lost place, another time, another place, one beyond."""
    first, second = scene.tail[0], scene.tail[1]
    own = scene.operation.sealed(scene.work, scene.other)
    for forged in (
        replace(first, entry=own, inner=own.inner),
        replace(first, at=first.at + 1),
        replace(first, seq=second.seq),
        replace(first, seq=scene.signed),
    ):
        assert await refused(scene.hand(scene.other, items=[forged])) == ErrorCode.BAD_PROOF
    assert await scene.served.store.last_seq(scene.log) == scene.base - 1
    await scene.hand(items=scene.tail)
    await whole_again(scene)


async def test_an_entry_without_its_body_is_not_taken_for_the_whole(scene: Restored) -> None:
    """Its leaf is the same: taken once, the body would be lost for everybody (A49)."""
    assert (
        await refused(scene.hand(items=[replace(scene.tail[0], entry=None)])) == ErrorCode.MALFORMED
    )
    withheld = encode_withheld(scene.tail[0])
    part = TailPart(scene.note(), scene.base, items=withheld)
    with pytest.raises(CencommError):
        await scene.handing.take(Served.reader(scene.officer), scene.log, part)


async def test_entries_before_the_leaves_are_known_are_left_out(scene: Restored) -> None:
    standing = await scene.hand(forms=NONE, items=scene.tail)
    assert standing.lacks == [(scene.base, scene.signed)]


@pytest.mark.parametrize("written", [0, 2, 4])
async def test_a_crash_in_between_leaves_a_log_that_is_still_behind(
    scene: Restored, written: int
) -> None:
    """Some entries are durable, under the note of all: nobody is shown them, nothing is signed."""
    store = scene.store
    assert isinstance(store, FaultyStore)
    await scene.hand()
    store.break_within(written)
    assert await refused(scene.hand(items=scene.tail)) == ServiceCode.STORE_DOWN
    await scene.start(store)
    assert await store.last_seq(scene.log) == scene.base + written - 1
    assert scene.served.logs.behind() == (scene.log,)
    assert scene.runtime.size == scene.base
    assert not await scene.takes()
    await scene.hand(items=scene.tail)
    await whole_again(scene)


async def test_a_reader_of_the_restored_log_reads_what_is_there(scene: Restored) -> None:
    await scene.hand(forms=NONE)
    reader = Served.reader(scene.other)
    page = await scene.served.reading.read(reader, scene.log, 0)
    assert page.size == scene.base
    note = await scene.served.reading.checkpoint(reader, scene.log, least=scene.signed)
    assert note == scene.note(scene.base)


async def test_a_member_that_the_backup_does_not_know_waits_for_others(scene: Restored) -> None:
    reader = Reader(scene.stranger.device.id, scene.stranger.id)
    with pytest.raises(CencommError) as caught:
        await scene.handing.take(reader, scene.log, TailPart(scene.note()))
    assert caught.value.code == ServiceCode.UNKNOWN_LOG


# -- the directory ------------------------------------------------------------------------------


async def test_while_the_directory_is_behind_no_operation_goes_on(scene: Restored) -> None:
    """A revocation may be among what it lacks."""
    directory = scene.directory.log.id16
    backup = copy.deepcopy(scene.store)
    size = scene.directory.log.size
    scene.directory.person(scene.directory.administration("ES"))
    await scene.served.follow_directory()
    lost = scene.directory.entries[size:]
    head = scene.directory.head
    name = scene.served.signer.deployment
    note = sign_checkpoint(
        Checkpoint(origin(name, directory), head.size, head.root), scene.directory.log_key
    )
    await scene.start(backup)
    reader = Served.reader(scene.officer)
    await scene.handing.take(reader, directory, TailPart(note))
    assert scene.served.logs.behind() == (directory,)
    assert not await scene.takes()
    forms = b"".join(map(form_of, lost))
    items = b"".join(map(encode_sequenced, lost))
    standing = await scene.handing.take(reader, directory, TailPart(note, size, forms, items))
    assert standing == Standing(head.size, head.size, head.size)
    assert await scene.takes()


async def test_a_held_server_hears_first_and_takes_nothing(scene: Restored) -> None:
    """CENCOMM_HOLD_S: whoever knows less comes first, and still does not fork the log."""
    now_s = [0.0]
    scene.served = await scene.served.another(hold_s=60, monotonic_s=lambda: now_s[0])
    await scene.served.logs.load_all()
    assert not await scene.takes()
    assert scene.served.logs.behind() == ()
    await scene.hand(items=scene.tail)
    assert scene.runtime.size == scene.signed
    assert not await scene.takes()
    now_s[0] = 61.0
    await whole_again(scene)


# -- wraps, which are in no log -----------------------------------------------------------------


async def test_wraps_of_a_rotate_that_came_back_are_taken_from_any_member_and_no_others() -> None:
    scene = await Restored().restore(rotated=True)
    rotate_entry = scene.tail[0].entry
    assert rotate_entry is not None
    n = rotate_entry.header.epoch or 0
    beside = WRAPS[rotate_entry.inner]
    whole = Submission.of(rotate_entry, **beside)
    member = Served.reader(scene.other)

    async def refusal(by: Reader, submission: Submission) -> str:
        return await refused(scene.handing.take_wraps(by, scene.log, submission))

    assert await refusal(member, whole) == ServiceCode.NOT_FOUND  # not before the entry is back
    await scene.hand(items=scene.tail)
    own = await scene.served.reading.wraps(member, scene.log, scene.work, n)
    assert own.wrap is None
    wraps = beside["wraps"]
    turned = replace(whole, wraps=wraps[112:] + wraps[:112])
    assert await refusal(member, turned) == ErrorCode.BAD_COMMIT
    assert await refusal(member, replace(whole, wraps=wraps[112:])) == ErrorCode.BAD_COUNT
    assert await refusal(member, replace(whole, shares=wraps[:112])) in (
        ErrorCode.MALFORMED,
        ErrorCode.BAD_COUNT,
    )
    message = scene.tail[1].entry
    assert message is not None
    assert await refusal(member, Submission.of(message)) == ErrorCode.WRONG_TYPE
    other = rotation_with_wraps(scene.operation, scene.work)
    never = Submission.of(other, **WRAPS[other.inner])
    assert await refusal(member, never) == ServiceCode.NOT_FOUND
    assert await refusal(Served.reader(scene.stranger), whole) == ServiceCode.UNKNOWN_LOG
    for _ in range(2):
        await scene.handing.take_wraps(member, scene.log, whole)
    again = await scene.served.reading.wraps(member, scene.log, scene.work, n)
    before = await scene.before.reading.wraps(member, scene.log, scene.work, n)
    assert again == before
    assert again.wrap is not None


async def test_wraps_in_the_store_wait_for_rotates_that_will_come_back() -> None:
    """A log that was cut: its rotates are gone and their wraps are not; they are no orphans."""
    scene = await Restored().restore(rotated=True)
    rotate_entry = scene.tail[0].entry
    assert rotate_entry is not None
    inner, chan, n = rotate_entry.inner, scene.work, rotate_entry.header.epoch or 0
    await scene.hand(forms=NONE)
    store = scene.store
    assert isinstance(store, FaultyStore)
    await store.put_wraps(scene.log, chan, n, inner, WRAPS[inner]["wraps"], b"")
    store._clock = lambda: 10**15  # hours later
    await scene.start(store)
    assert await store.wraps(scene.log, chan, n, inner) is not None
    await scene.hand(items=scene.tail)
    own = await scene.served.reading.wraps(Served.reader(scene.other), scene.log, chan, n)
    assert own.wrap is not None


# -- several server processes -------------------------------------------------------------------


async def test_a_process_that_gathered_nothing_goes_on_once_another_wrote_the_tail(
    scene: Restored,
) -> None:
    await scene.hand(forms=NONE)
    other = await scene.served.another()
    await other.logs.load_all()
    assert other.logs.behind() == (scene.log,)
    with pytest.raises(LogBehind):
        await other.submit(scene.ignorant, scene.log)
    await scene.hand(items=scene.tail)
    runtime = other.logs.known(scene.log)
    assert runtime is not None
    runtime._vain_until = 0.0  # a second later
    receipt = await other.submit(scene.ignorant, scene.log)
    assert receipt.seq == scene.signed
    assert other.logs.behind() == ()


async def test_two_processes_that_write_the_same_tail_write_it_once(scene: Restored) -> None:
    other = await scene.served.another()
    await other.logs.load_all()
    forms = b"".join(map(form_of, scene.tail))
    items = b"".join(map(encode_sequenced, scene.tail))
    part = TailPart(scene.note(), scene.base, forms, items)
    found = await asyncio.gather(
        scene.hand(items=scene.tail),
        other.handing.take(Served.reader(scene.other), scene.log, part),
    )
    assert list(found) == [Standing(scene.signed, scene.signed, scene.signed)] * 2
    await whole_again(scene)


# -- a log that the backup does not know at all -------------------------------------------------


async def founded_later() -> Restored:
    """The backup was made before the operation was."""
    scene, first = Restored(), FaultyStore()
    scene.served = await Served.start(scene.directory, first)
    scene.other = scene.stranger = scene.directory.person(scene.directory.administration("IT"))
    await scene.served.follow_directory()
    backup = copy.deepcopy(first)
    scene.base = 0
    await scene.served.create(scene.operation)
    scene.before = scene.served
    await scene.start(backup)
    return scene


async def test_an_operation_of_after_the_backup_comes_back_from_its_genesis_on() -> None:
    scene = await founded_later()
    assert await refused(scene.hand(forms=NONE)) == ServiceCode.UNKNOWN_LOG  # without its genesis
    genesis = scene.tail[0]
    standing = await scene.hand(forms=NONE, items=[genesis])
    assert (standing.size, standing.signed, standing.wanted) == (0, scene.signed, 0)
    assert scene.served.logs.behind() == (scene.log,)
    await scene.start(scene.store)
    assert scene.served.logs.behind() == (scene.log,)
    assert (await scene.hand(items=scene.tail)).size == scene.signed
    old, new = scene.before.store, scene.served.store
    assert await new.read_entries(scene.log, 0, 999) == await old.read_entries(scene.log, 0, 999)
    assert scene.served.logs.behind() == () == scene.served.logs.damaged()
    scene.operation.message(scene.work, scene.officer)
    await scene.served.follow(scene.operation)


async def test_a_log_that_was_never_signed_here_is_not_begun() -> None:
    """By its genesis alone, by another's note, by a note of another log's."""
    scene = await founded_later()
    genesis = [scene.tail[0]]
    foreign = sign_checkpoint(
        Checkpoint(
            origin(scene.served.signer.deployment, scene.log), 1, scene.operation.log.tree.root(1)
        ),
        SigningKey.from_seed(b"f" * 32),
    )
    assert await refused(scene.hand(note=foreign, items=genesis)) == ErrorCode.BAD_NOTE
    first = scene.directory.entries[0]
    assert await refused(scene.hand(items=[first])) == ServiceCode.UNKNOWN_LOG
    assert await refused(scene.hand(items=[scene.tail[1]])) == ServiceCode.UNKNOWN_LOG
    assert len(await scene.served.store.logs()) == 1
