"""Whole logs give both the same state and refusals, entry by entry (PROTOCOL 6.6, 7.13)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.public.wire import encode_sequenced

from tests.support.vectors.replaying import directory_results, operation_results
from tests.support.vectors.stage import Stage
from tests.support.vectors.stories import tell
from tests.web.bridge import Bridge

ALL, FULL_ROUNDS = 100, 20  # stories, as in CI
GENESES: tuple[dict[str, Any], ...] = (
    {},
    {"history": "none"},
    {"audit": False},
    {"retention": {"erase_at": 1_800_000_000_000}},
)


def count_of(rounds: int) -> int:
    """All of them where there is time for it; each takes seconds."""
    return max(1, ALL * min(rounds, FULL_ROUNDS) ** 2 // FULL_ROUNDS**2)


def shown(rows: list[Any]) -> list[Any]:
    return [[state.hex(), code] for state, code in rows]


@pytest.mark.timeout(1800)
def test_generated_logs_give_the_same_state_entry_by_entry(bridge: Bridge, rounds: int) -> None:
    """Also, in turn, as readers of some channels get them, the rest withheld."""
    for number in range(count_of(rounds)):
        stage = Stage(f"web {number}", **GENESES[number % len(GENESES)])
        aside = tell(stage, f"web/{number}")
        stage.settle()
        bridge.ask([("scene", {"name": stage.name, **_scene(stage)})])
        directory = [encode_sequenced(item).hex() for item in stage.directory.entries]
        readers: list[Any] = [[], [stage.work], [aside, stage.operation.main]]
        views = [None, readers[number % len(readers)]]
        asked: list[tuple[str, dict[str, Any]]] = [("replay directory", {"items": directory})]
        for channels in views:
            inputs: dict[str, Any] = {"scene": stage.name}
            if channels is not None:
                inputs["channels"] = [channel.hex() for channel in channels]
            asked.append(("replay operation", inputs))
        found = [answer["output"]["results"] for answer in bridge.ask(asked)]
        assert found[0] == shown(directory_results(stage.directory.entries))
        log, items = stage.directory.log, stage.operation.entries
        for channels, rows in zip(views, found[1:], strict=True):
            assert rows == shown(operation_results(log, items, channels))


def _scene(stage: Stage) -> dict[str, Any]:
    return {
        name: [encode_sequenced(item).hex() for item in items]
        for name, items in (
            ("directory", stage.directory.entries),
            ("operation", stage.operation.entries),
        )
    }
