"""ejabberd with its archive on SQLite, by the shared benches, as they are.

    apt-get install ejabberd erlang-p1-sqlite3                  # as their install.sh does
    export PEERS_DIR=$(mktemp -d)
    python3 -m venv $PEERS_DIR/own && $PEERS_DIR/own/bin/pip install uvloop psutil

Where it is not installed, its rate is that of `raw-batch` in this run times what was measured of
the two in one run before (DESIGN 10), and the line says so.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.cores import LOAD, pinned
from tests.bench.frame import Bar, Row
from tests.bench.match import Call, Match
from tests.bench.peer import FOLDER, MISSING

AHEAD = Bar(5, at_least=True)
BEFORE = 137 / 1_026  # messages a second at 200 members: ejabberd, bare aiohttp (DESIGN 10)
SECS = 3
LIMIT_S = 150.0


def ejabberd_row(
    match: Match, ours: Call[float], members: int, rates: Sequence[Sequence[float]]
) -> Row:
    """Deliveries a second beside ejabberd's; `rates` are ours and the yardstick's just before."""
    name = f"the same beside ejabberd, {members} members"
    python = Path(os.environ.get("PEERS_DIR", "/nonexistent")) / "own/bin/python"
    if (
        python.is_file()
        and any(Path("/usr/lib").glob("*/ejabberd*/ebin"))
        and (FOLDER / "bench.py").is_file()
    ):
        theirs: Call[float] = partial(measured, python, members)
        found = match.of([ours, theirs])
        return match.compared(name, "/s", found, "ejabberd", AHEAD)
    if len(rates) > 1:
        scaled = [rates[0], [rate * BEFORE for rate in rates[1]]]
        return match.compared(name, "/s", scaled, "raw-batch x 0.134 (DESIGN 10)", AHEAD)
    return Row(name, rates[0][0], "/s", MISSING)


async def measured(python: Path, members: int) -> float:
    """Deliveries per second of the shared benches' open loop: 32 in flight, 600 bytes."""
    command = [str(python), str(FOLDER / "bench.py"), "ejabberd-sqlite"]
    command += ["--members", str(members), "--phases", "open", "--secs", str(SECS)]
    with pinned(LOAD):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    try:
        async with asyncio.timeout(LIMIT_S):
            lines, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    for line in lines.splitlines():
        phase = json.loads(line)
        if phase["phase"] == "open":
            return float(phase["deliv_s"])
    raise RuntimeError("the shared bench of ejabberd gave no line; run it alone to see why")
