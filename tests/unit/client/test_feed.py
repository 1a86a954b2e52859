"""The stream of an operation's items."""

from __future__ import annotations

import asyncio

import pytest
from cencomm_client.follow import Feed
from cencomm_client.items import Notice
from cencomm_crypto.public.ids import LogId

LOG = LogId(b"l" * 16)


def notice(number: int) -> Notice:
    return Notice("stopped", str(number), LOG, number, None)


async def test_what_came_while_nobody_waited_is_no_reason_to_wait() -> None:
    """The desk drew, slept a tenth of a second, and then waited for what had come meanwhile."""
    feed = Feed()
    seen = feed.size
    feed.put([notice(1)])
    async with asyncio.timeout(1):
        await feed.moved(seen)


async def test_it_waits_until_there_is_more_than_was_seen() -> None:
    feed = Feed()
    feed.put([notice(1)])
    waiting = asyncio.create_task(feed.moved(feed.size))
    feed.put([])
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.put([notice(2)])
    async with asyncio.timeout(1):
        await waiting


@pytest.mark.parametrize("after", [0, 5])
async def test_who_follows_gets_what_was_and_what_comes_until_the_end(after: int) -> None:
    feed = Feed()
    feed.put([notice(1)])
    told: list[str] = []

    async def follow() -> None:
        async for item in feed.follow(after):
            assert isinstance(item, Notice)
            told.append(item.detail)

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    feed.put([notice(2), notice(3)])
    feed.end()
    async with asyncio.timeout(1):
        await following
    assert told == ["2", "3"]
