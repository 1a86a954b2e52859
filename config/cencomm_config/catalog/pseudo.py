"""A language that nobody speaks, made from the English sentences: `⟦Ñôţ ƒôûñđ⟧`.

Whatever stands on a screen without it did not come from the catalogue. `CENCOMM_LANG=qps` shows a
program in it (BCP 47 keeps `qps` for this).
"""

from __future__ import annotations

import re

PSEUDO = "qps"
_ACCENTED = str.maketrans("aceinostuyACEINOSTUY", "àçéîñôšţûýÀÇÉÎÑÔŠŢÛÝ")
_PLACE = re.compile(r"(\{[^}]*\}|`[^`]*`)")


def pseudo(text: str) -> str:
    """A sentence in it; places and names of commands stay."""
    end = "." if text.endswith(".") else ""
    parts = _PLACE.split(text.removesuffix("."))
    made = (part if _PLACE.fullmatch(part) else part.translate(_ACCENTED) for part in parts)
    return f"⟦{''.join(made)}⟧{end}"
