"""The TypeScript implementation, built once per process of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.bridge import Bridge, build


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """One node process that answers the ops of the vectors."""
    with Bridge(build(tmp_path_factory.mktemp("bridge"))) as made:
        yield made
