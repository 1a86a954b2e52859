"""The TypeScript implementation, built once for all processes of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.bridge import Bridge, build
from tests.web.node import node, one_at_a_time


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """One node process that answers the ops of the vectors."""
    with Bridge(_program(tmp_path_factory.getbasetemp())) as made:
        yield made


def _program(base: Path) -> Path:
    """Built by the first process that asks; under pytest-xdist `base` is one folder of several."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, unfinished = base / "bridge", base / "bridge-unfinished"
    node()  # takes the same lock
    with one_at_a_time():
        if not folder.exists():
            build(unfinished)
            unfinished.rename(folder)
    return folder / "bridge.js"
