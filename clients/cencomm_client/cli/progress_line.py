"""One line on standard error while a long log is read: what is done, and how far it is.

Shown where a person looks, and only where it takes longer than a moment; gone once it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from cencomm_client.progress import Stage

PATIENCE_S = 0.7  # nobody wonders earlier


class ProgressLine:
    """Hears `Settings.progress`; use it as a context manager, which leaves nothing behind."""

    def __init__(
        self,
        console: Console,
        word: Callable[[Stage], str],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`console` of standard error; `word` says what a stage is called."""
        self._console, self._word, self._patience_s = console, word, patience_s
        self._stage: Stage | None = None
        self._began = 0.0
        self._shown: tuple[Progress, TaskID] | None = None
        self._muted = not console.is_terminal

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Show how far it is."""
        if self._muted:
            return
        if stage is not self._stage:
            self._clear()
            self._stage, self._began = stage, time.monotonic()
        if done >= total:
            self._clear()
        elif self._shown is not None:
            line, task = self._shown
            line.update(task, completed=done, total=total)
            line.refresh()
        elif time.monotonic() - self._began >= self._patience_s:
            self._shown = self._show(self._word(stage), done, total)

    def mute(self) -> None:
        """Show nothing from now on: somebody else draws on the terminal, or a program reads."""
        self._clear()
        self._muted = True

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def _show(self, word: str, done: int, total: int) -> tuple[Progress, TaskID]:
        line = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            console=self._console,
            auto_refresh=False,  # told often enough: a thread of its own would only take turns
            transient=True,
        )
        task = line.add_task(word, completed=done, total=total)
        line.start()
        return line, task

    def _clear(self) -> None:
        if self._shown is not None:
            self._shown[0].stop()
        self._shown = self._stage = None
