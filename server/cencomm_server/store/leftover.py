"""The child that a killed server leaves behind: found by what it runs on, stopped.

No record of it is kept: /proc says which process has our folder as its storage path, also when the
server was killed before it could have written anything down. Its start time, which the system
never gives twice to one process id, is checked before each signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class Child:
    """A running process; `started` is in clock ticks after boot (proc(5), stat field 22)."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs, and not another that got its id."""
        return _start_time(self.pid) == self.started


def children_on(data: Path, program: str) -> Iterator[Child]:
    """Processes of the program named `program` that were started with `--storage-path data`."""
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        child = Child(int(entry.name), _start_time(int(entry.name)))
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            runs = (entry / "exe").readlink().name.removesuffix(" (deleted)")
        except OSError:
            continue  # ended meanwhile, or another user's
        wanted = [b"--storage-path", os.fsencode(data)]
        pairs = (words[place : place + 2] for place in range(len(words)))
        if runs == program and wanted in pairs and child.alive:
            yield child


async def stop_leftovers(data: Path, program: str, within_s: float) -> list[Child]:
    """Stop every such process; SIGKILL for those that outlive `within_s`. Who they were."""
    found = list(children_on(data, program))
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for child in found:
            if child.alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, sign)
        for _ in range(int(within_s / _STEP_S)):
            if not any(child.alive for child in found):
                return found
            await asyncio.sleep(_STEP_S)
    return found


def _start_time(pid: int) -> int:
    """-1 if there is no such process, or it has ended and waits for its parent."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return -1
    # The program's name stands in brackets and may hold anything; the state follows it.
    fields = stat.rpartition(")")[2].split()
    return -1 if fields[0] in "ZX" else int(fields[19])
