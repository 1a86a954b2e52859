"""So many wrong tries per person and window; a race of tries gets no more than that (A26, A37)."""

from __future__ import annotations

from cencomm_config.errors import RateLimited
from cencomm_crypto.public.ids import PersonId

from cencomm_server.accounts.principal import Clock
from cencomm_server.store.port import AccountStore


class Tries:
    """Counts before the secret is looked at, so that fifty at once are not fifty guesses.

    Counted per person of the signing device: nobody without one of its keys can lock a person out.
    """

    def __init__(self, store: AccountStore, clock: Clock, *, most: int, window_s: int) -> None:
        """At most `most` tries in `window_s`."""
        self._store = store
        self._clock = clock
        self._most = most
        self._window_ms = window_s * 1000

    async def take(self, person: PersonId) -> None:
        """Use one up; raises RateLimited with the time until the oldest is forgotten."""
        now = self._clock()
        since = now - self._window_ms
        earlier = await self._store.failures(person.hex(), since)
        if len(earlier) < self._most:
            earlier = await self._store.record_failure(person.hex(), now, since)
            if len(earlier) <= self._most:
                return
        wait_s = max(1, -(-(earlier[-self._most] - since) // 1000))
        raise RateLimited("too many failed logins; expected a pause", retry_after_s=wait_s)

    async def forget(self, person: PersonId) -> None:
        """After a success."""
        await self._store.clear_failures(person.hex())
