"""`python -m cencomm_client.demo`: play the operation, judge it, leave the server up.

With ONCE=1, or without a terminal, it ends after the judgement: the last line is JSON that
lists every claim. Exit status 0 only if all held.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.play import Play
from cencomm_client.demo.processes import ActorFailed
from cencomm_client.demo.scenario import DEPLOYMENT, EXPECTED_CLAIMS
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.server import Server, ServerFailed, initialise

PORT = 8470


async def main() -> int:
    """Run the demonstration; returns the exit status."""
    once = os.environ.get("ONCE", "") not in ("", "0") or not sys.stdout.isatty()
    console = Console()
    folder = Path(os.environ.get("CENCOMM_DEMO_DIR", ".run/demo")) / time.strftime("%Y%m%d-%H%M%S")
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    ledger = Ledger(EXPECTED_CLAIMS)
    began = time.monotonic()
    keys = await initialise(folder / "server", DEPLOYMENT)
    server = await Server.start(folder / "server", folder / "server.log", 0 if once else PORT)
    failure: str | None = None
    with Screen(console, ledger) as screen:
        cast = Cast(folder, server, keys["log_key"], screen)
        play = Play(cast, screen, ledger)
        try:
            screen.act("0. Keys, enrolment, login")
            await cast.enrol()
            enrolled_s = time.monotonic() - began
            await play.run()
        except (ActorFailed, ServerFailed) as error:
            failure = str(error)
            enrolled_s = time.monotonic() - began
        finally:
            await cast.stop()
    measured = {
        "enrolment_s": round(enrolled_s, 1),
        "total_s": round(time.monotonic() - began, 1),
        "post_to_sight_ms": _spread(play.latencies_ms),
        **play.measured,
    }
    _summary(console, ledger, measured, failure)
    good = ledger.all_held and failure is None
    if not once and good:
        await _stay(console, folder, server, cast)
    await server.stop()
    result = {
        "ok": good,
        "failure": failure,
        "missing": list(ledger.missing),
        "measured": measured,
        "claims": [claim.as_json() for claim in ledger.claims],
    }
    if once:
        sys.stdout.write(json.dumps(result) + "\n")
    return 0 if good else 1


def _spread(latencies: list[float]) -> dict[str, float]:
    if not latencies:
        return {}
    ordered = sorted(latencies)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "max": round(ordered[-1], 1),
    }


def _summary(
    console: Console, ledger: Ledger, measured: dict[str, Any], failure: str | None
) -> None:
    table = Table(title="Operation MERIDIAN: what was shown, and who saw it")
    table.add_column("", width=6)
    table.add_column("claim")
    table.add_column("acted")
    table.add_column("seen by")
    for claim in ledger.claims:
        mark = Text("held", "green") if claim.held else Text("FAILED", "bold red")
        table.add_row(mark, claim.sentence, claim.acted, ", ".join(claim.observed_by))
    for name in ledger.missing:
        table.add_row(Text("MISSED", "bold red"), name, "", "")
    console.print(table)
    spread = measured["post_to_sight_ms"]
    if spread:
        console.print(
            f"From post to sight by another process: p50 {spread['p50']} ms, longest"
            f" {spread['max']} ms ({spread['count']} sights). Everybody enrolled in"
            f" {measured['enrolment_s']} s; all in {measured['total_s']} s."
        )
    if failure:
        console.print(Text(failure, "bold red"))


async def _stay(console: Console, folder: Path, server: Server, cast: Cast) -> None:
    """Leave the server up, and say how to look around oneself."""
    vault = shlex.quote(str(folder / "fr.vault"))
    password = folder / "fr.password"
    code_file = shlex.quote(str(folder / "fr.totp"))
    await asyncio.to_thread(_write_secret, password, cast.passwords["fr"])
    words = f"--vault {vault} --password-file {shlex.quote(str(password))}"
    console.print(
        Panel(
            f"The server stays up at {server.url} until Ctrl-C. As FR-014, in another terminal:\n\n"
            f"  .venv/bin/cencomm {words} login --totp-file {code_file}\n"
            f"  .venv/bin/cencomm {words} operation list\n"
            f"  .venv/bin/cencomm {words} verify MERIDIAN\n",
            title="look around",
            border_style="green",
        )
    )
    with contextlib.suppress(asyncio.CancelledError):
        await server.wait()


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n")


def run() -> None:
    """Console entry."""
    try:
        status = asyncio.run(main())
    except KeyboardInterrupt:
        status = 0
    except ServerFailed as error:
        sys.stderr.write(f"{error}\n")
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    run()
