"""Run the state machine: `python -m tests.property.run --runs 40 --seed 1`.

A process of its own, so that its hash seed can be fixed (PYTHONHASHSEED=0) and two can run side by
side: the same seed takes the same course on every machine. `--shrink` looks for the shortest
course that fails; `--mutation` takes one rule of the product away (see `mutations`).

Prints one JSON line at the end: runs, rules, and the invariant that broke, if one did; before it,
on failure, the course that hypothesis printed, which is the reproduction.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from tests.property.founding import Founded, History, found
from tests.property.machine import Machine
from tests.property.mutations import MUTATIONS, mutated
from tests.property.network import PlayedLive, owning_task
from tests.property.oracle import Violation
from tests.property.remembering import remembering
from tests.support.virtual_time import VirtualLoop

STEPS = 50
HISTORIES: tuple[History, ...] = ("all", "none")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if an invariant broke."""
    parser = argparse.ArgumentParser(description="Five clients and a server under every fault.")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutation", choices=sorted(MUTATIONS))
    parser.add_argument("--shrink", action="store_true")
    chosen = parser.parse_args(arguments)
    gc.set_threshold(100_000)  # a run makes many small things and keeps them until its end
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    os.fsync = lambda descriptor: None  # type: ignore[assignment]  # no power cut is played here
    with (
        tempfile.TemporaryDirectory(prefix="cencomm-machine-") as folder,
        patch("cencomm_client.link.LiveConnection", PlayedLive),
        remembering(),
    ):
        Machine.founded = {history: _founded(Path(folder), history) for history in HISTORIES}
        with mutated(chosen.mutation) if chosen.mutation else nullcontext():
            broken = _run(chosen.runs, chosen.seed, shrink=chosen.shrink)
    told = {"runs": Machine.runs, "steps": Machine.steps, "broken": broken}
    print(json.dumps(told), flush=True)  # noqa: T201 the result of this program
    return 1 if broken else 0


def _run(runs: int, number: int, *, shrink: bool) -> str | None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        phases=phases,
        deadline=None,
        database=None,  # what decides is in the seed: nothing is kept from run to run
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(Machine), settings=chosen)
    except Violation as violation:
        traceback.print_exc(file=sys.stdout)
        return violation.name
    except FlakyFailure as flaky:  # keys are fresh each time, and so what they order
        traceback.print_exc(file=sys.stdout)
        seen = [one.name for one in flaky.exceptions if isinstance(one, Violation)]
        return seen[0] if seen else f"{type(flaky).__name__}: {flaky}"
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return f"{type(error).__name__}: {error}"
    return None


def _founded(folder: Path, history: History) -> Founded:
    loop = VirtualLoop()
    loop.set_task_factory(owning_task)
    (folder / history).mkdir()
    chance = random.Random(1)  # noqa: S311 chance that can be played again
    try:
        return loop.run_until_complete(found(folder / history, history, chance))
    finally:
        loop.close()


if __name__ == "__main__":
    raise SystemExit(main())
