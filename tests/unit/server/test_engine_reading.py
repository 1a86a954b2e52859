"""What each reader is given of a log: whole, 56 bytes, or nothing; pages, heads, proofs, wraps."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from cencomm_config.errors import BadRequest, NotFound, UnknownLog
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.entry import Entry, parse_erased
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.note import open_checkpoint, origin
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.tree import Tree, verify_consistency
from cencomm_crypto.public.wire import (
    Sequenced,
    decode_sequenced_stream,
    encode_sequenced,
    encode_withheld,
)
from cencomm_server.engine import reading, tail
from cencomm_server.engine.items import document, encode_hidden, encode_whole, sequenced
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.store.documents import LogKind

from tests.support.directory import HeldPerson
from tests.support.engine import WRAPS, Scene, Served, rotate
from tests.support.operation import CLOSES, GRACE, OperationBuilder


class House(Scene):
    """Two channels: `work` of everybody, `inner` of the officer and the coordinator alone."""

    def __init__(self) -> None:
        super().__init__()
        admin = self.officer.administration
        self.outsider = self.directory.person(admin)
        self.operation.admit(self.outsider, "officer")
        self.inner = self.operation.channel("inner", [self.officer, self.operation.creator])
        rotate(self.operation, self.inner)
        rotate(self.operation, self.work)
        for _ in range(3):
            self.operation.message(self.inner, self.officer)
            self.operation.message(self.work, self.officer)

    async def items(self, person: HeldPerson, after: int = 0) -> list[Sequenced]:
        """All that the person is given."""
        page = await self.served.reading.read(self.served.reader(person), self.log, after)
        return decode_sequenced_stream(page.items)


@pytest.fixture
async def house() -> House:
    """The house on a server."""
    house = House()
    await house.serve()
    return house


def withheld(items: list[Sequenced]) -> set[bytes]:
    """Scopes of which 56 bytes were given."""
    return {item.scope for item in items if item.entry is None}


def whole(items: list[Sequenced]) -> set[bytes]:
    """Scopes of which entries were given."""
    return {item.scope for item in items if item.entry is not None}


async def test_a_member_gets_its_channels_whole_and_of_others_56_bytes(house: House) -> None:
    assert withheld(await house.items(house.officer)) == set()
    items = await house.items(house.outsider)
    assert withheld(items) == {house.inner}
    assert house.work in whole(items)


async def test_every_member_rebuilds_the_tree_from_what_it_gets(house: House) -> None:
    for person in (house.officer, house.outsider):
        tree = Tree(item.leaf for item in await house.items(person))
        note = await house.served.reading.checkpoint(house.served.reader(person), house.log)
        key = house.directory.log_key.public
        head = open_checkpoint(note, origin(house.served.signer.deployment, house.log), key)
        assert (tree.size, tree.root()) == (head.size, head.root)


async def test_who_left_a_channel_keeps_what_it_had_and_gets_nothing_later(house: House) -> None:
    before = house.operation.log.size
    body = {"chan": house.inner, "add": [], "remove": [house.officer.id]}
    house.operation.control("channel.members", body)
    rotate(house.operation, house.inner)
    house.operation.message(house.inner, house.operation.creator)
    await house.served.follow(house.operation)
    items = await house.items(house.officer)
    assert withheld(items[:before]) == set()
    assert withheld(items[before:]) == {house.inner}


async def test_who_joined_a_channel_gets_it_whole_from_the_first_entry(house: House) -> None:
    body = {"chan": house.inner, "add": [house.outsider.id], "remove": []}
    house.operation.control("channel.members", body)
    await house.served.follow(house.operation)
    assert withheld(await house.items(house.outsider)) == set()


async def test_a_removed_member_reads_to_its_removal_and_no_further(house: House) -> None:
    house.operation.remove(house.outsider)
    end = house.operation.log.size
    rotate(house.operation, house.work)
    house.operation.message(house.work, house.officer)
    await house.served.follow(house.operation)
    for served in (house.served, await house.served.another()):
        reader = served.reader(house.outsider)
        page = await served.reading.read(reader, house.log, 0)
        items = decode_sequenced_stream(page.items)
        assert (page.next, page.size) == (end, end)
        assert house.work in whole(items)
        log = OperationLog(house.directory.log)
        for item in items:
            log.apply(item)
        assert house.outsider.id not in log.state.members
        note = await served.reading.checkpoint(reader, house.log)
        assert served.signer.open(house.log, note).root == log.tree.root()
        assert (await served.reading.read(reader, house.log, end)).items == b""
        with pytest.raises(NotFound):
            await served.reading.checkpoint(reader, house.log, end + 1)
        sizes = {info.log: info.size for info in (await served.reading.logs_of(reader))[0]}
        assert sizes[house.log] == end


async def test_the_end_of_a_removed_member_may_lie_within_a_batch(house: House) -> None:
    """No checkpoint was stored at that size: one is signed when it is asked for."""
    removal = house.operation.author(
        "members.remove", {"persons": [house.outsider.id]}, house.operation.creator
    )
    house.served.clock.now = house.operation.clock
    message = house.operation.sealed(house.inner, house.officer)
    await asyncio.gather(
        house.submit(removal), house.submit(message), house.submit(house.operation.sealed(
            house.inner, house.officer))
    )  # fmt: skip
    end = house.operation.log.size + 1
    assert await house.served.store.checkpoint(house.log, end) is None
    reader = house.served.reader(house.outsider)
    note = await house.served.reading.checkpoint(reader, house.log)
    assert house.served.signer.open(house.log, note).size == end
    assert await house.served.store.checkpoint(house.log, end) == note


async def test_a_readmitted_member_reads_on(house: House) -> None:
    house.operation.remove(house.outsider)
    rotate(house.operation, house.work)
    house.operation.admit(house.outsider, "observer")
    house.operation.message(house.work, house.officer)
    await house.served.follow(house.operation)
    items = await house.items(house.outsider)
    assert len(items) == house.operation.log.size
    assert withheld(items) == {house.inner}


async def test_strangers_and_suspended_people_see_nothing(house: House) -> None:
    stranger = house.directory.person(house.officer.administration)
    await house.served.follow_directory()
    with pytest.raises(UnknownLog):
        await house.items(stranger)
    found, _ = await house.served.reading.logs_of(house.served.reader(stranger))
    assert [info.kind for info in found] == [LogKind.DIRECTORY]
    house.directory.suspend(house.officer)
    await house.served.follow_directory()
    with pytest.raises(ProtocolError) as refused:
        await house.items(house.officer)
    assert refused.value.code == ErrorCode.INACTIVE


async def test_a_bot_gets_control_entries_and_its_own_channel() -> None:
    house = House()
    bot = house.directory.person(house.officer.administration, kind="bot")
    house.operation.admit_bot(bot, house.work)
    await house.serve()
    items = await house.items(bot)
    assert withheld(items) == {house.inner}
    own = await house.served.reading.wraps(house.served.reader(bot), house.log, house.work, 1)
    assert own.wrap is None


async def test_auditors_get_nothing_before_the_end_and_everything_after_it() -> None:
    scene = Scene()
    admins = [scene.directory.administration(code) for code in ("BE", "NL")]
    auditors = [scene.directory.person(admin) for admin in admins]
    scene = Audited(scene, auditors)
    await scene.serve()
    auditor = scene.served.reader(auditors[0])
    with pytest.raises(UnknownLog):
        await scene.served.reading.read(auditor, scene.log, 0)
    own = await scene.served.reading.wraps(auditor, scene.log, scene.work, 1)
    assert own.wrap is None
    assert [(x, len(share)) for x, share in own.shares] == [(1, 112)]
    member = await scene.served.reading.wraps(
        scene.served.reader(scene.officer), scene.log, scene.work, 1
    )
    assert member.wrap is not None
    assert member.shares == ()
    scene.served.clock.now = CLOSES + GRACE + 1
    page = await scene.served.reading.read(auditor, scene.log, 0)
    assert withheld(decode_sequenced_stream(page.items)) == set()


class Audited(Scene):
    """An operation whose audit set is given."""

    def __init__(self, base: Scene, auditors: list[HeldPerson]) -> None:
        self.directory, self.officer = base.directory, base.officer
        self.operation = OperationBuilder(
            self.directory, base.operation.creator, seed="audited", auditors=auditors, k=2
        )
        self.operation.admit(self.officer, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        rotate(self.operation, self.work)


async def test_pages_end_at_their_limits_and_go_on_without_gap_or_repeat(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = house.served.reader(house.officer)
    everything = await house.served.reading.read(reader, house.log, 0)
    parts, after = [], 0
    while after < everything.size:
        page = await house.served.reading.read(reader, house.log, after, 3)
        assert page.next - after <= 3
        parts.append(page.items)
        after = page.next
    assert b"".join(parts) == everything.items
    monkeypatch.setattr(reading, "MAX_PAGE_BYTES", 1000)
    small = await house.served.reading.read(reader, house.log, 0)
    assert 0 < len(small.items) <= 1000 or small.next == 1


async def test_memory_and_store_give_the_same_bytes(house: House) -> None:
    for person in (house.officer, house.outsider):
        restarted = await house.served.another()
        await restarted.logs.get(house.log)
        reader = house.served.reader(person)
        warm = await house.served.reading.read(reader, house.log, 0)
        assert len(restarted.logs.known(house.log).tail) == 0  # type: ignore[union-attr]
        cold = await restarted.reading.read(reader, house.log, 0)
        # the first reader brought the end of the log into memory
        assert len(restarted.logs.known(house.log).tail) == warm.next  # type: ignore[union-attr]
        for other in (house.officer, house.outsider):
            again = await restarted.reading.read(house.served.reader(other), house.log, 0)
            kept = await house.served.reading.read(house.served.reader(other), house.log, 0)
            assert again == kept
        assert warm == cold
    house.operation.message(house.work, house.officer)
    await restarted.follow(house.operation)
    reader = house.served.reader(house.officer)
    mixed = await restarted.reading.read(reader, house.log, 2)
    assert mixed.next == house.operation.log.size


async def test_the_memory_of_a_log_is_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "TAIL_BYTES", 4000)
    for _ in range(40):
        house.operation.message(house.work, house.officer)
    await house.served.follow(house.operation)
    runtime: LogRuntime = house.runtime
    assert 0 < runtime.tail.size_bytes <= 4000
    assert len(await house.items(house.officer)) == house.operation.log.size


async def test_an_erased_body_leaves_header_hash_and_signature(house: House) -> None:
    restarted = await house.served.another()
    kept = house.served.store._logs[house.log].entries  # type: ignore[attr-defined]
    seq = house.operation.log.size - 1
    kept[seq] = replace(kept[seq], body=None)
    page = await restarted.reading.read(house.served.reader(house.officer), house.log, seq)
    (item,) = decode_sequenced_stream(page.items)
    assert isinstance(item.entry, Entry)
    assert item.entry.body_bytes is None
    assert item.leaf == house.operation.entries[seq].leaf


async def test_consistency_between_any_two_heads_is_proven(house: House) -> None:
    reader = house.served.reader(house.outsider)
    size = house.operation.log.size
    for old in (0, 1, 5, size):
        proof = await house.served.reading.proof(reader, house.log, old, size)
        root = house.operation.head_at(old).root
        verify_consistency(old, root, size, house.operation.head.root, proof)
    for old, new in ((2, 1), (0, size + 1), (-1, 2)):
        with pytest.raises(BadRequest):
            await house.served.reading.proof(reader, house.log, old, new)


async def test_a_checkpoint_of_a_size_is_there_or_not_found(house: House) -> None:
    reader = house.served.reader(house.officer)
    note = await house.served.reading.checkpoint(reader, house.log, 3)
    assert house.served.signer.open(house.log, note).root == house.operation.head_at(3).root
    for size in (0, house.operation.log.size + 1):
        with pytest.raises(NotFound):
            await house.served.reading.checkpoint(reader, house.log, size)


async def test_the_list_of_logs_goes_page_by_page(house: House) -> None:
    reader = house.served.reader(house.officer)
    first, cursor = await house.served.reading.logs_of(reader, None, 1)
    second, end = await house.served.reading.logs_of(reader, cursor, 1)
    assert {first[0].log, second[0].log} == {house.log, house.directory.log.id16}
    assert end is None


async def test_the_directorys_head_is_everybodys(house: House) -> None:
    head = await house.served.reading.directory_head()
    assert (head.size, head.root) == tuple(house.directory.head)


async def test_wraps_of_unknown_places_are_named(house: House) -> None:
    reader = house.served.reader(house.officer)
    for chan, n, code in (
        (ChannelId(bytes(16)), 1, ErrorCode.UNKNOWN_CHANNEL),
        (house.work, 9, ErrorCode.WRONG_EPOCH),
    ):
        with pytest.raises(ProtocolError) as refused:
            await house.served.reading.wraps(reader, house.log, chan, n)
        assert refused.value.code == code
    with pytest.raises(UnknownLog):
        await house.served.reading.wraps(reader, LogId(bytes(16)), house.work, 1)
    stranger = Reader(reader.device, house.directory.person(house.officer.administration).id)
    with pytest.raises(UnknownLog):
        await house.served.reading.wraps(stranger, house.log, house.work, 1)


async def test_a_late_wrap_counts_where_a_grant_names_it(house: House) -> None:
    phone = house.directory.device(house.officer, voucher=house.officer.device)
    wraps = [house.operation.draw() * 4 for _ in range(2)]
    reader = Reader(phone.id, phone.person)
    for wrap in (wrap[:112] for wrap in wraps):
        body = {"n": 2, "device": phone.id, "box_pk": phone.box.public, "wrap": sha256(wrap)}
        grant = house.operation.current("channel.grant", body, house.work, house.officer)
        await house.served.follow_directory()
        assert await house.refusal(grant, wraps=bytes(112)) == ErrorCode.BAD_COMMIT
        assert await house.refusal(grant, wraps=b"") == ErrorCode.BAD_COUNT
        WRAPS[grant.inner] = {"wraps": wrap}
        house.operation.append(grant)
        await house.served.follow(house.operation)
        own = await house.served.reading.wraps(reader, house.log, house.work, 2)
        assert own.wrap == wrap  # the last grant wins
    first = await house.served.reading.wraps(reader, house.log, house.work, 1)
    assert first.wrap is None


async def test_each_recipient_gets_its_own_wrap(house: House) -> None:
    served: Served = house.served
    kept = await served.store.wraps(
        house.log, house.work, 2, house.runtime.wrapped_by(
            house.operation.state.channels[house.work].epochs[2].seq) or b"")  # fmt: skip
    assert kept is not None
    recips = house.operation.state.channels[house.work].epochs[2].recips
    for person in (house.officer, house.outsider, house.operation.creator):
        own = await served.reading.wraps(served.reader(person), house.log, house.work, 2)
        place = recips.index(person.device.id)
        assert own.wrap == kept.wraps[112 * place : 112 * (place + 1)]


async def test_items_are_encoded_as_the_protocol_says(house: House) -> None:
    for item in house.operation.entries:
        assert item.entry is not None
        doc = document(item)
        assert encode_whole(doc) == encode_sequenced(item)
        assert encode_hidden(doc) == encode_withheld(item)
        if item.entry.header.type == "message":
            gone = replace(item, entry=parse_erased(doc.header, doc.body_hash, doc.sig))
            assert encode_whole(replace(doc, body=None)) == encode_sequenced(gone)
        lost = replace(item, entry=None, lost=True)
        doc = document(lost)
        assert encode_whole(doc) == encode_hidden(doc) == encode_sequenced(lost)
        assert sequenced(doc) == lost
