"""All Socket.IO events on one page; docs/api.md describes them and a test compares the two.

Namespace "/", path `SOCKET_PATH`, WebSocket only, no compression (DESIGN 9). Payloads are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SOCKET_PATH: Final = "/v1/socket"

APPEND: Final = "append"
ENTRIES: Final = "entries"
HEAD: Final = "head"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: who sends it and what its payload is."""

    name: str
    sender: Literal["client", "server"]
    payload: str


EVENTS: tuple[Event, ...] = (
    Event(
        APPEND,
        "client",
        "log id[16] || Submission; acknowledged with a Receipt (bytes) or {code, detail, "
        "retry_after_s?}",
    ),
    Event(
        ENTRIES,
        "server",
        "cbor-seq: [log id[16], size, note], then sequenced items as this reader may see them",
    ),
    Event(HEAD, "server", "CBOR [log id[16], size, note]; pull from your cursor"),
)
