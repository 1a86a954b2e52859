"""Plays the state machine in a process of its own, with a fixed hash seed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIDE_BY_SIDE = 2
LONG_S = 3_000  # a crowded machine takes its time; nothing here waits for a clock


async def played(runs: int, seed: int, *more: str) -> tuple[dict[str, Any], str]:
    """What one process of `run` says at the end, and all that it said."""
    words = ("-m", "tests.property.run", "--runs", str(runs), "--seed", str(seed), *more)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    said = out.decode("utf-8", "replace")
    said += f"\nto see it again: PYTHONHASHSEED=0 .venv/bin/python {' '.join(words)}"
    told = [line for line in said.splitlines() if line.startswith('{"runs"')]
    assert told, said
    return json.loads(told[-1]), said
