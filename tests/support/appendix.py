"""Write Appendix A of crypto/PROTOCOL.md from the shapes: `python -m tests.support.appendix`."""

from __future__ import annotations

from pathlib import Path

from cencomm_crypto.public.cddl import render

PROTOCOL = Path(__file__).parents[2] / "crypto" / "PROTOCOL.md"
START, END = "<!-- cddl -->\n```cddl\n", "```\n<!-- /cddl -->\n"


def current() -> str:
    """What stands in the specification between the marks."""
    return PROTOCOL.read_text().partition(START)[2].partition(END)[0]


def write() -> None:
    """Replace it by what the shapes say."""
    before, _, rest = PROTOCOL.read_text().partition(START)
    after = rest.partition(END)[2]
    PROTOCOL.write_text(before + START + render() + END + after)


if __name__ == "__main__":
    write()
