"""What every test of the client's parts runs with."""

from __future__ import annotations

import pytest
from cencomm_crypto.member import login

LEAST_MEMORY = 8 * 1024  # bytes; Argon2 takes no less


@pytest.fixture(autouse=True)
def passwords_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second for each vault adds up; what guessing costs is held by the vectors, by
    A24, and by whatever runs as a process."""
    monkeypatch.setattr(login, "OPS", 1)
    monkeypatch.setattr(login, "MEMORY_BYTES", LEAST_MEMORY)
