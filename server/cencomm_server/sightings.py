"""Where the server processes on a data folder answer, so that `doctor` can ask them.

Some faults show nowhere else: a clock that jumped under a running server, a log that stopped, a
process that hangs. One file a process, in the folder `running` of the data folder.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout
from cencomm_config.errors import ServiceCode

_log = structlog.get_logger()

FOLDER = "running"
ANSWER_S = 6.0  # above the time of the slowest check (`readiness`)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 what the settings may say


@dataclass(frozen=True, slots=True)
class Sighting:
    """A server process that took our connection; `checks` as /readyz gave them."""

    pid: int
    checks: dict[str, str]


@contextlib.contextmanager
def shown(data: Path, pid: int, url: str) -> Iterator[None]:
    """Say where process `pid` answers, until the block ends; a killed one leaves its file."""
    file = data / FOLDER / f"{pid}.json"
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(json.dumps({"pid": pid, "url": url}) + "\n", encoding="ascii")
    except OSError as error:  # a data folder that only holds keys may be read-only
        _log.info("not_shown_to_doctor", reason=error.strerror)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


async def look(data: Path) -> list[Sighting]:
    """Ask every server that was started on this folder and still has its port."""
    found = []
    for file in sorted((data / FOLDER).glob("*.json")):
        try:
            said = json.loads(file.read_text(encoding="ascii"))
            pid, url = int(said["pid"]), str(said["url"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it ended while we read
        checks = await _ask(url)
        if checks is not None:
            found.append(Sighting(pid, checks))
    return found


async def _ask(url: str) -> dict[str, str] | None:
    """The checks of /readyz; None if nobody listens there any more."""
    parts = urlsplit(url)
    host = _ANYWHERE.get(parts.hostname or "", "")
    place = f"{host}:{parts.port}" if host else parts.netloc
    try:
        # Its certificate is for the name that people use, and this is our own machine.
        async with (
            ClientSession(timeout=ClientTimeout(total=ANSWER_S)) as session,
            session.get(f"{parts.scheme}://{place}/readyz", ssl=False) as answer,
        ):
            checks = (await answer.json())["checks"]
            return {str(part): str(code) for part, code in checks.items()}
    except TimeoutError:
        return {"server": str(ServiceCode.TOO_BUSY)}
    except (ClientError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
