"""Every sentence that a person sees, one JSON file per language, keyed by code (DESIGN 11).

Refuses to hold logic or mark-up: a sentence is plain text. Imported by clients and by the
server's commands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from cencomm_config.catalog.pseudo import PSEUDO, pseudo

DEFAULT_LANGUAGE = "en"
LANGUAGES = ("en", "fr")
LANGUAGE_VARIABLE = "CENCOMM_LANG"


def chosen_language(environ: Mapping[str, str]) -> str:
    """The language that a person chose: CENCOMM_LANG, else that of the machine, else English."""
    for name in (LANGUAGE_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"):
        wanted = environ.get(name, "")
        if wanted:
            language = wanted.replace("-", "_").partition("_")[0].partition(".")[0].lower()
            return language if language in (*LANGUAGES, PSEUDO) else DEFAULT_LANGUAGE
    return DEFAULT_LANGUAGE


@cache
def sentences(language: str = DEFAULT_LANGUAGE) -> dict[str, str]:
    """All sentences of one language by code; raises FileNotFoundError for one that is not here."""
    if language == PSEUDO:
        return {code: pseudo(text) for code, text in sentences().items()}
    source = resources.files(__package__).joinpath(f"{language}.json")
    loaded: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def sentence(code: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The sentence for `code`, or one that names a code this version does not know."""
    known = sentences(language)
    return known.get(code) or known["unknown_code"].replace("{code}", code)
