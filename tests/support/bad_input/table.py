"""docs/bad-input.md: every case with its answer, as the application gives it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.mallory.founding import build
from tests.mallory.harness import staged
from tests.support.bad_input import accounts, directory, entries, http, rights, sealed, sockets
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import CASES, Case

DOCUMENT = Path(__file__).parents[3] / "docs" / "bad-input.md"
MODULES = (http, accounts, entries, rights, directory, sockets, sealed)
SETTINGS = {"login_tries": 100, "invitations_per_person": 1000}
HEAD = """# Bad input

What is not in order gets a stable code and a sentence that says what was expected. This table is
written by `python -m tests.support.bad_input` from what the application answers, and
`tests/integration/test_bad_input.py` holds the two together; there it also sends {generated} more,
made from sound ones by a seed. After each of them the root of every log is what it was, and
the next honest post goes through.

Before somebody is known, and where sealed bytes do not open, there is one code, one sentence and
one time for whatever is wrong. The *mark* is the HTTP status; on the live socket `ack` is an
acknowledgement, `connect` a connect error, a number the close code; `client` is the SDK itself.
Numbers and ids that change from run to run stand as N and ….
"""
_CHANGING = (
    (re.compile(r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b|\b0{16,}\b"), "…"),
    (re.compile(r"\b1[0-9]{12}\b"), "N"),  # a time
    (re.compile(r"(?<!\.)\b(byte|size|has|before|after|entry|serial|<=) \d+"), r"\1 N"),
    (re.compile(r"more than \d+ expected"), "more than N expected"),
    (re.compile(r"\[\d+, …\]"), "[N, …]"),
    (re.compile(r"\d+ expected from"), "N expected from"),
    (re.compile(r"is not JSON \(.*\);"), "is not JSON (…);"),
)
GROUPS = (
    "bytes on the wire", "HTTP", "JSON", "cursors and ids", "tokens", "login",
    "accounts and enrolment", "live socket", "submissions", "headers", "bodies",
    "signatures and replays", "rights", "decisions", "heads", "time and phases", "epochs",
    "directory", "root signatures", "sealed bytes",
)  # fmt: skip
"""The order of the page; a group that is not here is an error."""


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """The application with its people, ready for all cases."""
    for name in ("world", "stage"):
        (folder / name).mkdir()
    world = await build(folder / "world")
    async with (
        staged(world, folder / "stage", settings=SETTINGS) as stage,
        aiohttp.ClientSession() as session,
    ):
        yield await Bench.prepare(stage, session)


def steady(detail: str) -> str:
    """A sentence without what changes from run to run."""
    for pattern, replacement in _CHANGING:
        detail = pattern.sub(replacement, detail)
    return detail


def render(answers: Mapping[str, Answer], generated: int) -> str:
    """The whole page; `answers` by `Case.id`."""
    lines = [HEAD.format(generated=f"{generated:,}")]
    for group in GROUPS:
        lines.append(f"\n## {group[0].upper()}{group[1:]}\n")
        lines.append("| sent | code | mark | sentence |\n|---|---|---|---|")
        lines += [_line(case, answers[case.id]) for case in CASES if case.group == group]
    return "\n".join(lines) + "\n"


def _line(case: Case, answer: Answer) -> str:
    sentence = steady(answer.detail).replace("|", "\\|")
    return f"| {case.name} | `{answer.code}` | {answer.mark} | {sentence} |"
