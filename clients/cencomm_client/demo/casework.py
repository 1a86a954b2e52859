"""What a member's process does with forms: circles, corrections, exports, hits, and its desk."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

from cencomm_client.bots import Bot, RawHit
from cencomm_client.bots.health import Health
from cencomm_client.demo.field import Field
from cencomm_client.demo.values import plain, wire
from cencomm_client.items import Message
from cencomm_client.triage import (
    HIT,
    WARNING,
    Decision,
    dismissal,
    expect_open,
    hits_of,
    merger,
    warning_from,
)
from cencomm_client.work import authoring, reading

QUIET_S = 0.6  # a bot's queue that has not moved for so long waits for its rate


class Feed(Bot):
    """The bot of the play: its source is a list."""

    rows: tuple[dict[str, Any], ...] = ()

    async def hits(self) -> AsyncIterator[RawHit]:
        """The rows, under their own dedupe keys."""
        for row in self.rows:
            yield RawHit(key=row["dedupe"], content=row)


class Casework(Field):
    """Forms as people work with them, through the same calls as the command."""

    async def direct(self, parent: str, people: list[str]) -> dict[str, Any]:
        """The directed channel for exactly these and oneself."""
        channel = await self.operation.directed(parent, people)
        return {"channel": channel.id.hex(), "name": channel.name}

    async def correct(self, leaf: str, fields: dict[str, Any], reason: str) -> dict[str, Any]:
        """Give fields of an entry of the own administration anew."""
        made = await authoring.correct(self.operation, bytes.fromhex(leaf), plain(fields), reason)
        return {"seq": made.seq, "leaf": made.leaf.hex()}

    async def withdraw(self, leaf: str, reason: str) -> dict[str, Any]:
        """Withdraw an entry of the own administration."""
        made = await authoring.withdraw(self.operation, bytes.fromhex(leaf), reason)
        return {"seq": made.seq, "leaf": made.leaf.hex()}

    async def export(self, leaf: str) -> dict[str, Any]:
        """Content of an entry for a file, if handling lets it out."""
        passing, _ = await authoring.export(self.operation, [bytes.fromhex(leaf)])
        return {"contents": [wire(dict(content)) for _, content in passing]}

    async def decide_hit(self, leaf: str, decision: str, said: str = "") -> dict[str, Any]:
        """Promote, dismiss (`said`: the reason) or merge (`said`: into which leaf) a hit."""
        wanted, choice = bytes.fromhex(leaf), Decision(decision)
        into = bytes.fromhex(said) if choice is Decision.MERGE else None
        (one,) = [one for one in hits_of(self.operation.items()) if one.hit.place.leaf == wanted]
        if not expect_open(one, choice, into):
            return {"leaf": leaf}
        if choice is Decision.PROMOTE:
            kind, content = WARNING, warning_from(one)
        else:
            kind, content = HIT, dismissal(said) if into is None else merger(into)
        channel = self.operation.channel(one.hit.channel.hex())
        posted = await channel.post(kind, content, re=one.hit)
        return {"seq": posted.seq, "leaf": posted.leaf.hex()}

    async def feed(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Take hits as a bot does, and drop what the rate allows; the rest waits on the disk."""
        bot = Feed(self.client, self.operation.name)
        bot.rows = tuple(rows)
        running = asyncio.create_task(bot.run())
        health = await self._until(lambda: _settled(bot, len(rows)), "the bot's queue")
        await asyncio.sleep(QUIET_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return {
            "posted": health.posted,
            "waiting": health.waiting,
            "refused": health.refused,
            "blocked": health.blocked,
        }

    async def talk(self, channel: str, texts: list[str]) -> dict[str, Any]:
        """Say these one after the other, as fast as receipts come."""
        place = self.operation.channel(channel)
        posted = [await place.post(reading.MESSAGE, {"text": text}) for text in texts]
        return {"seqs": [one.seq for one in posted]}

    async def desk(self) -> dict[str, Any]:
        """What the desk lists as open, by leaf, with its stand; and what it counts."""
        return self._desk()

    def _desk(self) -> dict[str, Any]:
        attendant = self.operation.attend()
        now = attendant.refresh().snapshot(attendant.now())
        return {
            "open": {
                chain.leaf.hex(): chain.stand for chain in (*now.warnings, *now.hits, *now.tasks)
            },
            "seizures": now.totals.seizures,
            "nil": {row.administration: row.nil for row in now.completeness},
            "clones": len(now.clones),
        }

    async def wait_for_desk(self, leaves: list[str], listed: bool) -> dict[str, Any]:
        """Wait until the desk lists all of these as open, or none; then report it."""

        def shown() -> dict[str, Any] | None:
            desk = self._desk()
            return desk if all((leaf in desk["open"]) is listed for leaf in leaves) else None

        return await self._until(shown, f"the desk, {leaves} {'open' if listed else 'done'}")

    async def wait_for_present(self, leaf: str, changes: int) -> dict[str, Any]:
        """Wait until an entry was changed so often; what it says now, and what it said first."""
        wanted = bytes.fromhex(leaf)
        attendant = self.operation.attend()

        def changed() -> tuple[Message, Any] | None:
            desk = attendant.refresh()
            message = desk.message(wanted)
            now = None if message is None else desk.present(message)
            if message is None or now is None:
                return None
            made = len(now.applied) + (now.withdrawn is not None)
            return (message, now) if made >= changes else None

        message, now = await self._until(changed, f"{changes} changes of {leaf[:8]}")
        return {
            "first": wire(dict(message.content or {})),
            "now": None if now.content is None else wire(dict(now.content)),
            "withdrawn": now.withdrawn is not None,
        }

    async def right_forms(self) -> dict[str, Any]:
        """Authors of the right, undoubted forms read here, by form; and how many were not."""
        forms, authors, wrong = self.operation.view.form_set, defaultdict(set), 0
        for message in self._messages():
            if message.kind not in forms.codes:
                continue
            if (
                message.content is None
                or message.flags
                or forms.form(message.kind).check(message.content)
            ):
                wrong += 1
            else:
                authors[message.kind].add(message.author.code)
        return {"authors": {kind: sorted(codes) for kind, codes in authors.items()}, "wrong": wrong}

    async def heard(self, words: list[str]) -> dict[str, Any]:
        """Entries read here whose content holds one of these words."""
        return {"seqs": self._heard(words)}

    async def wait_for_heard(self, word: str, count: int) -> dict[str, Any]:
        """Wait until so many entries read here hold a word; their places."""

        def heard() -> list[int]:
            found = self._heard([word])
            return found if len(found) >= count else []

        return {"seqs": await self._until(heard, f"{count} entries with {word!r}")}

    async def leaves(self, channel: str, kind: str) -> dict[str, Any]:
        """Leaves of the readable entries of a kind in a channel, in the log's order."""
        wanted = self.operation.channel(channel).id
        return {
            "leaves": [
                message.place.leaf.hex()
                for message in self._messages()
                if message.channel == wanted and message.kind == kind and message.content
            ]
        }

    async def wait_for_kind(self, kind: str, count: int) -> dict[str, Any]:
        """Wait until so many entries of a kind are readable here; who wrote them, in order."""

        def read() -> list[Message]:
            found = [one for one in self._messages() if one.kind == kind and one.content]
            return found if len(found) >= count else []

        found = await self._until(read, f"{count} {kind}")
        return {"authors": [one.author.code for one in found]}

    async def read_in(self, channel: str) -> dict[str, Any]:
        """When a channel (hex of its id) was made, how much of it is read here, keys held of it."""
        state = self.operation.state
        chan = next(one for one in state.channels.values() if one.id.hex() == channel)
        keys = self.client.vault.epoch_secrets(self.operation.id, chan.id)
        read = [m for m in self._messages() if m.channel == chan.id and m.content is not None]
        return {"made": chan.created, "read": len(read), "keys": len(keys)}

    def _heard(self, words: list[str]) -> list[int]:
        return [
            message.place.seq
            for message in self._messages()
            if any(_holds(message.content, word) for word in words)
        ]

    def _messages(self) -> list[Message]:
        return [item for item in self.operation.items() if isinstance(item, Message)]


def _settled(bot: Bot, rows: int) -> Health | None:
    """The bot's health once every row is in the log, refused, or waits for the rate."""
    health = getattr(bot, "health", None)
    if health is None or health.posted + health.waiting + health.refused < rows:
        return None
    return health if health.blocked or not health.waiting else None


def _holds(content: Mapping[str, Any] | None, word: str) -> bool:
    return content is not None and word in str(content)
