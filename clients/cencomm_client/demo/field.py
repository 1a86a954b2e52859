"""A member's process at work: it posts, and reports what it saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cencomm_crypto.public.ids import LogId

from cencomm_client.automation.standing import Verdict
from cencomm_client.cen import extract
from cencomm_client.demo.deciding import Deciding
from cencomm_client.demo.hindsight import Dump, open_everything
from cencomm_client.demo.values import plain, wire
from cencomm_client.items import Control, Message
from cencomm_client.station import wall_clock

POLL_S = 0.05
WAIT_S = 30.0
T = TypeVar("T")


class Field(Deciding):
    """Joining, posting and reporting what was seen."""

    async def join(self, log: str, size: int) -> dict[str, Any]:
        """Open the operation and follow it; returns when `size` entries are here."""
        self._enter(await self.client.operation(bytes.fromhex(log)))
        await self._until(lambda: self.operation.state.size >= size, f"{size} entries")
        return {"size": self.operation.state.size}

    async def post(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any],
        re: str | None = None,
        prio: str | None = None,
        to: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Post; the receipt was verified when this returns."""
        began = wall_clock()
        posted = await self.operation.channel(channel).post(
            kind,
            plain(content),
            re=None if re is None else bytes.fromhex(re),
            prio=prio,
            to=to,
        )
        return {"seq": posted.seq, "leaf": posted.leaf.hex(), "posted_ms": began}

    async def drop(self, channel: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Drop, as a bot."""
        began = wall_clock()
        posted = await self.operation.channel(channel).drop(kind, plain(content))
        return {"seq": posted.seq, "leaf": posted.leaf.hex(), "posted_ms": began}

    async def wait_for(self, leaf: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until this message is readable here, and report it."""
        wanted = bytes.fromhex(leaf)

        def found() -> Message | None:
            for item in self.operation.items():
                if (
                    isinstance(item, Message)
                    and item.place.leaf == wanted
                    and item.content is not None
                ):
                    return item
            return None

        item: Message = await self._until(found, f"message {leaf[:8]}", timeout_s)
        return {
            "seq": item.place.seq,
            "type": item.type,
            "kind": item.kind,
            "content": wire(dict(item.content or {})),
            "re": None if item.re is None else item.re.hex(),
            "author": item.author.code,
            "epoch": item.epoch,
            "flags": sorted(item.flags),
            "seen_ms": self._seen_ms.get(wanted, wall_clock()),
        }

    async def wait_for_entry(self, seq: int, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the verified log holds this control entry, and report it."""
        item: Control = await self._until(lambda: self._control(seq), f"entry {seq}", timeout_s)
        return {"type": item.type, "author": item.author.code, "body": wire(dict(item.body))}

    async def wait_for_epoch(
        self, channel: str, n: int, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """Wait until epoch `n` is here, its secret opened and its rotate recomputed."""

        def judged() -> bool:
            state = self.operation.channel(channel).state
            if state.epoch < n:
                return False
            return self.operation.view.keyring.judged(state.id, n).verdict is not Verdict.NO_KEY

        await self._until(judged, f"epoch {n} of {channel}", timeout_s)
        state = self.operation.channel(channel).state
        epoch = state.epochs[n]
        rotate = self._control(epoch.seq)
        return {
            "seq": epoch.seq,
            "author": "" if rotate is None else rotate.author.code,
            "judged": str(self.operation.view.keyring.judged(state.id, n).verdict),
        }

    async def wait_for_close(self, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the operation is closed and every epoch of every own channel is revealed."""

        def shut() -> bool:
            state = self.operation.state
            return state.closed_at is not None and not self._open_channels()

        await self._until(shut, "the close", timeout_s)
        closes = [item for item in self._controls() if item.type == "operation.close"]
        ends = [
            item for item in self._controls() if item.type in ("channel.close", "channel.reveal")
        ]
        return {
            "operation_close": closes[0].place.seq,
            "operation_author": closes[0].author.code,
            "closed_at": closes[0].place.at,
            "channel_closes": [item.place.seq for item in ends],
            "channel_authors": [item.author.code for item in ends],
            "open_channels": self._open_channels(),
        }

    async def sequence(self, channel: str, kind: str) -> dict[str, Any]:
        """Places of the readable messages of a kind in a channel, in the log's order."""
        wanted = self.operation.channel(channel).id
        return {
            "seqs": [
                item.place.seq
                for item in self.operation.items()
                if isinstance(item, Message)
                and item.channel == wanted
                and item.kind == kind
                and item.content is not None
            ]
        }

    async def entries_of(self, type: str) -> dict[str, Any]:
        """Places of the accepted entries of a type."""
        return {"seqs": [item.place.seq for item in self._controls() if item.type == type]}

    async def state(self) -> dict[str, Any]:
        """Members, phase and epochs by the verified log."""
        state = self.operation.state
        persons = self.client.directory.state.persons
        return {
            "phase": str(self.operation.phase),
            "members": [persons[member.person].code for member in self.operation.members()],
            "epochs": {chan.name: chan.epoch for chan in state.channels.values()},
            "size": state.size,
        }

    async def verify(self) -> dict[str, Any]:
        """Rebuild and judge everything again."""
        result = await self.operation.verify()
        return {
            "ok": result.ok,
            "size": result.size,
            "root": result.root.hex(),
            "signatures": result.signatures,
            "withheld": result.withheld,
            "readable": result.readable,
            "findings": [f"{found.code}: {found.detail}" for found in result.findings],
        }

    async def root_at(self, size: int) -> dict[str, Any]:
        """The root of this device's own tree at a size."""
        root = self.operation.root(size)
        return {"root": "" if root is None else root.hex()}

    async def extract(self, folder: str) -> dict[str, Any]:
        """The CEN extract of the own administration, with its release in the log."""
        place = Path(folder)
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        made = await extract(self.operation, folder=place)
        return {
            "records": str(made.records),
            "manifest_file": str(made.manifest),
            "manifest": made.extract.manifest_hash.hex(),
            "release_entry": made.posted[0].seq,
        }

    async def post_raw(self, channel: str, content: dict[str, Any]) -> dict[str, Any]:
        """Post against the own client's advice: a removed member's client would not even try."""
        return await self.post(channel, "MSG", content)

    async def open_everything(self, dump: str, log: str, seqs: list[int]) -> dict[str, Any]:
        """Try every key of the vault on every byte that the server has."""
        vault, short = self.client.vault, LogId(bytes.fromhex(log))
        found = await asyncio.to_thread(Dump.read, Path(dump), short)
        known = [
            (chan, n, secret)
            for chan in self.operation.state.channels
            for n, secret in vault.epoch_secrets(short, chan).items()
        ]
        return await asyncio.to_thread(open_everything, known, vault.box_keys, found, short, seqs)

    def _controls(self) -> list[Control]:
        return [item for item in self.operation.items() if isinstance(item, Control)]

    def _control(self, seq: int) -> Control | None:
        return next((item for item in self._controls() if item.place.seq == seq), None)

    def _open_channels(self) -> list[str]:
        state = self.operation.state
        return [
            channel.name
            for channel in self.operation.channels()
            if channel.state.epoch and channel.state.epoch not in state.channels[channel.id].reveals
        ]

    async def _until(
        self, found: Callable[[], T | None], what: str, timeout_s: float = WAIT_S
    ) -> T:
        """Poll what the live client keeps up to date."""
        until = time.monotonic() + timeout_s
        while not (value := found()):
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not come within {timeout_s} s")
            await asyncio.sleep(POLL_S)
        return value
