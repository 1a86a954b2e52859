"""The machine can fail: it finds each rule of the product that is taken away."""

from __future__ import annotations

import asyncio

import pytest

from tests.property.mutations import MUTATIONS
from tests.property.playing import LONG_S, SIDE_BY_SIDE, played

ENOUGH, SEEDS = 120, 3  # runs of a seed, and seeds; most rules take less than ten runs of the first
SOON = ("compare_and_set", "ghost_recipients", "receipt_before_write")  # in a few runs

pytestmark = pytest.mark.timeout(LONG_S)


async def test_the_machine_finds_each_missing_rule(rounds: int) -> None:
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

    names = sorted(MUTATIONS) if rounds >= 10 else SOON  # the rest where there is time, as in CI
    said = await asyncio.gather(*map(find, names), return_exceptions=True)
    failed = [one for one in said if isinstance(one, BaseException)]
    if failed:  # once all have ended: a process that is being started is not to be cancelled
        raise failed[0]
    found = [one for one in said if not isinstance(one, BaseException)]
    wrong = {name: broken for name, broken, _ in found if broken not in MUTATIONS[name].breaks}
    assert not wrong, (wrong, [said[-1500:] for name, _, said in found if name in wrong])
