"""What an actor reports of a hostile server is foreign text, in the demonstration's summary too."""

from __future__ import annotations

import io
from typing import cast

from cencomm_client.demo.__main__ import Outcome, _summary
from cencomm_client.demo.cast import Cast
from cencomm_client.demo.claims import Ledger
from rich.console import Console


def test_a_failure_steers_no_terminal() -> None:
    """A51."""
    written = io.StringIO()
    failure = "refused: \x1b]0;owned\x07\x1b[2J\u202egood"
    outcome = Outcome(cast(Cast, None), Ledger(()), {"post_to_sight_ms": None}, failure)
    _summary(Console(file=written, force_terminal=False, width=200), outcome)
    assert "refused" in written.getvalue()
    assert not set("\x1b\x07\u202e") & set(written.getvalue())
