"""What a bot's queue tells of hits: where each stands, what is to be sealed, how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from cencomm_crypto.public.encoding import decode_map

from cencomm_client.bots.row_seal import MAX_SEALED


class Stage(IntEnum):
    """States of a row."""

    WAITING = 0
    SIGNED = 1  # bytes that may be in the log: nothing else is signed before their end is known
    POSTED = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """What the queue knows of a hit: `fresh` if it was put in just now."""

    row: int
    stage: Stage
    fresh: bool
    seq: int | None = None
    leaf: bytes | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hit to be sealed, or (with `submission`) bytes of it that may be in the log."""

    row: int
    source: str
    key: str
    kind: str
    mid: bytes
    content: dict[str, Any] = field(repr=False)
    submission: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class AtHand:
    """A hit as it went into its box a moment ago: not to be read back and opened to be sealed."""

    source: str
    key: str
    mid: bytes
    held: bytes = field(repr=False)

    def waiting(self, row: int) -> Waiting:
        """The same that the disk would give."""
        held = decode_map(self.held, max_size=MAX_SEALED)
        return Waiting(row, self.source, self.key, held["kind"], self.mid, held["content"])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A hit that the server refused for good, with the code of its answer."""

    row: int
    source: str
    key: str
    code: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by state, and when the newest posted one was signed (ms, 0 if none)."""

    waiting: int
    signed: int
    posted: int
    refused: int
    last_ms: int
