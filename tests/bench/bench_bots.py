"""What one bot process gets into the log: from the file in its folder to the acknowledged drop.

The command `cencomm bot hits` over a folder, the server's command with its embedded store, and an
officer who reads all of it at the end: what the bars say of loss is what people see.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from tests.bench.cores import LOAD, SERVING, pinned
from tests.bench.frame import Bar, Row
from tests.conftest import PROGRAM
from tests.support.bot_process import BotProcess, FolderFeed, admit_bot, hits_read
from tests.support.crew import muster
from tests.support.server_process import ServerProcess
from tests.support.victims import Victims, town_on

RATE_S = 200
KILLS = 3
DRAIN_S = 15.0  # after the last hit was offered: a start of the bot, and what came meanwhile
PATIENCE_S = 600.0
OPERATION = "ENDURANCE"
POSTED = "SELECT count(*) FROM hits WHERE leaf IS NOT NULL"  # by an index: the bot's core is busy


def bots(*, hits: int = 4_000, seconds: float = 40.0, program: Path = PROGRAM) -> Iterator[Row]:
    """`hits` that wait already, then `seconds` of RATE_S a second through KILLS kill -9."""
    rows = asyncio.run(_measured(hits, seconds, program))
    yield from rows


async def _measured(hits: int, seconds: float, program: Path) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="cencomm-bench-") as name:
        folder = Path(name)
        (folder / "vaults").mkdir()
        with pinned(SERVING):
            process = await asyncio.to_thread(ServerProcess, folder, program)
            pair = Victims(process, program)
            await pair.start_server()
        try:
            with pinned(LOAD):
                async with town_on(process, folder / "vaults") as town:
                    crew = await muster(town, 2)
                    await admit_bot(town, crew, 1_000_000)
                    await crew.posters[0].post()  # so that the channel has its first epoch
                    reader = crew.posters[1].client
                    for poster in crew.posters:
                        await poster.client._link.stop()  # nobody else works meanwhile
                    bench = _Bench(folder / "vaults")
                    rows = await bench.waiting(hits)
                    rows += await bench.killed(hits, seconds)
                    await reader.refresh()
                    read = hits_read(reader, OPERATION)
                    lost = {f"manifest-{n}" for n in range(bench.offered)} - set(read)
                    rows.append(
                        Row("of all of them lost", len(lost), "hits", bar=Bar(0, on_value=True))
                    )
                    twice = len(read) - len(set(read))
                    rows.append(Row("there twice", twice, "hits", bar=Bar(0, on_value=True)))
                    return rows
        finally:
            await pair.stop()


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.feed = FolderFeed(folder)
        self.bot = BotProcess(folder, OPERATION, self.feed.words, _installed(folder))
        self.offered = 0

    async def waiting(self, hits: int) -> list[Row]:
        """How fast hits that are there already get into the log."""
        for number in range(hits):
            await self.feed.give(self.bot, number)
        self.offered = hits
        await self.bot.start()  # writes its bytecode
        await self._posted(1)
        await self.bot.kill()
        used, before_all = resource.getrusage(resource.RUSAGE_CHILDREN), self._counted()
        await self.bot.start()
        first = await self._posted(before_all + 1)
        started, before = time.perf_counter(), first
        await self._posted(hits)
        taken = time.perf_counter() - started
        await self.bot.kill()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        return [
            Row(
                f"{hits:,} hits of a folder into the log",
                (hits - before) / taken,
                "hits/s",
                bar=Bar(RATE_S, on_value=True, at_least=True),
            ),
            Row(
                "the bot's CPU for each, its start included",
                1000 * cpu_s / (hits - before_all),
                "ms",
            ),
        ]

    async def killed(self, first: int, seconds: float) -> list[Row]:
        """RATE_S a second while the bot is killed three times."""
        await self.bot.start()
        count, began = int(RATE_S * seconds), time.perf_counter()
        kills = [count * (n + 1) // (KILLS + 1) for n in range(KILLS)]
        restarts: list[asyncio.Task[None]] = []
        for number in range(count):
            due = began + number / RATE_S - time.perf_counter()
            if due > 0:
                await asyncio.sleep(due)
            await self.feed.give(self.bot, first + number)
            if number in kills:
                restarts.append(asyncio.create_task(self._again()))
        offered = time.perf_counter()
        await asyncio.gather(*restarts)
        self.offered = first + count
        await self._posted(self.offered)
        late = time.perf_counter() - offered
        await self.bot.kill()
        return [
            Row(
                f"{RATE_S} hits/s for {seconds:g} s, the bot killed {KILLS} times: the last one"
                " is in the log after",
                late,
                "s",
                bar=Bar(DRAIN_S, on_value=True),
            )
        ]

    async def _again(self) -> None:
        await self.bot.kill()
        await self.bot.start()

    async def _posted(self, count: int) -> int:
        """Until so many are posted, as the bot's own queue says, whichever process it was."""
        deadline = time.perf_counter() + PATIENCE_S
        while (posted := self._counted()) < count:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{posted} of {count} posted; {self.bot.errors()}")
            await asyncio.sleep(0.25)
        return posted

    def _counted(self) -> int:
        for path in self.bot.folder.glob("*.queue"):
            with closing(sqlite3.connect(path, timeout=5.0)) as queue, suppress(sqlite3.Error):
                (posted,) = queue.execute(POSTED).fetchone()
                return int(posted)
        return 0


def _installed(folder: Path) -> dict[str, str]:
    """Bytecode is written once, as by an installation: else each start compiles everything."""
    env = os.environ | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env
