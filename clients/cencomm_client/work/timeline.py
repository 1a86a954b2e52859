"""When an operation was live, suspended and over, as its control entries say.

The clocks of the desk stand still while nobody can post: what was due in ten minutes when the
operation was suspended is due ten minutes after it went on. So it is after the end. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.phases import Phase

from cencomm_client.items import Control
from cencomm_client.work.reading import Span

FOREVER = 1 << 62

TURNS: Mapping[str, str] = MappingProxyType(
    {
        "phase.set": "",  # the phase stands in its body
        "operation.suspend": "suspended",
        "resume.approve": "resumed",
        "close.approve": "closed",
        "operation.close": "closed",
        "operation.cancel": "closed",
    }
)
"""Control entries that start or stop clocks, and what each does."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The course of one operation, in ms.

    `live` is LIVE as it was planned; it began at `begun` (None: not yet) and ended, or is to end,
    at `ended`. `pauses` are the suspensions that are over, in order; `suspended` is when the
    present one began. After `over` nothing is posted.
    """

    live: Span
    begun: int | None
    ended: int
    pauses: tuple[Span, ...] = ()
    suspended: int | None = None
    over: int = FOREVER

    def clock(self, now: int) -> int:
        """How far the clocks have come at `now`: they stand in a suspension, and after the end."""
        return min(now, self.over, FOREVER if self.suspended is None else self.suspended)


def timeline_of(state: OperationState, turns: Iterable[Control]) -> Timeline:
    """The course that the accepted control entries tell, in the log's order; see `TURNS`."""
    begun: int | None = None
    ended, over = state.live[1], state.end
    pauses: list[Span] = []
    suspended: int | None = None
    for turn in turns:
        at, what = turn.place.at, TURNS.get(turn.type) or turn.body.get("phase")
        if what == Phase.LIVE:
            begun = at
        elif what == Phase.POST:
            ended = min(ended, at)
        elif what == "suspended":
            suspended = at
        elif what == "resumed" and suspended is not None:
            pauses.append(Span(suspended, at))
            suspended = None
        elif what == "closed":
            ended, over = min(ended, at), min(over, at)
    return Timeline(Span(*state.live), begun, ended, tuple(pauses), suspended, over)


def after(pauses: Sequence[Span], start: int, length: int) -> int:
    """When a clock that starts at `start` has run for `length`, ms, standing still in `pauses`.

    One that runs out as a pause begins gives the end of the pause: until then nobody is late.
    A length of nothing, or less, is a time that had come before anything could hold it up.
    """
    if not pauses or length <= 0:
        return start + length
    at, left = start, length
    for pause in pauses:
        if pause.end <= at:
            continue
        if pause.start > at + left:
            break
        left -= max(0, pause.start - at)
        at = pause.end
    return at + left
