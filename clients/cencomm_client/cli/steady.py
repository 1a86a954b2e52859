"""Text from right to left beside text from left to right: each keeps its place in the line.

A terminal that turns Arabic or Hebrew moves the numbers that come after it too: the entry number
of the next column would stand on the wrong side of a name (A51). A left-to-right mark, which has no
width, ends such text. It comes after what was cut to its width, so that no cut takes it away;
marks of others never get this far, `shown` replaces them.
"""

from __future__ import annotations

import unicodedata

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

MARK = "\N{LEFT-TO-RIGHT MARK}"
_TURNED = frozenset(["R", "AL", "AN"])  # classes of Unicode's bidirectional algorithm (UAX 9)


class Steady:
    """What is drawn, with a mark behind every piece that holds text from right to left."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._drawn, options):
            yield segment if segment.control else Segment(steadied(segment.text), segment.style)


def steadied(text: str) -> str:
    """`text`, with the mark at its end if anything in it runs from right to left."""
    if text.isascii() or not any(unicodedata.bidirectional(char) in _TURNED for char in text):
        return text
    line = text.rstrip("\n")
    return line + MARK + text[len(line) :]
