"""Write docs/bad-input.md from what the application answers."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import structlog

from tests.support.bad_input.cases import CASES
from tests.support.bad_input.mutations import COUNTS
from tests.support.bad_input.table import DOCUMENT, bench, render


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with bench(Path(folder)) as made:
            answers = {case.id: await case.send(made) for case in CASES}
    DOCUMENT.write_text(render(answers, sum(COUNTS.values())))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    asyncio.run(_write())
