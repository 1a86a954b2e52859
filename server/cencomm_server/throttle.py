"""How fast one address and one device may ask, HTTP and live alike; the numbers are settings.

Strangers count by their address. Behind a good session only the device counts: a whole
administration comes from one address and must not slow itself down, nor be locked out by one
machine behind the same address.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cencomm_config.errors import LoginFailed, NotAuthenticated, SessionExpired
from cencomm_crypto.public.ids import DeviceId

from cencomm_server.buckets import Buckets, cost_of
from cencomm_server.metrics import Limit, Metrics


@dataclass(frozen=True, slots=True)
class Rates:
    """The settings of the same names."""

    address_rate_per_s: float
    address_burst: int
    address_login_tries: int
    device_rate_per_s: float
    device_burst: int
    login_window_s: int
    limit_keys: int


class Throttle:
    """One per process: two processes let twice as much through, which the numbers bear."""

    def __init__(
        self,
        rates: Rates,
        monotonic_s: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        """`monotonic_s`: seconds of a clock that never goes back; `metrics` counts refusals."""
        count = (metrics or Metrics()).limited
        self._most_tokens = rates.limit_keys
        self._tokens: OrderedDict[bytes, None] = OrderedDict()
        self.addresses = Buckets(
            rates.address_rate_per_s,
            rates.address_burst,
            most_keys=rates.limit_keys,
            what="requests from this address",
            on_refused=lambda: count(Limit.ADDRESS),
            monotonic_s=monotonic_s,
        )
        self.logins = Buckets(
            rates.address_login_tries / rates.login_window_s,
            rates.address_login_tries,
            most_keys=rates.limit_keys,
            what="failed logins from this address",
            on_refused=lambda: count(Limit.ADDRESS),
            monotonic_s=monotonic_s,
        )
        self.devices = Buckets(
            rates.device_rate_per_s,
            rates.device_burst,
            most_keys=rates.limit_keys,
            what="requests from this device",
            on_refused=lambda: count(Limit.DEVICE),
            monotonic_s=monotonic_s,
        )

    def stranger(self, address: bytes, size_bytes: int = 0) -> None:
        """One request without a session; raises RateLimited."""
        self.addresses.take(address, cost_of(size_bytes))

    @contextmanager
    def login(self, address: bytes) -> Iterator[None]:
        """Around a login that is judged; raises RateLimited after too many that failed (A37).

        Counted before it is judged and given back where it did not fail: a hundred guesses at once
        are a hundred.
        """
        self.logins.take(address)
        try:
            yield
        except (LoginFailed, NotAuthenticated, SessionExpired):
            raise
        except BaseException:
            self.logins.give_back(address)
            raise
        self.logins.give_back(address)

    def failed(self, address: bytes) -> None:
        """A proof behind a session has failed: it counts like a login from there."""
        self.logins.spend(address)

    def token(self, address: bytes, token_hash: bytes) -> None:
        """Before a token is looked up; raises RateLimited for a guesser, not for a known one.

        A token is a stranger's until it has been good once.
        """
        if token_hash not in self._tokens:
            self.addresses.take(address)

    def wrong_token(self, address: bytes, token_hash: bytes) -> None:
        """There is no session of this token (any more)."""
        if token_hash in self._tokens:
            del self._tokens[token_hash]
            self.addresses.spend(address)

    def device(self, device: DeviceId, token_hash: bytes | None, size_bytes: int) -> None:
        """One request or event of a device with a session; raises RateLimited."""
        if token_hash is not None:
            self._tokens[token_hash] = None
            self._tokens.move_to_end(token_hash)
            while len(self._tokens) > self._most_tokens:
                self._tokens.popitem(last=False)
        self.devices.take(device, cost_of(size_bytes))

    def answered(self, device: DeviceId, size_bytes: int) -> None:
        """What the device was sent counts too, afterwards."""
        extra = cost_of(size_bytes) - 1
        if extra:
            self.devices.spend(device, extra)
