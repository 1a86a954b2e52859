"""The hits bot as a process of its own that a test may kill, and source systems that feed it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from cencomm_client import Admission, Client, Message
from cencomm_client.bots.webhook import ID, SIGNATURE, TIME, signature

from tests.support.commands import command_line
from tests.support.crew import CHANNEL, Crew
from tests.support.deployment import PASSWORD, Deployment, now_ms

BOT = "FR-BOT-1"
COMMAND = str(Path(sys.executable).with_name("cencomm"))
SECRET = "0123456789abcdef0123456789abcdef"
START_S = 30.0


def hit(number: int) -> dict[str, Any]:
    """A good hit, as a targeting system writes it."""
    return {
        "source": "manifest screening",
        "rule": "TOB-7",
        "rule_version": "3",
        "score": 87,
        "matched": ["cover load garden furniture", "first-time consignee"],
        "identifiers": {"reference": f"24FR{number:014}"},
        "snapshot_at": now_ms(),
        "dedupe": f"manifest-{number}",
    }


async def admit_bot(town: Deployment, crew: Crew, rate: int) -> None:
    """Enrol a bot of France, admit it to the crew's channel, and close its vault."""
    chief, contact = crew.posters[0], crew.posters[1].client
    bot = await town.bot(contact, BOT, live=False)
    await chief.operation.admit([Admission(BOT, "bot", channel=CHANNEL, kinds=("HIT",), rate=rate)])
    town.clients.remove(bot)
    await bot.close()


def hits_read(client: Client, name: str) -> list[str]:
    """Keys of the bot's hits that a person reads, each once however often it was sealed."""
    (operation,) = client._operations.find(name)
    found: dict[bytes, str] = {}
    for item in operation.items():
        if isinstance(item, Message) and item.type == "drop" and item.content and item.mid:
            found.setdefault(item.mid, item.content["dedupe"])
    return list(found.values())


@dataclass
class BotProcess:
    """`cencomm bot hits` on one vault; `words` name its source."""

    folder: Path
    operation: str
    words: tuple[str, ...]
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    _reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; with a webhook, returns when it listens."""
        password, secret = self.folder / "password", self.folder / "secret"
        for file, text in ((password, PASSWORD), (secret, SECRET)):
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(text + "\n")
        log = await asyncio.to_thread((self.folder / "bot.log").open, "ab")
        extra = ("--webhook-secret-file", str(secret)) if "--webhook" in self.words else ()
        self.process = await asyncio.create_subprocess_exec(
            *(COMMAND, "bot", "hits", self.operation, *self.words, *extra, "--json"),
            *("--vault", str(self.folder / f"{BOT}.vault"), "--password-file", str(password)),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=self.env,
        )
        self._reading = asyncio.create_task(self._read())
        self.port = 0
        deadline = time.monotonic() + START_S
        while "--webhook" in self.words and not self.port:
            assert time.monotonic() < deadline, self.errors()
            assert self.process.returncode is None, self.errors()
            await asyncio.sleep(0.02)

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            self.port = said.get("listening", self.port)
            self.lines.append(said)

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        assert self.process is not None
        assert self._reading is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading

    def errors(self) -> str:
        """What it wrote to standard error."""
        return (self.folder / "bot.log").read_text()

    async def status(self) -> dict[str, Any]:
        """What `cencomm bot status` says, while it runs or after."""
        process = await asyncio.create_subprocess_exec(
            *command_line(
                "cencomm", "bot", "status", "--vault", str(self.folder / f"{BOT}.vault"), "--json"
            ),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        (row,) = json.loads(out)["bots"]
        return dict(row)


class FolderFeed:
    """Writes files under another name and renames them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inbox"
        self.folder.mkdir()
        self.words = ("--folder", str(self.folder))

    async def give(self, bot: BotProcess, number: int) -> None:
        """Put one hit there."""
        fresh = self.folder / f"{number}.new"
        fresh.write_text(json.dumps(hit(number)))
        fresh.rename(self.folder / f"{number}.json")


class WebhookFeed:
    """Posts each hit until it is acknowledged: the same request again and again."""

    words = ("--webhook", "127.0.0.1:0")

    def __init__(self, _: Path) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))

    async def give(self, bot: BotProcess, number: int) -> None:
        """Returns once the bot has promised to keep it."""
        body, id = json.dumps(hit(number)).encode(), f"request-{number}"
        while True:
            moment = str(int(time.time()))
            headers = {ID: id, TIME: moment}
            headers[SIGNATURE] = signature(SECRET.encode(), moment, id, body)
            try:
                url = f"http://127.0.0.1:{bot.port}/hits"
                async with self._session.post(url, data=body, headers=headers) as answer:
                    if answer.status in (200, 202):
                        return
                    assert answer.status == 503, await answer.text()
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End the session."""
        await self._session.close()
