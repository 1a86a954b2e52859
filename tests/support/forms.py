"""Right contents of forms that tests post, each around one text of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def hit(text: str) -> dict[str, Any]:
    """A bot's alert."""
    return {
        "source": "manifest screening",
        "rule": "TOB-7",
        "rule_version": "3",
        "matched": ["cover load garden furniture", "free zone origin", "first-time consignee"],
        "snapshot_at": 1_790_000_000_000,
        "subject": "consignment",
        "route": {"departure": "AEJEA", "transits": ["GRPIR"], "destination": "DEHAM"},
        "dedupe": "TOB-7/2026-09-21",
        "remarks": text,
    }


def warning(text: str) -> dict[str, Any]:
    """A warning."""
    return {"subject": "consignment", "action": "inform", "remarks": text}


def accepted(text: str) -> dict[str, Any]:
    """An acknowledgement."""
    return {"answer": "accepted", "remarks": text}


def text_of(content: Mapping[str, Any]) -> str | None:
    """The text of a message or of one of these."""
    return content.get("text") or content.get("remarks")
