"""The same contract tests on every store; each test gets an empty one."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator

import pytest
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.mongo import open_store
from cencomm_server.store.port import Store

TEST_URI = os.environ.get("CENCOMM_TEST_MONGODB_URI", "")
KINDS = ["memory", "embedded", *(["mongodb"] if TEST_URI else [])]


class Clock:
    """A wall clock that a test moves; milliseconds."""

    def __init__(self) -> None:
        self.now = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the `store` fixture."""
    return Clock()


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(clock)
    else:
        uri = TEST_URI if request.param == "mongodb" else request.getfixturevalue("store_uri")
        opened = await open_store(uri, f"t{secrets.token_hex(8)}", clock=clock)
    yield opened
    await opened.close()
