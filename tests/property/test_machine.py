"""Five real clients over the real engine, in any order, under any fault; and that the machine can
fail. See `machine` for what happens, `oracle` for what must hold, `run` to run it by hand."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.property.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]
RUNS_PER_ROUND, FULL_ROUNDS = 40, 5  # of 50 steps each; ROUNDS=5 makes 200; more by hand
SIDE_BY_SIDE = 2
ENOUGH, SEEDS = 120, 3  # runs of a seed, and seeds; most rules take less than ten runs of the first
LONG_S = 3_000  # a crowded machine takes its time; nothing here waits for a clock

pytestmark = pytest.mark.timeout(LONG_S)


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


async def test_whatever_happens_nothing_is_lost_forged_or_opened(rounds: int) -> None:
    each = RUNS_PER_ROUND * min(rounds, FULL_ROUNDS) // SIDE_BY_SIDE
    done = await asyncio.gather(*(played(each, seed) for seed in range(1, SIDE_BY_SIDE + 1)))
    for told, said in done:
        assert told["broken"] is None, said
        assert told["runs"] >= each, told


async def test_the_machine_finds_each_missing_rule() -> None:
    """Each rule of `mutations` taken away alone; two processes at a time."""
    turn = asyncio.Semaphore(SIDE_BY_SIDE)

    async def find(name: str) -> tuple[str, str | None, str]:
        async with turn:
            said = ""
            for seed in range(1, SEEDS + 1):  # one is enough nearly always
                told, said = await played(ENOUGH, seed, "--mutation", name)
                if told["broken"] is not None:
                    return name, told["broken"], said
            return name, None, said

    found = await asyncio.gather(*map(find, sorted(MUTATIONS)))
    wrong = {name: broken for name, broken, _ in found if broken not in MUTATIONS[name].breaks}
    assert not wrong, (wrong, [said[-1500:] for name, _, said in found if name in wrong])
