"""How a bot is: one document, in a file beside the queue and at an address on loopback.

Numbers, states and codes only: nothing of what a hit says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from cencomm_client.bots.queued import Counts

ENDING = ".status"


@dataclass(slots=True)
class Health:
    """What a bot tells of itself; times in ms since 1970 UTC, 0 for never."""

    operation: str
    channel: str
    source: str
    rate: int
    started_at: int
    waiting: int = 0  # on the disk, not in the log yet
    posted: int = 0
    refused: int = 0  # by the server, for good
    invalid: int = 0  # no hits at all, since the process began
    known: int = 0  # told again, since the process began
    answered: int = 0  # results that were told, since the process began
    unopened: int = 0  # results that no key of this device opens, since the process began
    last_success_at: int = 0
    left_this_hour: int = 0
    next_slot_at: int = 0  # when the rate lets the next one out
    live: bool = False
    blocked: str = ""  # the code of what keeps everything waiting
    detail: str = ""
    at: int = 0

    def count(self, counts: Counts) -> None:
        """Take the queue's numbers over."""
        self.waiting = counts.waiting + counts.signed
        self.posted, self.refused = counts.posted, counts.refused
        self.last_success_at = max(self.last_success_at, counts.last_ms)

    @property
    def well(self) -> bool:
        """Whether hits go out, or there is none, or only the rate keeps them."""
        return not self.blocked

    def document(self) -> dict[str, Any]:
        """The document for programs."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"well": self.well, "pid": os.getpid(), **named}

    def write(self, path: Path) -> None:
        """Replace the file; a torn one is never seen. Not forced to the disk: it is no evidence."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(self.document()) + "\n", encoding="utf-8")
        fresh.replace(path)


def read_status(path: Path) -> Mapping[str, Any] | None:
    """What a running bot wrote, or one that ended; None if it is no such file."""
    with suppress(OSError, ValueError):
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
    return None


def health_application(health: Health) -> web.Application:
    """`GET /healthz`: the document; 200 if well, 503 if something keeps all hits waiting."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(health.document(), status=200 if health.well else 503)

    application = web.Application()
    application.router.add_get("/healthz", answer)
    return application
