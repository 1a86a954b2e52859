"""What a bot's admission allows it, held by the server (A31, SRV-4): kinds, and drops an hour.

Rules do not read either: a server may refuse more than `apply`, never accept more (DESIGN 2).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from cencomm_config.errors import RateLimited
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.entry import Header
from cencomm_crypto.public.ids import LogId, PersonId
from cencomm_crypto.public.operation.state import Member, OperationState

from cencomm_server.metrics import Limit, Metrics

HOUR_S = 3600.0
_MAX_BOTS = 20_000  # whose drops are remembered; the longest silent ones are forgotten


def check_kind(state: OperationState, member: Member, header: Header) -> None:
    """Raise NOT_PERMITTED for a drop of a kind that the bot was not admitted for.

    With minimal metadata no header shows a kind; then it is the readers who see it.
    """
    if not member.kinds or state.genesis["metadata"] == "minimal":
        return
    if header.kind not in member.kinds:
        raise ProtocolError(
            ErrorCode.NOT_PERMITTED,
            f"a drop of kind {header.kind!a}; this bot is admitted for {', '.join(member.kinds)}",
        )


@dataclass(slots=True)
class _Hours:
    """Drops of the present hour and of the one before it; hours since the process began."""

    hour: int
    now: int = 0
    before: int = 0


class Drops:
    """Counts drops by operation and bot, all of its devices together, over a sliding hour."""

    def __init__(
        self, monotonic_s: Callable[[], float] = time.monotonic, metrics: Metrics | None = None
    ) -> None:
        self._monotonic_s, self._metrics = monotonic_s, metrics or Metrics()
        self._counted: OrderedDict[tuple[LogId, PersonId], _Hours] = OrderedDict()

    def take(self, log: LogId, person: PersonId, most: int) -> None:
        """Count one more; raises RateLimited, and counts nothing, beyond `most` in an hour.

        Of the hour before counts the part that still lies within sixty minutes, as if its drops
        had come evenly.
        """
        found = self._of(log, person)
        into = self._monotonic_s() % HOUR_S
        used = found.now + found.before * (1 - into / HOUR_S)
        if used >= most:
            self._metrics.limited(Limit.DROPS)
            raise RateLimited(
                f"{used:.0f} drops of this bot in an hour, its admission allows {most}",
                retry_after_s=_until_room(found, into, most),
            )
        found.now += 1

    def give_back(self, log: LogId, person: PersonId) -> None:
        """What was counted did not get into the log."""
        found = self._of(log, person)
        found.now = max(found.now - 1, 0)

    def _of(self, log: LogId, person: PersonId) -> _Hours:
        hour = int(self._monotonic_s() // HOUR_S)
        found = self._counted.setdefault((log, person), _Hours(hour))
        self._counted.move_to_end((log, person))
        if len(self._counted) > _MAX_BOTS:
            self._counted.popitem(last=False)
        if found.hour != hour:
            found.before = found.now if hour == found.hour + 1 else 0
            found.now, found.hour = 0, hour
        return found


def _until_room(found: _Hours, into_s: float, most: int) -> int:
    """Seconds until one more drop fits: within this hour if the one before makes room."""
    if found.now < most and found.before:
        # now + before * (1 - t / HOUR_S) < most
        moment = HOUR_S * (1 - (most - found.now) / found.before)
        return max(ceil(moment - into_s) + 1, 1)
    # from the next hour on, this one is the one before, and shrinks
    moment = HOUR_S * (1 - most / found.now) if found.now else 0.0
    return ceil(HOUR_S - into_s + max(moment, 0.0)) + 1
