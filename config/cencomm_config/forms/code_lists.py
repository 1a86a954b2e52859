"""The small code lists that forms use, with names in the reader's language.

Countries, currencies and languages are those of pycountry, their names those of babel (CLDR).
UN/LOCODE and the Harmonized System are too large to carry: a person imports them
(`cencomm lists import`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from cencomm_config.catalog import DEFAULT_LANGUAGE, LANGUAGES

if TYPE_CHECKING:
    from babel import Locale

# pycountry and babel are imported where they are used: no command waits for lists it does not need.
# Kosovo: no ISO 3166-1 code, but XK is what the Union's and many other customs systems use.
_USER_ASSIGNED = frozenset({"XK"})


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes."""
    import pycountry

    return frozenset(one.alpha_2 for one in pycountry.countries) | _USER_ASSIGNED


@cache
def currencies() -> frozenset[str]:
    """ISO 4217 alphabetic codes."""
    import pycountry

    return frozenset(one.alpha_3 for one in pycountry.currencies)


@cache
def languages() -> frozenset[str]:
    """ISO 639-1 codes."""
    import pycountry

    return frozenset(one.alpha_2 for one in pycountry.languages if hasattr(one, "alpha_2"))


def named(name: str, language: str) -> Mapping[str, str] | None:
    """Code to name of the list behind the format `name`; None if there is no small list."""
    if name in ("iso3166", "iso4217", "iso639"):
        return dict(_of_cldr(name, language))
    return None


def _of_cldr(name: str, language: str) -> Iterator[tuple[str, str]]:
    locale = _locale(language)
    codes, names = {
        "iso3166": (countries, locale.territories),
        "iso4217": (currencies, locale.currencies),
        "iso639": (languages, locale.languages),
    }[name]
    for code in sorted(codes()):
        yield code, names.get(code, code)


@cache
def _locale(language: str) -> Locale:
    from babel import Locale

    return Locale.parse(language if language in LANGUAGES else DEFAULT_LANGUAGE)
