"""A folder as a source: one hit per *.json file, moved to `done` or `refused` when it has ended.

Write a file under another name and rename it, or just write it: one that still grows is left
alone. Beside each moved file stands NAME.outcome.json: where it is in the log, or what was wrong.
Until then it stays where it is, so a crash forgets none. What people made of a hit is written to
`results/LEAF.json`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cencomm_client.bots.reading import MAX_BYTES
from cencomm_client.bots.source import Outcome, RawHit, Result, State

DONE, REFUSED, RESULTS = "done", "refused", "results"
SETTLE_S = 1.0
LOOK_S = 0.5
AT_ONCE = 256  # files read together
_Seen = tuple[int, int, int]  # inode, size, mtime


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`once`: end when everything that is there was given. Raises OSError for no folder."""
        self._path, self._settle_s, self._look_s = path, settle_s, look_s
        self._once, self._monotonic = once, monotonic
        for name in (DONE, REFUSED, RESULTS):
            (path / name).mkdir(exist_ok=True)
        self._watched: dict[str, tuple[_Seen, float]] = {}
        self._given: dict[str, _Seen] = {}
        self._pending: dict[str, str] = {}  # key -> file
        self._leaving: list[tuple[str, Outcome, asyncio.Future[None]]] = []
        self._moving: asyncio.Task[None] | None = None

    async def hits(self) -> AsyncIterator[RawHit]:
        """What is there, and then what comes."""
        while True:
            ready, unsettled = await asyncio.to_thread(self._ready)
            for start in range(0, len(ready), AT_ONCE):
                names = ready[start : start + AT_ONCE]
                for name, data in await asyncio.to_thread(self._read, names):
                    yield RawHit(None, data, token=name)
            if self._once and not unsettled:
                return
            await asyncio.sleep(self._look_s)

    async def taken(self, hit: RawHit, outcome: Outcome) -> None:
        """An invalid file goes to `refused`; a second one of a key that waits goes to `done`."""
        name = str(hit.token)
        invalid = outcome.state is State.INVALID
        if invalid or self._pending.setdefault(outcome.key, name) != name:
            await self._move(name, outcome)

    async def done(self, key: str, outcome: Outcome) -> None:
        """The file has come to its end."""
        name = self._pending.pop(key, None)
        if name is not None:
            await self._move(name, outcome)

    async def answered(self, key: str, result: Result) -> None:
        """Write `results/LEAF.json`; LEAF stands in the hit's own outcome too."""
        await asyncio.to_thread(self._write_result, result)

    # -- inside -------------------------------------------------------------------------------

    def _ready(self) -> tuple[list[str], bool]:
        """Names of the files that may be read, oldest first; whether some still change."""
        now, found = self._monotonic(), {}
        with os.scandir(self._path) as files:
            for file in files:
                if file.name.endswith(".json") and file.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # moved, or taken away, just now
                        stat = file.stat(follow_symlinks=False)
                        found[file.name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        given = list(self._given.items())  # at once: the event loop takes some away meanwhile
        self._given = {name: seen for name, seen in given if found.get(name) == seen}
        ready: list[str] = []
        watched: dict[str, tuple[_Seen, float]] = {}
        for name, seen in found.items():
            if name in self._given:
                continue
            before, since = self._watched.get(name, (seen, now))
            watched[name] = (seen, since if before == seen else now)
            if now - watched[name][1] >= self._settle_s:
                ready.append(name)
                self._given[name] = seen
                del watched[name]
        self._watched = watched
        return sorted(ready, key=lambda name: (found[name][2], name)), bool(watched)

    def _read(self, names: list[str]) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for name in names:
            try:
                with (self._path / name).open("rb") as file:
                    found.append((name, file.read(MAX_BYTES + 1)))
            except OSError:
                self._given.pop(name, None)  # gone, or not ours to read yet: looked at again
        return found

    async def _move(self, name: str, outcome: Outcome) -> None:
        """Those that wait together go together."""
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving.append((name, outcome, moved))
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move_all())
        await moved
        self._given.pop(name, None)

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

    def _moved_all(self, rows: list[tuple[str, Outcome]]) -> list[OSError | None]:
        ends: list[OSError | None] = []
        for name, outcome in rows:
            try:
                self._moved(name, outcome)
                ends.append(None)
            except OSError as error:
                ends.append(error)
        return ends

    def _write_result(self, result: Result) -> None:
        """Under another name first: whoever reads it never sees half of it."""
        path = self._path / RESULTS / f"{result.leaf.hex()}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(result_document(result)) + "\n", encoding="utf-8")
        fresh.replace(path)

    def _moved(self, name: str, outcome: Outcome) -> None:
        """The outcome first, then the file: a crash between the two only repeats it."""
        good = outcome.state in (State.POSTED, State.WAITING)
        folder = self._path / (DONE if good else REFUSED)
        target, number = name, 0
        while (folder / target).exists():
            number += 1
            target = f"{name}.{number}"
        text = json.dumps(outcome_document(outcome))
        (folder / f"{target}.outcome.json").write_text(text + "\n", encoding="utf-8")
        try:
            (self._path / name).rename(folder / target)
        except FileNotFoundError:
            return  # whoever put it there took it away


def result_document(result: Result) -> dict[str, Any]:
    """A result for programs."""
    made: dict[str, Any] = {
        "key": result.key,
        "outcome": result.outcome,
        "leaf": result.leaf.hex(),
        "seq": result.seq,
        "at": result.at,
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
