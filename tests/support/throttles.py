"""Throttles for tests: one that never refuses, and one with small numbers and a hand-set clock."""

from __future__ import annotations

from typing import Any

from cencomm_server.throttle import Rates, Throttle

# Settings of a server where one address and few devices make all the load.
UNLIMITED: dict[str, Any] = {
    "address_rate_per_s": 1e6,
    "address_burst": 10_000_000,
    "device_rate_per_s": 1e6,
    "device_burst": 10_000_000,
}
WIDE = Rates(
    **UNLIMITED,
    address_login_tries=10**5,
    login_window_s=1,
    limit_keys=1000,
)


def wide() -> Throttle:
    """Refuses nobody."""
    return Throttle(WIDE)


class HandClock:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
