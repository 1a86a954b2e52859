"""What Python makes TypeScript makes alike and opens, and back; damaged bytes neither."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.web.bridge import WEB, Bridge, both, build
from tests.web.kinds import KINDS

ALL, FULL_ROUNDS = 2000, 20  # of each kind, as in CI
CASES_PER_ROUND = 30  # before that: the same cases, of which fewer are played


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    if not (WEB / "node_modules").is_dir():
        pytest.skip("crypto/web/node_modules is missing: run `npm ci` there")
    with Bridge(build(tmp_path_factory.mktemp("bridge"))) as made:
        yield made


@pytest.mark.parametrize("name", KINDS)
def test_both_make_the_same_bytes_and_open_and_refuse_alike(
    name: str, bridge: Bridge, rounds: int
) -> None:
    kind, random = KINDS[name], Random(name)  # noqa: S311 cases, not secrets
    count = ALL if rounds >= FULL_ROUNDS else CASES_PER_ROUND * rounds
    cases = [kind.make(random) for _ in range(count)]
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
