"""A folder as a source: one hit per *.json file, moved to `done` or `refused` when it has ended.

Write a file under another name and rename it, or just write it: one that still grows is left
alone. Beside each moved file stands NAME.outcome.json: where it is in the log, or what was wrong.
Until then it stays where it is, so a crash forgets none. What people made of a hit is written to
`results/LEAF.json`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from cencomm_client.bots.inbox import DONE, REFUSED, RESULTS, File, Inbox, Seen, Unread
from cencomm_client.bots.reading import MAX_BYTES
from cencomm_client.bots.source import Outcome, RawHit, Result, State
from cencomm_client.errors import FolderUnusable

SETTLE_S = 1.0
LOOK_S = 0.5
UNREADABLE_S = 10.0  # how long a file may still be given rights
AT_ONCE = 256  # files read together


class Folder:
    """Watches one folder; looked at every `look_s`, a file is taken once it has not changed for
    `settle_s` seconds."""

    name = "folder"

    def __init__(
        self,
        path: Path,
        *,
        settle_s: float = SETTLE_S,
        look_s: float = LOOK_S,
        once: bool = False,
        unreadable_s: float = UNREADABLE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`once`: end when everything that is there was given. Raises FolderUnusable."""
        self._inbox, self._settle_s, self._look_s = Inbox(path), settle_s, look_s
        self._once, self._unreadable_s, self._monotonic = once, unreadable_s, monotonic
        self._watched: dict[str, tuple[Seen, float]] = {}
        self._given: dict[str, Seen] = {}
        self._denied: dict[str, float] = {}  # since when
        self._pending: dict[str, File] = {}  # by key
        self._leaving: list[tuple[File, Outcome, asyncio.Future[None]]] = []
        self._moving: asyncio.Task[None] | None = None

    async def hits(self) -> AsyncIterator[RawHit]:
        """What is there, and then what comes. Raises FolderUnusable."""
        while True:
            began = self._monotonic()
            ready, unsettled = await asyncio.to_thread(self._ready)
            took_s = self._monotonic() - began
            for start in range(0, len(ready), AT_ONCE):
                files = ready[start : start + AT_ONCE]
                for raw in await asyncio.to_thread(self._read, files):
                    yield raw
            if self._once and not unsettled and not self._denied:
                return
            await asyncio.sleep(max(self._look_s, 4 * took_s))  # many files wait: look less often

    async def taken(self, hit: RawHit, outcome: Outcome) -> None:
        """An invalid file goes to `refused`; a second one of a key that waits goes to `done`."""
        file = hit.token if isinstance(hit.token, File) else File(str(hit.token))
        invalid = outcome.state is State.INVALID
        if invalid or self._pending.setdefault(outcome.key, file) != file:
            await self._move(file, outcome)

    async def done(self, key: str, outcome: Outcome) -> None:
        """The file has come to its end."""
        file = self._pending.pop(key, None)
        if file is not None:
            await self._move(file, outcome)

    async def answered(self, key: str, result: Result) -> None:
        """Write `results/LEAF.json`; LEAF stands in the hit's own outcome too."""
        text = json.dumps(result_document(result))
        await asyncio.to_thread(self._inbox.write, RESULTS, f"{result.leaf.hex()}.json", text)

    # -- inside -------------------------------------------------------------------------------

    def _ready(self) -> tuple[list[File], bool]:
        """Files that may be read, oldest first; whether some still change."""
        now, found = self._monotonic(), self._inbox.listed()
        given = list(self._given.items())  # at once: the event loop takes some away meanwhile
        self._given = {name: seen for name, seen in given if found.get(name) == seen}
        self._denied = {name: since for name, since in self._denied.items() if name in found}
        fresh = [name for name in found if name not in self._given]
        settled_ns = self._inbox.now_ns() - int(self._settle_s * 1e9) if fresh else 0
        ready: list[File] = []
        watched: dict[str, tuple[Seen, float]] = {}
        for name in fresh:
            seen = found[name]
            before, since = self._watched.get(name, (seen, now))
            since = since if before == seen else now
            # What rests since before this process began need not rest once more.
            if now - since >= self._settle_s or seen.mtime_ns <= settled_ns:
                ready.append(File(name, seen))
                self._given[name] = seen
            else:
                watched[name] = (seen, since)
        self._watched = watched
        return sorted(ready, key=lambda file: (found[file.name].mtime_ns, file.name)), bool(watched)

    def _read(self, files: list[File]) -> list[RawHit]:
        found: list[RawHit] = []
        for file in files:
            try:
                data = self._inbox.read(file, MAX_BYTES + 1)
                self._denied.pop(file.name, None)
                found.append(RawHit(None, data, token=file))
            except Unread:
                self._given.pop(file.name, None)  # looked at again
            except PermissionError:
                now = self._monotonic()
                if now - self._denied.setdefault(file.name, now) < self._unreadable_s:
                    self._given.pop(file.name, None)  # whoever put it there may give rights yet
                    continue
                del self._denied[file.name]
                wrong = "a file that this program may not read"
                found.append(RawHit(None, b"", token=file, unread=wrong))
        return found

    async def _move(self, file: File, outcome: Outcome) -> None:
        """Those that wait together go together."""
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving.append((file, outcome, moved))
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move_all())
        await moved
        if self._given.get(file.name) == file.seen:
            self._given.pop(file.name, None)

    async def _move_all(self) -> None:
        while self._leaving:
            batch, self._leaving = self._leaving, []
            ends = await asyncio.to_thread(self._moved_all, [row[:2] for row in batch])
            for (_, _, moved), error in zip(batch, ends, strict=True):
                if moved.done():
                    continue
                if error is None:
                    moved.set_result(None)
                else:
                    moved.set_exception(error)

    def _moved_all(self, rows: list[tuple[File, Outcome]]) -> list[FolderUnusable | None]:
        ends: list[FolderUnusable | None] = []
        for file, outcome in rows:
            good = outcome.state in (State.POSTED, State.WAITING)
            text = json.dumps(outcome_document(outcome))
            try:
                self._inbox.move(file, DONE if good else REFUSED, text)
                ends.append(None)
            except FolderUnusable as error:
                ends.append(error)
        return ends


def result_document(result: Result) -> dict[str, Any]:
    """A result for programs."""
    made: dict[str, Any] = {
        "key": result.key,
        "outcome": result.outcome,
        "leaf": result.leaf.hex(),
        "seq": result.seq,
        "at": result.at,
        "decision": result.decision,
    }
    return made | ({"reason": result.reason} if result.reason else {})


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """An outcome for programs."""
    made: dict[str, Any] = {
        "state": outcome.state.value,
        "key": outcome.key,
        "known": outcome.known,
    }
    if outcome.leaf is not None:
        made |= {"seq": outcome.seq, "leaf": outcome.leaf.hex()}
    if outcome.code:
        made |= {"code": str(outcome.code), "detail": outcome.detail}
    if outcome.fields:
        made["fields"] = [
            {"path": wrong.path, "label": wrong.label()}
            | ({} if wrong.read is None else {"read": wrong.read})
            | {"expected": wrong.wanted()}
            for wrong in outcome.fields
        ]
    return made
