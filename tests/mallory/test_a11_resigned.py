"""A11: a ciphertext stripped of its signature and signed anew, as if it were one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.entry import Head, Header
from cencomm_crypto.public.ids import EntryId

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import ALERTS, ANALYST, MEMBERS, OFFICER, WARNING

TIP = "container MSKU6011672, pier 4"


async def test_the_thief_shows_nothing_but_its_own_theft(stages: Stages) -> None:
    """The author device is in the header, and the header is key input and associated data."""
    for steals in (False, True):
        async with stages() as stage:
            await stage.look(*MEMBERS)
            theirs = stage.message(OFFICER, ALERTS, TIP)
            await stage.post(OFFICER, theirs)
            if steals:
                header = stage.header(ANALYST, "message", chan=stage.chan(ALERTS), epoch=1)
                await stage.post(ANALYST, stage.sign(ANALYST, header, theirs.body_bytes))
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                assert stage.texts(code)[-1] == TIP
                shown = [item for item in stage.messages(code) if item.content == {"text": TIP}]
                assert [item.author.code for item in shown] == [OFFICER]
                damaged = [item for item in stage.messages(code) if item.damage is not None]
                assert [item.author.code for item in damaged] == ([ANALYST] if steals else [])
                for item in damaged:
                    assert item.damage is not None
                    assert item.damage.code == ErrorCode.CANNOT_OPEN
                    assert item.content is None


def other_id(stage: Stage, header: Header) -> Header:
    return replace(header, id=EntryId(bytes(6) + header.id[6:]))


def other_time(stage: Stage, header: Header) -> Header:
    return replace(header, time=header.time + 1)


def other_heads(stage: Stage, header: Header) -> Header:
    assert header.dir is not None
    return replace(header, seen=stage.head(), dir=Head(*header.dir))


def other_visible_fields(stage: Stage, header: Header) -> Header:
    return replace(header, kind="MSG", prio="flash")


CHANGES = [other_id, other_time, other_heads, other_visible_fields]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_not_even_its_own_author_moves_it_under_another_header(
    stages: Stages, change: Any
) -> None:
    """The same device signs the same body under a header that differs in one field."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        first = stage.message(OFFICER, ALERTS, TIP)
        await stage.post(OFFICER, first)
        moved = change(stage, other_id(stage, first.header))
        await stage.post(OFFICER, stage.sign(OFFICER, moved, first.body_bytes))
        await stage.look(ANALYST)
        assert stage.texts(ANALYST) == [WARNING, TIP]
        last = stage.messages(ANALYST)[-1]
        assert last.damage is not None
        assert last.damage.code == ErrorCode.CANNOT_OPEN
