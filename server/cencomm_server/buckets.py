"""Token buckets: so many requests a second, with some in hand for a burst; by device or by address.

Pure but for the clock that is passed in. The table itself is bounded, and an attacker with many
addresses gains nothing by filling it: only full buckets are forgotten, which changes nothing, and
while none is full all newcomers share one.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cencomm_config.errors import RateLimited

UNIT_BYTES = 64 * 1024  # a request costs one, and one more for each of these that it moves
_V6_BITS = 64  # one subscriber has a whole /64: its addresses are one
MAX_WAIT_S = 3600


class Buckets:
    """One kind of bucket: `rate_per_s` runs in, up to `burst`; each key begins with a full one."""

    def __init__(
        self,
        rate_per_s: float,
        burst: float,
        *,
        most_keys: int,
        what: str,
        on_refused: Callable[[], None] = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`what` is named in the refusal: "requests from this address"; `on_refused` counts it."""
        self._rate_per_s, self._burst = rate_per_s, burst
        self._most_keys, self._what, self._on_refused = most_keys, what, on_refused
        self._monotonic_s = monotonic_s
        # key -> when its bucket will be full again; never the past, least recently used first
        self._full_at: OrderedDict[bytes, float] = OrderedDict()
        self._newcomers_full_at = 0.0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._full_at)

    def check(self, key: bytes, cost: float = 1.0) -> None:
        """Raise RateLimited if the bucket does not hold `cost`; takes nothing.

        What costs more than a whole bucket goes through a full one, and leaves a debt.
        """
        now = self._monotonic_s()
        missing_s = (self._lacking_s(key, now) + min(cost, self._burst) / self._rate_per_s) - (
            self._burst / self._rate_per_s
        )
        if missing_s > 1e-9:
            self._on_refused()
            wait_s = min(MAX_WAIT_S, max(1, math.ceil(missing_s)))
            raise RateLimited(f"too many {self._what}; expected a pause", retry_after_s=wait_s)

    def spend(self, key: bytes, cost: float = 1.0) -> None:
        """Take `cost` out, also where there is less: the rest is a debt that runs in first."""
        now = self._monotonic_s()
        full_at = now + self._lacking_s(key, now) + cost / self._rate_per_s
        if key in self._full_at or self._make_room(now):
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
        else:
            self._newcomers_full_at = full_at

    def give_back(self, key: bytes, cost: float = 1.0) -> None:
        """Undo a `take` that turned out to count for nothing."""
        full_at = self._full_at.get(key)
        if full_at is not None:
            self._full_at[key] = full_at - cost / self._rate_per_s
        else:
            self._newcomers_full_at -= cost / self._rate_per_s

    def take(self, key: bytes, cost: float = 1.0) -> None:
        """`check`, then `spend`."""
        self.check(key, cost)
        self.spend(key, cost)

    def _lacking_s(self, key: bytes, now: float) -> float:
        """How long until the bucket is full."""
        full_at = self._full_at.get(key)
        if full_at is None:
            full_at = now if self._make_room(now) else self._newcomers_full_at
        return max(0.0, full_at - now)

    def _make_room(self, now: float) -> bool:
        """Whether one more key can be remembered; forgets a few full buckets, oldest first."""
        for _ in range(2):
            if not self._full_at:
                break
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now:
                if len(self._full_at) < self._most_keys:
                    break
                self._full_at.move_to_end(oldest)  # look at another one next time
                continue
            del self._full_at[oldest]
        return len(self._full_at) < self._most_keys


def cost_of(size_bytes: int) -> float:
    """What a request or an answer of this size costs."""
    return 1.0 + size_bytes // UNIT_BYTES


def key_of_address(address: str) -> bytes:
    """What an address counts as: itself, an IPv6 one its /64; anything else is one key.

    An IPv4 address that is written as IPv6 is that IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b"unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return parsed.ipv4_mapped.packed
        return parsed.packed[: _V6_BITS // 8]
    return parsed.packed
