"""What the audience sees: participants, the running log, claims; drawn live with rich."""

from __future__ import annotations

import io
import os
import re
import time
from collections import deque
from pathlib import Path
from types import TracebackType

from cencomm_config.catalog import chosen_language, sentence
from cencomm_config.display import shown
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cencomm_client.demo.claims import Claim, Ledger
from cencomm_client.demo.scenario import PARTICIPANTS

_ROWS = 14


class Screen:
    """A live picture on a terminal; on anything else one plain line per event."""

    def __init__(self, console: Console, ledger: Ledger, picture: Path | None = None) -> None:
        self._picture = picture
        self._console = console
        self._ledger = ledger
        self._act = ""
        self._lines: deque[Text] = deque(maxlen=_ROWS)
        self._states = dict.fromkeys((person.key for person in PARTICIPANTS), "waiting")
        self._window: tuple[float, float] | None = None
        self._live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def act(self, name: str) -> None:
        """Begin an act; its title is the catalogue's (`label_act_...`)."""
        self._act = title = sentence(f"label_act_{name}", chosen_language(os.environ))
        if not self._console.is_terminal:
            self._console.print(f"== {title}")

    def snapshot(self) -> None:
        """Keep the frame as it is now as an SVG, if a picture was asked for."""
        if self._picture is None:
            return
        recorder = Console(
            record=True,
            width=104,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
        )
        recorder.print(self._draw())
        drawn = recorder.export_svg(title="make run")
        # the fonts that rich names would be fetched from a host; any fixed-width font will do
        drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
        self._picture.write_text(drawn.replace("Fira Code", "DejaVu Sans Mono"))

    def state(self, key: str, state: str) -> None:
        """Say what a participant's process is doing."""
        self._states[key] = state

    def window(self, opens_s: float, closes_s: float) -> None:
        """Draw the operation's window (Unix seconds)."""
        self._window = (opens_s, closes_s)

    def say(self, who: str, text: str, style: str = "") -> None:
        """A line of the running log; `text` may be foreign and is shown as such."""
        clock = time.strftime("%H:%M:%S")
        line = Text.assemble(
            (f"{clock} ", "dim"), (f"{who:<8} ", "bold cyan"), (shown(text), style)
        )
        self._lines.append(line)
        if not self._console.is_terminal:
            self._console.print(line)

    def claim(self, claim: Claim) -> None:
        """A claim was judged."""
        code = "label_claim_held" if claim.held else "label_claim_failed"
        text = sentence(code, chosen_language(os.environ))
        observers = ", ".join(claim.observed_by)
        said = text.format(sentence=claim.sentence, observers=observers)
        self.say("claim", said, "green" if claim.held else "bold red")

    def _draw(self) -> RenderableType:
        people = Table.grid(padding=(0, 1))
        for person in PARTICIPANTS:
            state = self._states[person.key]
            style = {"waiting": "dim", "removed": "red", "ready": "green"}.get(state, "yellow")
            people.add_row(Text(person.code, "bold"), Text(person.title, "dim"), Text(state, style))
        judged = len(self._ledger.claims)
        held = sum(claim.held for claim in self._ledger.claims)
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        head.add_row(
            Text(self._act, "bold"),
            Text(f"{held} of {len(self._ledger.expected)} claims held", "green")
            if held == judged
            else Text(f"{judged - held} claims FAILED", "bold red"),
        )
        return Group(
            head,
            Panel(people, title="one process each", border_style="blue"),
            self._clock(),
            Panel(Group(*self._lines), title="what happens", border_style="blue"),
        )

    def _clock(self) -> RenderableType:
        if self._window is None:
            return Text("the window is not set yet", "dim")
        opens, closes = self._window
        now = time.time()
        if now < opens:
            return Text(f"the window opens in {opens - now:.0f} s", "yellow")
        if now > closes:
            return Text("the window is over", "red")
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(ratio=1)
        row.add_column(justify="right")
        row.add_row(
            ProgressBar(total=closes - opens, completed=now - opens),
            Text(f"window closes in {closes - now:.0f} s"),
        )
        return row
