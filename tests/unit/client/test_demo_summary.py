"""What an actor reports of a hostile server is foreign text, in the demonstration's summary too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast

from cencomm_client.demo.__main__ import Outcome, _summary
from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from cencomm_client.demo.processes import Noticed
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.server import Server
from rich.console import Console

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egood"


def test_a_failure_steers_no_terminal() -> None:
    """A51."""
    written = io.StringIO()
    actors = Cast(Path(), cast(Server, None), {}, cast(Screen, None))
    actors.noticed.append(Noticed("FR-014", "A2", "log_split", f"forked {HOSTILE}"))
    failure = f"refused: {HOSTILE}"
    outcome = Outcome(actors, Ledger(()), {"post_to_sight_ms": None}, failure)
    _summary(Console(file=written, force_terminal=False, width=200), outcome)
    assert "forked" in written.getvalue()
    assert "refused" in written.getvalue()
    assert not set("\x1b\x07\u202e") & set(written.getvalue())
