"""Times as people write them, before anybody asks in which zone."""

from __future__ import annotations

import re
from datetime import datetime

_FORM = re.compile(r"[0-9W-]+([T ][0-9:.,]+(Z|[+-][0-9:.]+)?)?")
_YEARS = range(1971, 9999)  # which every zone has whole


def written(text: str) -> datetime | None:
    """ISO 8601, with its zone or without; None if it is not.

    The library alone takes any character between day and hour, and so reads the offset behind a
    day (`2026-03-01+02:00`) as an hour of it.
    """
    text = text.strip()
    try:
        return datetime.fromisoformat(text) if _FORM.fullmatch(text) else None
    except ValueError:
        return None


def skipped(text: str) -> bool:
    """Whether a text that was not taken is a time all the same: its zone's clocks skip it."""
    found = written(text)
    return found is not None and found.tzinfo is None and found.year in _YEARS
