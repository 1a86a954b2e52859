"""Every sentence that a person sees, one JSON file per language, keyed by code (DESIGN 11).

Refuses to hold logic or mark-up: a sentence is plain text. Imported by clients and by the
server's commands.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

DEFAULT_LANGUAGE = "en"


@cache
def sentences(language: str = DEFAULT_LANGUAGE) -> dict[str, str]:
    """All sentences of one language by code; raises FileNotFoundError for one that is not here."""
    source = resources.files(__package__).joinpath(f"{language}.json")
    loaded: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def sentence(code: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The sentence for `code`, or one that names a code this version does not know."""
    known = sentences(language)
    return known.get(code) or known["unknown_code"].replace("{code}", code)
