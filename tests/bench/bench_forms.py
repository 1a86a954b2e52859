"""What checking a form takes: every reader does it on opening, every author before sealing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from cencomm_config.forms import base_set, schemas
from cencomm_config.forms.typed import typed

from tests.bench.frame import Bar, Row, side_by_side

CHECKS = 100  # per round: short ones find a quiet moment
ROUNDS = 100
MOST_US = 50  # the bar of issue 5, for the biggest form


def forms(checks: int = CHECKS) -> Iterator[Row]:
    """Check and normalise a long seizure: three lines of goods, legs, persons; beside `json`."""
    form = base_set().form("SZR")
    value = schemas.example("SZR")["passes"]
    content = typed(form, value).content

    def often(done: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(checks):
                done()

        return run

    for name, done, bar in (
        (
            "check a long seizure, its codes seen before",
            lambda: form.check(content),
            Bar(MOST_US, on_value=True),
        ),
        ("its normal form, when it is sealed", lambda: form.normal(content), None),
    ):
        ours, bare = side_by_side(often(done), often(lambda: json.dumps(value)), rounds=ROUNDS)
        per = 1e6 / checks
        yield Row(name, ours * per, "us", "json.dumps of it", bare * per, bar)
