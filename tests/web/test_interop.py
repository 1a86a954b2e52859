"""What Python makes TypeScript makes alike and opens, and back; damaged bytes neither."""

from __future__ import annotations

from random import Random

import pytest

from tests.web.bridge import Bridge, both
from tests.web.kinds import KINDS
from tests.web.rotates import Rotates

ALL, FULL_ROUNDS = 2000, 20  # of each kind, as in CI
RECOMPUTED_EACH = 10
LONG_S = 1500  # all 2,000 of them, on a busy machine
CASES_PER_ROUND = 30  # before that: the same cases, of which fewer are played

pytestmark = pytest.mark.timeout(LONG_S)


@pytest.mark.parametrize("name", KINDS)
def test_both_make_the_same_bytes_and_open_and_refuse_alike(
    name: str, bridge: Bridge, rounds: int
) -> None:
    kind, random = KINDS[name], Random(name)  # noqa: S311 cases, not secrets
    cases = [kind.make(random) for _ in range(count_of(rounds))]
    made = both(bridge, cases)
    opened = [
        case
        for (_, inputs), answer in zip(cases, made, strict=True)
        if "output" in answer
        for case in kind.open(random, inputs, answer["output"])
    ]
    found = both(bridge, opened)
    assert sum("failure" in answer for answer in found) > len(cases) // 4, "damage is seen"
    assert sum("output" in answer for answer in found) > len(cases) // 2, "what is whole opens"


def test_both_make_the_same_rotate_and_name_the_same_false_field(
    bridge: Bridge, rounds: int
) -> None:
    """In CI all 2,000 for 200 devices, before that one in ten; a tenth is recomputed too."""
    rotates, random = Rotates(), Random("rotates")  # noqa: S311 cases, not secrets
    bridge.ask([("scene", {"name": "crowd", **rotates.scene})])
    large_each = 1 if rounds >= FULL_ROUNDS else 10
    count = count_of(rounds)
    cases = [rotates.make(random, large=place % large_each == 0) for place in range(count)]
    made = both(bridge, cases, rotates.ops)
    good = [
        (inputs, answer["output"])
        for (_, inputs), answer in zip(cases, made, strict=True)
        if "output" in answer
    ]
    opened = [
        case
        for inputs, output in good[: len(good) // RECOMPUTED_EACH + 1]
        for case in rotates.open(random, inputs, output)
    ]
    found = both(bridge, opened, rotates.ops)
    assert [answer.get("failure") for answer in found] == [None, "rotation_mismatch"] * (
        len(found) // 2
    )
    assert all("reason" in answer for answer in found if "failure" in answer)


def count_of(rounds: int) -> int:
    return ALL if rounds >= FULL_ROUNDS else CASES_PER_ROUND * rounds
