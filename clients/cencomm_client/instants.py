"""Times as people read them, whatever number another party wrote."""

from __future__ import annotations

from datetime import UTC, datetime

LAST_MS = 253_402_300_799_999  # the end of the year 9999, after which `datetime` has no days


def instant(ms: int, pattern: str = "%Y-%m-%d %H:%M:%SZ") -> str:
    """A time in ms since 1970 UTC; beyond the year 9999 its number: forms allow 2^53 - 1."""
    if not 0 <= ms <= LAST_MS:
        return f"{ms} ms"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(pattern)
