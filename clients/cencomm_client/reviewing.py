"""Standing groups: operations that run for long, and are reviewed every year (ADR 0030).

The bytes know no standing group: it is an operation whose window spans more than half a year. No
window reaches further ahead than a year; who goes on extends it at the review, by two sides.
"""

from __future__ import annotations

from cencomm_config.display import shown_time
from cencomm_crypto.public.operation.state import OperationState

from cencomm_client.errors import WindowTooLong
from cencomm_client.notices import Remark

DAY_MS = 86_400_000
GROUP_MS = 184 * DAY_MS  # a window that spans more is a standing group's
YEAR_MS = 366 * DAY_MS
GROUP_YEAR_MS = 365 * DAY_MS  # the window of a standing group that nobody has planned otherwise
REVIEW_MS = 30 * DAY_MS  # before its end the review is due


def is_group(state: OperationState) -> bool:
    """Whether the operation is a standing group."""
    return state.window[1] - state.window[0] > GROUP_MS


def review_at(state: OperationState) -> int | None:
    """When the review of a standing group falls due, ms; None for any other operation."""
    return state.window[1] - REVIEW_MS if is_group(state) else None


def expect_reviewed(not_after: int, since: int) -> None:
    """Raise WindowTooLong for an end that lies more than a year after `since` (ms)."""
    if not_after - since > YEAR_MS:
        raise WindowTooLong(
            f"an end on {_day(not_after)} is more than a year ahead; {_day(since + YEAR_MS)} at"
            " most. What runs on is reviewed every year and extended by proposal and approval"
        )


def review_remarks(state: OperationState, now: int) -> tuple[Remark, ...]:
    """What its members should know; `now` in ms."""
    if state.ended(now):
        return ()
    found: list[Remark] = []
    due = review_at(state)
    if due is not None and now >= due:
        found.append(Remark("review_due", f"it ends on {_day(state.window[1])}"))
    if state.window[1] - max(now, state.window[0]) > YEAR_MS:
        found.append(Remark("window_too_long", f"it ends on {_day(state.window[1])}"))
    return tuple(found)


def _day(at: int) -> str:
    return shown_time(at, "%Y-%m-%d")
