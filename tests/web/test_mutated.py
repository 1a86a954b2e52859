"""The published cases with something changed: both implementations answer alike, failures by code.

Whatever a bit more or less in a header, an item, a note or a wrap means, it must mean the same to
both; so nobody can split the readers of one log by the program that they use.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from nacl.exceptions import CryptoError

from tests.support.vector_runner import logs, member_logs
from tests.support.vector_runner.reading import Op, books
from tests.web.bridge import PYTHON, Answer, Bridge, Case, in_python, told

CASES_PER_ROUND = 80
LONG = ("replay operation", "replay directory", "log root")  # whole stories: where there is time
ENOUGH_ROUNDS, LONG_S = 20, 900
BY_CONTRACT = ("split", "combine", "part")  # and functions: sizes that who calls has to keep


@pytest.mark.timeout(LONG_S)
def test_changed_cases_are_answered_alike(bridge: Bridge, rounds: int) -> None:
    random = Random("mutated")  # noqa: S311 cases, not secrets
    scenes, cases = published()
    bridge.ask([("scene", {"name": name, **scene}) for name, scene in scenes.items()])
    ops: dict[str, Op] = {**PYTHON, **logs.ops(scenes), **member_logs.ops(scenes)}
    long = LONG if rounds < ENOUGH_ROUNDS else ()
    chosen = [case for case in cases if case[0] not in long]
    changed = [mutated(random, random.choice(chosen)) for _ in range(CASES_PER_ROUND * rounds)]
    asked, expected = [], []
    for case in changed:
        answer = judged(case, ops)
        if answer is not None:
            asked.append(case)
            expected.append(answer)
    assert len(asked) > len(changed) // 2
    differing = [
        (case, one, other)
        for case, one, other in zip(asked, expected, bridge.answers(asked), strict=True)
        if told(other, one) != one
    ]
    assert not differing, (len(differing), differing[0])
    assert sum("failure" in one for one in expected) > len(expected) // 4


def judged(case: Case, ops: dict[str, Op]) -> Answer | None:
    """What Python answers; None where the change made no argument of it, as a channel unknown."""
    try:
        return in_python(case, ops)
    except (LookupError, TypeError, ValueError, OverflowError, CryptoError):
        return None


def published() -> tuple[dict[str, Any], list[Case]]:
    """All scenes, named for their files too, and all cases."""
    scenes: dict[str, Any] = {}
    cases: list[Case] = []
    for name, book in books():
        scenes |= {f"{name}/{scene}": items for scene, items in book.get("scenes", {}).items()}
        for case in book["cases"]:
            if name == "functions" or case["op"] in BY_CONTRACT:
                continue
            inputs = case["inputs"]
            if "scene" in inputs:
                inputs = {**inputs, "scene": f"{name}/{inputs['scene']}"}
            cases.append((case["op"], inputs))
    return scenes, cases


def mutated(random: Random, case: Case) -> Case:
    """The case with one of its values changed; a name of a scene is none."""
    op, inputs = deepcopy(case)
    places = list(leaves(inputs))
    if places:
        holder, key = random.choice(places)
        holder[key] = change(random, holder[key])
    return op, inputs


def leaves(found: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a value in a case: what holds it, and under which key."""
    rows = found.items() if isinstance(found, dict) else enumerate(found)
    for key, item in list(rows):
        if isinstance(item, dict | list):
            yield from leaves(item)
        elif key != "scene" and type(item) in (str, int):
            yield found, key


def change(random: Random, shown: str | int) -> str | int:
    if isinstance(shown, int):
        return min(max(0, shown + random.choice((-1, 1))), 2**53 - 1)  # as the notation has it
    try:
        data = bytearray.fromhex(shown)
    except ValueError:
        place = random.randrange(len(shown) + 1)
        return shown[:place] + random.choice(" A0\n#é=") + shown[place + 1 :]
    place = random.randrange(len(data)) if data else 0
    kind = random.randrange(8)
    if not data or kind == 0:
        data.insert(place, random.randrange(256))
    elif kind == 1:
        del data[place]
    elif kind == 2:
        del data[place:]
    elif kind == 3:
        data[place] = random.choice(
            (0, 1, 0x17, 0x18, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xF6, 0xFF)
        )
    else:
        data[place] ^= 1 << random.randrange(8)
    return data.hex()
