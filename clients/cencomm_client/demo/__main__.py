"""`python -m cencomm_client.demo`: play the operation, judge it, leave the server up.

With ONCE=1, or without a terminal, it ends after the judgement: the last line is JSON that
lists every claim. Exit status 0 only if all held and nobody raised an alarm: at the first one
the play is broken off, and the last line names the rows of docs/attacks.md that were noticed.
CENCOMM_DEMO_DIR says where its files go, CENCOMM_DEMO_PICTURE where to keep a picture of the
screen (SVG), CENCOMM_DEMO_SERVER what to start in the place of `cencomm-server run`.
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
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cencomm_config.display import shown
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.play import Play
from cencomm_client.demo.processes import ActorFailed, make_ready
from cencomm_client.demo.scenario import DEPLOYMENT, EXPECTED_CLAIMS
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.server import Server, ServerFailed, initialise

PORT = 8470
HEAR_OUT_S = 2.0  # from the first alarm to the end of the play: others may notice it too


async def main() -> int:
    """Run the demonstration; returns the exit status."""
    once = os.environ.get("ONCE", "") not in ("", "0") or not sys.stdout.isatty()
    console = Console()
    folder = Path(os.environ.get("CENCOMM_DEMO_DIR", ".run/demo")) / time.strftime("%Y%m%d-%H%M%S")
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    began = time.monotonic()
    keys, _ = await asyncio.gather(initialise(folder / "server", DEPLOYMENT), make_ready())
    server = await _start_server(folder, once)
    try:
        outcome = await _perform(console, folder, server, keys, began)
        _summary(console, outcome)
        if not once and outcome.good:
            await _stay(console, folder, server, outcome.cast)
    finally:
        await server.stop()
    if once:
        sys.stdout.write(json.dumps(outcome.as_json()) + "\n")
    return 0 if outcome.good else 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the ledger, the figures, and what stopped the play, if anything did."""

    cast: Cast
    ledger: Ledger
    measured: dict[str, Any]
    failure: str | None

    @property
    def good(self) -> bool:
        """Whether every claim was judged and held, and nobody raised an alarm."""
        return self.ledger.all_held and self.failure is None and not self.cast.noticed

    def as_json(self) -> dict[str, Any]:
        """The last line for programs."""
        return {
            "ok": self.good,
            "failure": self.failure,
            "rows": sorted({noticed.row for noticed in self.cast.noticed}),
            "alarms": [noticed.as_json() for noticed in self.cast.noticed],
            "missing": list(self.ledger.missing),
            "measured": self.measured,
            "claims": [claim.as_json() for claim in self.ledger.claims],
        }


async def _start_server(folder: Path, once: bool) -> Server:
    """On the usual port if the server is to stay up and the port is free, else on any."""
    data, log = folder / "server", folder / "server.log"
    if not once:
        with contextlib.suppress(ServerFailed):
            return await Server.start(data, log, PORT)
    return await Server.start(data, log)


async def _perform(
    console: Console, folder: Path, server: Server, keys: dict[str, Any], began: float
) -> Outcome:
    ledger = Ledger(EXPECTED_CLAIMS)
    failure: str | None = None
    picture = os.environ.get("CENCOMM_DEMO_PICTURE")
    with Screen(console, ledger, Path(picture) if picture else None) as screen:
        cast = Cast(folder, server, keys, screen)
        play = Play(cast, screen, ledger)
        try:
            await _until_an_alarm(cast, _play(play, screen, began))
        except (ActorFailed, ServerFailed) as error:
            failure = str(error)
        finally:
            await cast.stop()
    measured = {
        **play.measured,
        "post_to_sight_ms": _spread(play.latencies_ms),
        "total_s": round(time.monotonic() - began, 1),
    }
    return Outcome(cast, ledger, measured, failure)


async def _play(play: Play, screen: Screen, began: float) -> None:
    screen.act("doors")
    await play.cast.enrol()
    play.measured["enrolment_s"] = round(time.monotonic() - began, 1)
    await play.run()


async def _until_an_alarm(cast: Cast, play: Coroutine[Any, Any, None]) -> None:
    """Play to the end, or until somebody raised an alarm and the others had time to see it."""
    playing = asyncio.create_task(play)
    alarmed = asyncio.create_task(cast.alarmed.wait())
    try:
        await asyncio.wait({playing, alarmed}, return_when=asyncio.FIRST_COMPLETED)
        if alarmed.done():
            await asyncio.wait({playing}, timeout=HEAR_OUT_S)
        failed = playing.exception() if playing.done() else None
        expected = isinstance(failed, ActorFailed | ServerFailed)
        if failed is not None and (expected or not alarmed.done()):
            raise failed  # what else an act trips over after an alarm is the alarm's doing
    finally:
        for task in (playing, alarmed):
            task.cancel()
        await asyncio.gather(playing, alarmed, return_exceptions=True)


def _spread(latencies: list[float]) -> dict[str, float]:
    if not latencies:
        return {}
    ordered = sorted(latencies)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "max": round(ordered[-1], 1),
    }


def _summary(console: Console, outcome: Outcome) -> None:
    ledger, measured = outcome.ledger, outcome.measured
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
    for noticed in outcome.cast.noticed:
        line = f"{noticed.who} noticed {noticed.row}: {noticed.code}: {noticed.detail}"
        console.print(Text(shown(line), "bold red"))
    spread = measured["post_to_sight_ms"]
    if spread:
        console.print(
            f"From post to sight by another process: p50 {spread['p50']} ms, longest"
            f" {spread['max']} ms ({spread['count']} sights). Everybody enrolled in"
            f" {measured['enrolment_s']} s; all in {measured['total_s']} s."
        )
    if outcome.failure:
        console.print(Text(shown(outcome.failure), "bold red"))


async def _stay(console: Console, folder: Path, server: Server, cast: Cast) -> None:
    """Leave the server up, and say how to look around oneself."""
    password = folder / "fr.password"
    await asyncio.to_thread(_write_secret, password, cast.passwords["fr"])
    lines = (
        f"export CENCOMM_CLIENT_VAULT={shlex.quote(str(folder / 'fr.vault'))}",
        f"p={shlex.quote(str(password))}  # the investigator's password, in a file",
        f".venv/bin/python -m cencomm_client.demo.code {shlex.quote(str(folder / 'fr.totp'))} |",
        "  .venv/bin/cencomm login --password-file $p --totp-file -",
        ".venv/bin/cencomm follow MERIDIAN --once --password-file $p",
        ".venv/bin/cencomm verify MERIDIAN --password-file $p",
    )
    console.print(
        f"The server stays up at {server.url} until Ctrl-C. As FR-014, in another terminal:"
    )
    console.print()
    for line in lines:  # as it is, to be copied: no frame, no wrapping
        console.print(Text(f"  {line}", "bold"), soft_wrap=True)
    console.print()
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
