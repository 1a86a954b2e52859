"""A45: a bot's ciphertext re-posted as something else; a false drop key fed to a bot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.channel import Channel
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.drop import open_drop, seal_drop
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.result import make_result, open_result, seal_result
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.ids import EntryId
from cencomm_crypto.public.keys import BoxKey
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import Sequenced, encode_sequenced
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_telling, shape
from tests.mallory.insiders import opened_by, secret_of
from tests.mallory.world import ALERTS, ANALYST, BOT, CHIEF, MEMBERS, WARNING
from tests.support.forms import hit

HIT = "TOB-7 on MSKU6011672"


async def drop(stage: Stage, text: str = HIT) -> Entry:
    """The bot drops a hit by its own client; the entry as it stands in the log."""
    posted = await (await drops(stage)).drop("HIT", hit(text))
    await stage.look(*MEMBERS)
    (item,) = stage.station(CHIEF).mirror.items(stage.log, posted.seq, posted.seq + 1)
    assert item.entry is not None
    return item.entry


async def drops(stage: Stage) -> Channel:
    return (await stage.operation(BOT)).channel(ALERTS)


async def test_a_hit_is_read_by_members_and_by_no_bot(stages: Stages) -> None:
    """With every byte of the server and its whole vault, the bot opens nothing, its own neither."""
    async with stages() as stage:
        await drop(stage)
        assert all(stage.texts(code)[-1] == HIT for code in MEMBERS)
        assert await opened_by(stage, BOT, CHIEF) == {}
        assert HIT in (await opened_by(stage, ANALYST, CHIEF)).values()
        stage.quiet()


def again(stage: Stage, header: Header) -> Header:
    """The same bot's device, taken over, says it again later."""
    return replace(stage.header(BOT, "drop", chan=header.chan, epoch=header.epoch), kind="HIT")


def other_id(stage: Stage, header: Header) -> Header:
    return replace(header, id=EntryId(bytes(6) + header.id[6:]))


def other_fields(stage: Stage, header: Header) -> Header:
    return replace(other_id(stage, header), prio="flash")


@pytest.mark.parametrize("change", [again, other_id, other_fields], ids=lambda c: c.__name__)
async def test_a_ciphertext_is_good_under_its_own_header_alone(stages: Stages, change: Any) -> None:
    """H(header) is inside the box: the old box under a new header opens for nobody."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        first = await drop(stage)
        await stage.post(BOT, stage.sign(BOT, change(stage, first.header), first.body_bytes))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert stage.texts(code)[-1] == HIT
            assert stage.texts(code).count(HIT) == 1
            last = stage.messages(code)[-1]
            assert last.damage is not None
            assert last.damage.code == ErrorCode.CANNOT_OPEN


async def test_a_member_posts_a_bots_ciphertext_as_its_own(stages: Stages) -> None:
    """As a drop it is refused; as a message it opens for nobody."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        first = await drop(stage)
        header = stage.header(ANALYST, "drop", chan=stage.chan(ALERTS), epoch=1)
        entry = stage.sign(ANALYST, header, first.body_bytes)
        assert await stage.offer(ANALYST, entry) == ErrorCode.NOT_PERMITTED
        for body in (first.body_bytes, (first.body_bytes or b"")[112:]):
            header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
            await stage.post(ANALYST, stage.sign(ANALYST, header, body))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert stage.texts(code).count(HIT) == 1
            assert [item.damage is None for item in stage.messages(code)[-2:]] == [False, False]


