"""The hits bot as a process: three times kill -9 under load, and no hit is lost or there twice.

How many it sustains is measured by `python -m tests.bench bots`.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import pytest

from tests.conftest import memory
from tests.support.bot_process import (
    BotProcess,
    FolderFeed,
    WebhookFeed,
    admit_bot,
    hits_read,
)
from tests.support.crew import muster
from tests.support.victims import town_on, victims

pytestmark = pytest.mark.timed

RATE_S = 200
KILLS = 3
LANDED_S = 120.0  # until all are in, on a busy machine


@pytest.mark.timeout(300)
@pytest.mark.parametrize("feeds", [FolderFeed, WebhookFeed], ids=["folder", "webhook"])
async def test_three_kills_lose_no_hit_and_repeat_none(
    embedded_program: Path,
    rounds: int,
    tmp_path: Path,
    feeds: type[FolderFeed] | type[WebhookFeed],
) -> None:
    seconds = 1.0 + 0.1 * rounds
    with tempfile.TemporaryDirectory(prefix="cencomm-bot-", dir=memory()) as vaults:
        async with (
            victims(tmp_path, embedded_program) as pair,
            town_on(pair.process, Path(vaults)) as town,
        ):
            crew = await muster(town, 2)
            await admit_bot(town, crew, RATE_S * 3600)
            feed = feeds(Path(vaults))
            bot = BotProcess(Path(vaults), "ENDURANCE", feed.words)
            await bot.start()
            started = time.monotonic()
            giving: set[asyncio.Task[None]] = set()
            count = int(RATE_S * seconds)
            kills = [seconds * (n + random.uniform(0.5, 1)) / (KILLS + 1) for n in range(KILLS)]  # noqa: S311 - when, not a secret
            for number in range(count):
                due = started + number / RATE_S
                if due > time.monotonic():
                    await asyncio.sleep(due - time.monotonic())
                giving.add(asyncio.create_task(feed.give(bot, number)))
                if kills and time.monotonic() - started > kills[0]:
                    kills.pop(0)
                    await bot.kill()
                    await bot.start()
            await asyncio.gather(*giving)
            chief = crew.posters[0].client
            wanted = {f"manifest-{number}" for number in range(count)}
            ended = time.monotonic() + LANDED_S
            while len(hits_read(chief, "ENDURANCE")) < count:
                assert time.monotonic() < ended, (await bot.status(), bot.errors()[-2000:])
                await asyncio.sleep(0.5)
            read = hits_read(chief, "ENDURANCE")
            assert len(read) == len(set(read))
            assert set(read) == wanted
            await bot.kill()
            assert (await bot.status())["blocked"] == ""
            if isinstance(feed, WebhookFeed):
                await feed.close()
