"""Checks of single values: each takes what was typed and gives its normal form, or says what is
expected, with the right check digit where there is one (DOMAIN "Identifiers with checks").
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stdnum import casrn, imo, iso6346
from stdnum.exceptions import ValidationError

from cencomm_client.forms.fields import WrongValue

# UN/CEFACT Recommendation 20, the units that customs reports use (DOMAIN).
UNITS = frozenset(
    [
        "KGM",
        "GRM",
        "MGM",
        "TNE",
        "LTR",
        "MLT",
        "MTQ",
        "H87",
        "NAR",
        "MIL",
        "STC",
        "CTM",
        "MTR",
        "CMT",
        "MTK",
        "NPR",
        "NMP",
        "XBX",
        "XPK",
    ]
)
# UN/CEFACT Recommendation 19: mode of transport.
MODES = {
    "0": "not specified",
    "1": "maritime",
    "2": "rail",
    "3": "road",
    "4": "air",
    "5": "mail",
    "6": "multimodal",
    "7": "fixed installation",
    "8": "inland water",
    "9": "not applicable",
}
_CONTAINER = re.compile(r"[A-Z]{3}[UJZR][0-9]{7}")
_SHIP = re.compile(r"[0-9]{7}")
_LOCODE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")
_CAS = re.compile(r"[1-9][0-9]{1,6}-[0-9]{2}-[0-9]")


def container(text: str) -> str:
    """A container number by ISO 6346: owner, U/J/Z/R, six digits and the check digit."""
    number = _compact(text)
    if not _CONTAINER.fullmatch(number):
        raise WrongValue("3 letters, one of U J Z R, 7 digits (ISO 6346)")
    digit = iso6346.calc_check_digit(number[:-1])
    if digit != number[-1]:
        raise WrongValue(f"check digit {digit}, so {number[:-1]}{digit} (ISO 6346)")
    return number


def vessel(text: str) -> str:
    """A ship's IMO number: seven digits, the last a check digit."""
    number = _compact(text).removeprefix("IMO")
    if not _SHIP.fullmatch(number):
        raise WrongValue("7 digits (IMO ship number)")
    digit = imo.calc_check_digit(number[:-1])
    if digit != number[-1]:
        raise WrongValue(f"check digit {digit}, so {number[:-1]}{digit} (IMO ship number)")
    return number


def cas(text: str) -> str:
    """A CAS registry number with its hyphens."""
    number = text.strip()
    if not _CAS.fullmatch(number):
        raise WrongValue("digits, 2 digits, 1 digit with hyphens (CAS number)")
    try:
        return casrn.validate(number)
    except ValidationError:
        digit = casrn.calc_check_digit(number[:-1])
        raise WrongValue(f"check digit {digit}, so {number[:-1]}{digit} (CAS number)") from None


def locode(text: str) -> str:
    """A UN/LOCODE: country and place, five characters; the form only, not the list."""
    number = _compact(text)
    if not _LOCODE.fullmatch(number):
        raise WrongValue("2 letters and 3 of A-Z 2-9 (UN/LOCODE)")
    return number


def country(text: str) -> str:
    """A country as two letters (ISO 3166-1)."""
    return _matching(_COUNTRY, text, "2 letters (ISO 3166)")


def currency(text: str) -> str:
    """A currency as three letters (ISO 4217)."""
    return _matching(_CURRENCY, text, "3 letters (ISO 4217)")


def heading(text: str) -> str:
    """A Harmonized System code of 2, 4 or 6 digits; chapters 01 to 97, without 77."""
    number = text.strip().replace(".", "").replace(" ", "")
    if not (number.isascii() and number.isdigit() and len(number) in (2, 4, 6)):
        raise WrongValue("2, 4 or 6 digits (HS)")
    if not 1 <= int(number[:2]) <= 97 or number[:2] == "77":
        raise WrongValue("a chapter from 01 to 97 other than 77 (HS)")
    return number


def unit(text: str) -> str:
    """A unit of UN/CEFACT Recommendation 20."""
    return one_of(UNITS)(text.strip().upper())


def mode(text: str) -> str:
    """A mode of transport, one digit of UN/CEFACT Recommendation 19."""
    return one_of(MODES)(text.strip())


def decimal(text: str) -> str:
    """An amount: digits, at most 6 after a point; the sealed bytes hold no floats."""
    return _matching(_DECIMAL, text, "digits with at most 6 after the point")


def one_of(words: frozenset[str] | dict[str, str]) -> Callable[[str], str]:
    """A check that takes one of a few words."""

    def check(text: str) -> str:
        if text not in words:
            raise WrongValue("one of " + " ".join(sorted(words)))
        return text

    return check


def prose(most: int) -> Callable[[str], str]:
    """A check for free text of 1 to `most` characters."""

    def check(text: str) -> str:
        if not 0 < len(text.strip()) <= most:
            raise WrongValue(f"1 to {most} characters")
        return text.strip()

    return check


def _compact(text: str) -> str:
    return text.replace(" ", "").replace("-", "").upper()


def _matching(pattern: re.Pattern[str], text: str, expected: str) -> str:
    value = text.strip().upper()
    if not pattern.fullmatch(value):
        raise WrongValue(expected)
    return value
