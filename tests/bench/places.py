"""Where a bench keeps its log: the server's embedded store, or a replica set that is named."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cencomm_server.app import STORE_FOLDER
from cencomm_server.store.embedded import uri_of_running

from tests.conftest import MONGODB_URI
from tests.support.server_process import ServerProcess
from tests.support.throttles import UNLIMITED
from tests.support.victims import drop_database


@contextmanager
def serving(folder: Path, program: Path, **settings: Any) -> Iterator[ServerProcess]:
    """A server without limits for one address or device, until the block ends.

    With CENCOMM_TEST_MONGODB_URI it works there, in a database of its own that is dropped.
    """
    settings = {**UNLIMITED, **settings}
    if not MONGODB_URI:
        with ServerProcess(folder, program, **settings) as process:
            yield process
        return
    settings |= {"store": MONGODB_URI, "store_database": f"bench{secrets.token_hex(8)}"}
    try:
        with ServerProcess(folder, program, **settings) as process:
            yield process
    finally:
        drop_database(MONGODB_URI, settings["store_database"])


def store_uri(server: ServerProcess) -> str:
    """The address of the running server's store."""
    found = server.env.get("CENCOMM_STORE") or uri_of_running(server.data / STORE_FOLDER)
    assert found is not None, "the server does not run"
    return found


def database_of(server: ServerProcess) -> str:
    """The database in it."""
    return server.env.get("CENCOMM_STORE_DATABASE", "cencomm")


def as_durable(uri: str) -> str:
    """The address for another driver that shall write as durably as ours."""
    joint = "&" if "?" in uri else "?" if uri.count("/") > 2 else "/?"
    return f"{uri}{joint}w=majority&journal=true"
