"""So many wrong tries per person and window; a race of tries gets no more than that (A26, A37)."""

from __future__ import annotations

from cencomm_config.errors import RateLimited
from cencomm_crypto.public.ids import PersonId

from cencomm_server.accounts.principal import Clock
from cencomm_server.metrics import Limit, Metrics
from cencomm_server.store.port import AccountStore

DAY_MS = 24 * 3600 * 1000


class Tries:
    """Counts before the secret is looked at, so that fifty at once are not fifty guesses.

    Counted per person of the signing device: nobody without one of its keys can lock a person out.
    Two windows make the back-off: a few tries in the short one, and from so many in a day on, no
    more than a day's share.
    """

    def __init__(
        self,
        store: AccountStore,
        clock: Clock,
        *,
        most: int,
        window_s: int,
        per_day: int,
        metrics: Metrics | None = None,
    ) -> None:
        """At most `most` tries in `window_s`, `per_day` in 24 hours."""
        self._store = store
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._windows = ((most, window_s * 1000), (max(per_day, most), DAY_MS))

    async def take(self, person: PersonId) -> None:
        """Use one up; raises RateLimited with the time until the next one is taken."""
        who, now = person.hex(), self._clock()
        since = now - DAY_MS
        earlier = await self._store.failures(who, since)
        wait_ms = self._wait_ms(earlier, now, room=1)
        if wait_ms <= 0:
            earlier = await self._store.record_failure(who, now, since)
            wait_ms = self._wait_ms(earlier, now, room=0)
            if wait_ms > 0:  # a racer that was too late: it guessed nothing, so it counts nothing
                await self._store.drop_failure(who, now)
        if wait_ms > 0:
            self._metrics.limited(Limit.ACCOUNT)
            wait_s = -(-wait_ms // 1000)
            raise RateLimited("too many failed logins; expected a pause", retry_after_s=wait_s)

    async def forget(self, person: PersonId) -> None:
        """After a success."""
        await self._store.clear_failures(person.hex())

    def _wait_ms(self, earlier: list[int], now: int, *, room: int) -> int:
        """How long until each window has room for so many more; 0 if they have."""
        waits = [0]
        for most, window_ms in self._windows:
            within = [at for at in earlier if at > now - window_ms]
            over = len(within) + room - most
            if over > 0:
                waits.append(within[over - 1] + window_ms - now)
        return max(waits)