async def test_a_box_of_one_hit_before_the_ciphertext_of_another(stages: Stages) -> None:
    """Halves of two drops of the same bot, and a box made anew by somebody who opened the key."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        first, second = await drop(stage), await drop(stage, "a second hit")
        one, other = first.body_bytes or b"", second.body_bytes or b""
        for body in (one[:112] + other[112:], other[:112] + one[112:]):
            header = again(stage, first.header)
            await stage.post(BOT, stage.sign(BOT, header, body))
        await stage.look(*MEMBERS)
        secret = secret_of(stage, CHIEF)
        assert secret is not None
        assert open_drop(first, secret)["content"] == hit(HIT)
        for code in MEMBERS:
            assert stage.texts(code)[-2:] == [HIT, "a second hit"]
            assert [item.damage is None for item in stage.messages(code)[-2:]] == [False, False]


@honest_then_telling
async def test_a_false_drop_key_on_the_way_to_the_bot(
    stages: Stages, reading: type[Reading]
) -> None:
    """The host puts its own drop key into the rotate that the bot reads: the leaf says no."""
    own = BoxKey.from_seed(sha256(b"the host's"))

    def swapped(reader: Reader, item: Sequenced, data: bytes) -> bytes:
        entry = item.entry
        if entry is None or entry.header.type != "channel.rotate" or entry.body_bytes is None:
            return data
        body = {**decode_map(entry.body_bytes, max_size=1 << 20), "drop_pk": own.public}
        return encode_sequenced(replace(item, entry=replace(entry, body_bytes=encode(body))))

    async with stages(Reading=reading) as stage:
        await stage.look(CHIEF)
        await stage.client(BOT)
        await stage.leave(BOT, forgets=True)
        shape(stage, swapped)
        size = stage.head().size
        if reading is Reading:
            await drop(stage)
            assert stage.texts(CHIEF)[-1] == HIT
            stage.quiet()
            return
        dropping = drops(stage)
        assert await refusal(dropping) != ""
        assert stage.head().size == size
        assert stage.rows(BOT)


async def test_a_drop_that_was_sealed_to_the_hosts_key_shows_as_damaged(stages: Stages) -> None:
    """Had a bot been fooled: the members see that something came, and that it is not sound."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        own, chan = BoxKey.from_seed(sha256(b"the host's")), stage.chan(ALERTS)
        header = replace(stage.header(BOT, "drop", chan=chan, epoch=1), kind="HIT")
        payload = make_payload("HIT", bytes(16), hit(HIT))
        body = seal_drop(header, own.public, payload, b"k" * 32, b"n" * 24, b"s" * 16, b"e" * 32)
        await stage.post(BOT, stage.sign(BOT, header, body))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert HIT not in stage.texts(code)
            assert stage.texts(code)[0] == WARNING
            damage = stage.messages(code)[-1].damage
            assert damage is not None
            assert damage.code == ErrorCode.CANNOT_OPEN


async def test_a_result_that_is_moved_to_another_hit_opens_for_nobody(stages: Stages) -> None:
    """Who saw the box of one hit's result posts it about another, and as its own: public rules
    cannot tell, the bot does."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        first, second = await placed(stage, "first"), await placed(stage, "second")
        station, chan = stage.station(BOT), stage.chan(ALERTS)
        device, key = station.vault.device, station.vault.box_keys[0]
        header = stage.header(CHIEF, "drop.result", chan=chan)
        said = make_result("promoted")
        body = seal_result(header, first, device, key.public, said, b"s" * 32)
        answer = stage.sign(CHIEF, header, body)
        await stage.post(CHIEF, answer)
        assert open_result(answer, key) == said
        moved = stage.sign(
            ANALYST, stage.header(ANALYST, "drop.result", chan=chan), {**body, "re": second}
        )
        assert await stage.offer(ANALYST, moved) == ""
        with pytest.raises(ProtocolError) as refused:
            open_result(moved, key)
        assert refused.value.code is ErrorCode.CANNOT_OPEN
        again = stage.sign(ANALYST, stage.header(ANALYST, "drop.result", chan=chan), body)
        assert await stage.offer(ANALYST, again) == ErrorCode.ALREADY_EXISTS
        stage.quiet()


async def placed(stage: Stage, text: str) -> bytes:
    """The leaf hash of a hit that the bot dropped."""
    return (await (await drops(stage)).drop("HIT", hit(text))).leaf
