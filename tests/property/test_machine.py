"""Five real clients over the real engine, in any order, under any fault.

See `machine` for what happens, `oracle` for what must hold, `run` to run it by hand.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.property.playing import LONG_S, SIDE_BY_SIDE, played

FULL_RUNS, FULL_ROUNDS, RUNS_PER_ROUND = 200, 20, 2  # of 50 steps each; CI has ROUNDS=20

pytestmark = pytest.mark.timeout(LONG_S)


async def test_whatever_happens_nothing_is_lost_forged_or_opened(rounds: int) -> None:
    each = (FULL_RUNS if rounds >= FULL_ROUNDS else RUNS_PER_ROUND * rounds) // SIDE_BY_SIDE
    done = await asyncio.gather(*(played(each, seed) for seed in range(1, SIDE_BY_SIDE + 1)))
    for told, said in done:
        assert told["broken"] is None, said
        assert told["runs"] >= each, told
