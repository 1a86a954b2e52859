"""One prepared world per test session, and a stage over a copy of it for each performance."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.mallory.founding import build
from tests.mallory.harness import Stage, Stages, staged
from tests.mallory.world import World


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vaults and replicas live as long as their test: no power cut is played here."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Nine people enrolled, MERIDIAN live; never changed: each stage plays on a copy."""
    return asyncio.run(build(tmp_path_factory.mktemp("world")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The devices' files, which outlive the server."""
    made = tmp_path / "devices"
    made.mkdir()
    return made


@pytest.fixture
def stages(world: World, tmp_path: Path) -> Stages:
    """`stages(**changed)`: see `harness.staged`."""
    numbers = iter(range(100))

    def make(**changed: Any) -> AbstractAsyncContextManager[Stage]:
        folder = tmp_path / f"stage {next(numbers)}"
        folder.mkdir()
        return staged(world, folder, **changed)

    return make
