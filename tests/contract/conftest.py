"""The same contract tests on every store and driver; each test gets an empty store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
from cencomm_server.store.memory import MemoryStore
from cencomm_server.store.mongo import Driver, open_store
from cencomm_server.store.port import Store

from tests.conftest import MONGODB_URI
from tests.support.victims import drop_database

PLACES = ["embedded", *(["mongodb"] if MONGODB_URI else [])]
OPENED = [f"{place}-{driver}" for place in PLACES for driver in Driver]


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


@pytest.fixture(params=list(Driver))
def driver(request: pytest.FixtureRequest) -> Driver:
    """Each driver in turn."""
    found: Driver = request.param
    return found


@pytest.fixture(params=PLACES)
def uri(request: pytest.FixtureRequest) -> str:
    """Address of the embedded store, and of a real replica set where one is named."""
    return MONGODB_URI if request.param == "mongodb" else request.getfixturevalue("store_uri")


@pytest.fixture(params=["memory", *OPENED])
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Store]:
    """An empty store of each kind, through each driver; a database of it is dropped afterwards."""
    if request.param == "memory":
        yield MemoryStore(clock)
        return
    place, _, driver = request.param.partition("-")
    uri = MONGODB_URI if place == "mongodb" else request.getfixturevalue("store_uri")
    name = f"t{secrets.token_hex(8)}"
    opened = await open_store(uri, name, driver=Driver(driver), clock=clock)
    yield opened
    await opened.close()
    if place == "mongodb":
        drop_database(uri, name)
