"""A17: the length of what is sealed tells its content. It tells a padding class, no more."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member import message
from cencomm_crypto.member.message import PADDED_SIZES
from cencomm_crypto.public.entry import Entry
from cencomm_server.engine.items import sequenced

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import ALERTS, ANALYST, BOT, CHIEF, DEPUTY, MEMBERS, OFFICER
from tests.support.forms import hit

BESIDE = 24 + 32 + 16  # nonce, commitment, tag
BOX = 112  # of a drop
ANSWERS = ("yes", "no", "perhaps", "at pier 4, behind the second row of the cover load", "x" * 120)


async def bodies(stage: Stage, after: int) -> list[int]:
    """Sizes of what the server holds from a place on."""
    docs = await stage.server.store.read_entries(stage.log, after, stage.head().size)
    entries = [sequenced(doc).entry for doc in docs]
    return [len(entry.body_bytes or b"") for entry in entries if entry is not None]


async def test_short_answers_are_all_of_one_length(stages: Stages) -> None:
    """A word or two lines, a message or a bot's hit: the server sees one size of each."""
    async with stages() as stage:
        await stage.look(*MEMBERS, BOT)
        size = stage.head().size
        officer = (await stage.operation(OFFICER)).channel(ALERTS)
        for text in ANSWERS:
            await officer.post("MSG", {"text": text})
        assert await bodies(stage, size) == [PADDED_SIZES[0] + BESIDE] * len(ANSWERS)
        size = stage.head().size
        bot = (await stage.operation(BOT)).channel(ALERTS)
        for text in ANSWERS:
            await bot.drop("HIT", hit(text))
        (one,) = set(await bodies(stage, size))
        assert one - BOX - BESIDE in PADDED_SIZES
        await stage.look(*MEMBERS)
        assert stage.texts(CHIEF)[-2 * len(ANSWERS) :] == [*ANSWERS, *ANSWERS]
        stage.quiet()


async def test_longer_ones_differ_by_class_alone(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        size = stage.head().size
        officer = (await stage.operation(OFFICER)).channel(ALERTS)
        for length in (300, 700, 1_100, 3_900, 5_000, 17_000, 40_000):
            await officer.post("MSG", {"text": "a" * length})
        found = [body - BESIDE for body in await bodies(stage, size)]
        assert found == [1_024, 1_024, 4_096, 4_096, 16_384, 32_768, 49_152]
        stage.quiet()


def padded(stage: Stage, text: str, pad: Callable[[bytes], bytes]) -> Entry:
    """A message of the analyst's own program, which pads in its own way."""
    with patch.object(message, "pad", pad):
        return stage.message(ANALYST, ALERTS, text)


async def test_an_own_program_that_pads_as_all_do_is_read(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(*MEMBERS)
        await stage.post(ANALYST, padded(stage, "exactly this long", message.pad))
        await stage.look(*MEMBERS)
        assert stage.texts(CHIEF)[-1] == "exactly this long"
        stage.quiet()


@pytest.mark.parametrize("padding", [0, 7, 1_000])
async def test_what_a_member_sends_unpadded_is_shown_to_nobody(
    stages: Stages, padding: int
) -> None:
    """The server cannot tell; the readers do, so that no program goes on talking like this."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        entry = padded(stage, "exactly this long", lambda data: data + b"\x80" + bytes(padding))
        await stage.post(ANALYST, entry)
        await stage.look(*MEMBERS)
        for code in (CHIEF, DEPUTY, OFFICER):
            last = stage.messages(code)[-1]
            assert last.content is None
            assert last.damage is not None
            assert last.damage.code == ErrorCode.CANNOT_OPEN
            assert "exactly this long" not in stage.texts(code)
