"""Checks of identifiers: each takes what was typed and gives its normal form, or says what is
expected, with the right check digit where there is one (DOMAIN "Identifiers with checks").

Forms hold the normal form alone: two reports of one container then hold the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from stdnum import casrn, ean, imo

from cencomm_config.forms import code_lists
from cencomm_config.forms.errors import WrongValue

_CONTAINER = re.compile(r"[A-Z]{3}[UJZR][0-9]{7}")
_CONTAINER_BARE = re.compile(r"[A-Z]{3}[UJZR][0-9]{6}")  # as people write it from memory
_SHIP = re.compile(r"[1-9][0-9]{6}")  # 0000000 only fills a form up, with a right check digit
_MMSI = re.compile(r"([2-7][0-9]{8}|98[2-7][0-9]{6}|111[2-7][0-9]{5})")
_WAYBILL = re.compile(r"[0-9]{11}")
_POSTAL = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
_MOVEMENT = re.compile(r"[0-9]{2}[A-Z]{2}[A-Z0-9]{13}[0-9]")
_PRODUCT = re.compile(r"[0-9]{8}|[0-9]{12}|[0-9]{13}|[0-9]{14}")
_CHEMICAL = re.compile(r"[1-9][0-9]{1,6}-[0-9]{2}-[0-9]")
_PLACE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}")
_HEADING = re.compile(r"[0-9]{2}([0-9]{2}){0,2}")
_NATIONAL = re.compile(r"[0-9]{8}|[0-9]{10}")  # what the Union, or a country, added to six digits
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")
_LEAF = re.compile(r"[0-9a-f]{64}")
_POSTAL_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
CODES_KEPT = 4096  # of each kind
LONGEST = 64  # characters of any identifier
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_OPEN_SEA = "XZ"  # UN/LOCODE's own "country" of installations in international waters


def container(text: str) -> str:
    """A container number by ISO 6346: owner, U J Z or R, six digits and the check digit."""
    number = _compact(text)
    if _CONTAINER_BARE.fullmatch(number):
        raise WrongValue("field_iso6346_lacks", number=number + _digit_of_letters(number))
    _shaped(_CONTAINER, number, "iso6346")
    return _ending(number, _digit_of_letters(number[:-1]), "ISO 6346")


def vessel(text: str) -> str:
    """A ship's IMO number: seven digits, the last a check digit (IMO A.1117(30))."""
    number = _shaped(_SHIP, _compact(text).removeprefix("IMO"), "imo")
    return _ending(number, imo.calc_check_digit(number[:-1]), "IMO")


def mmsi(text: str) -> str:
    """A maritime identity of a ship, its craft or an aircraft (ITU-R M.585); no check digit."""
    return _shaped(_MMSI, _compact(text), "mmsi")


def waybill(text: str) -> str:
    """An air waybill: 3 digits of the airline, a 7-digit serial, its remainder by 7 (IATA 600a)."""
    number = _shaped(_WAYBILL, _compact(text), "awb")
    return _ending(number, str(int(number[3:10]) % 7), "IATA 600a")


def postal(text: str) -> str:
    """A postal item by UPU S10: service, 8 digits, weighted mod 11, country."""
    number = _shaped(_POSTAL, _compact(text), "s10")
    total = sum(
        weight * int(digit) for weight, digit in zip(_POSTAL_WEIGHTS, number[2:10], strict=True)
    )
    digit = {10: "0", 11: "5"}.get(11 - total % 11, str(11 - total % 11))
    return _ending(number, digit, "UPU S10", place=10)


def movement(text: str) -> str:
    """A movement reference number of the Union and common transit: year, country, 13, check digit.

    The digit is that of ISO 6346 over 17 places (TAXUD DGXXI/0879/99).
    """
    number = _shaped(_MOVEMENT, _compact(text), "mrn")
    return _ending(number, _digit_of_letters(number[:-1]), "MRN")


def product(text: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits (GS1 General Specifications 7.9)."""
    number = _shaped(_PRODUCT, _compact(text), "gtin")
    return _ending(number, ean.calc_check_digit(number[:-1]), "GTIN")


def chemical(text: str) -> str:
    """A CAS registry number with its hyphens."""
    number = _shaped(_CHEMICAL, _hyphened(text).strip(), "cas")
    return _ending(number, casrn.calc_check_digit(number[:-1].replace("-", "")), "CAS")


def place(text: str) -> str:
    """A UN/LOCODE: country and place, five characters; the form only, not the list."""
    number = _shaped(_PLACE, _compact(text), "locode")
    if number[:2] != _OPEN_SEA and number[:2] not in code_lists.countries():
        raise WrongValue("field_locode_country", country=number[:2])
    return number


def heading(text: str) -> str:
    """A Harmonized System code of 2, 4 or 6 digits; chapters 01 to 97, without 77."""
    number = _compact(text).replace(".", "")
    national = _NATIONAL.fullmatch(number) is not None
    if not national:
        _shaped(_HEADING, number, "hs")
    if not 1 <= int(number[:2]) <= 97 or number[:2] == "77":
        raise WrongValue("field_hs_chapter")
    if national:
        raise WrongValue("field_hs_national", number=number[:6])
    return number


def country(text: str) -> str:
    """A country as two letters (ISO 3166-1; XK too, code_lists says why)."""
    return _listed(text, code_lists.countries(), "field_iso3166")


def currency(text: str) -> str:
    """A currency as three letters (ISO 4217)."""
    return _listed(text, code_lists.currencies(), "field_iso4217")


def language(text: str) -> str:
    """A language as two letters (ISO 639-1)."""
    value = text.strip()
    value = value.lower() if value.isascii() else value
    if value not in code_lists.languages():
        raise WrongValue("field_iso639")
    return value


def decimal(text: str) -> str:
    """An amount: digits, at most 6 after a point; the sealed bytes hold no floats."""
    return _shaped(_DECIMAL, text.strip(), "decimal")


def leaf(text: str) -> str:
    """An entry by its leaf hash, 64 hex digits; 32 bytes in the sealed content."""
    return _shaped(_LEAF, text.strip().lower(), "leaf")


CHECKS: dict[str, Callable[[str], str]] = {
    "iso6346": container,
    "imo": vessel,
    "mmsi": mmsi,
    "awb": waybill,
    "s10": postal,
    "mrn": movement,
    "gtin": product,
    "cas": chemical,
    "locode": place,
    "hs": heading,
    "iso3166": country,
    "iso4217": currency,
    "iso639": language,
    "decimal": decimal,
    "leaf": leaf,
}
"""`format` of a schema -> its check; `utc-ms` is an integer and has none."""


def is_normal(check: Callable[[str], str]) -> Callable[[str], bool]:
    """The check as a schema's format: only the normal form holds.

    Remembers codes: ports, countries and containers come again in every form of an operation.
    """

    @lru_cache(CODES_KEPT)
    def known(text: str) -> bool:
        try:
            return check(text) == text
        except WrongValue:
            return False

    def holds(text: str) -> bool:
        return len(text) <= LONGEST and known(text)  # long texts of a bad member are not kept

    return holds


def _letter_values() -> dict[str, int]:
    """ISO 6346: letters from 10 on, without the multiples of 11."""
    free = (value for value in range(10, 39) if value % 11)
    letters = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", free, strict=True))
    return {**{str(digit): digit for digit in range(10)}, **letters}


_VALUES = _letter_values()


def _digit_of_letters(text: str) -> str:
    """The check digit of ISO 6346; stdnum's takes ten times as long, and containers alone."""
    return str(sum(_VALUES[char] << at for at, char in enumerate(text)) % 11 % 10)


def _compact(text: str) -> str:
    """Without spaces and hyphens, those of other programs too: a number is often a copy."""
    return _upper("".join(_hyphened(text).replace("-", "").split()))


def _hyphened(text: str) -> str:
    """Every hyphen, and the dash that a word processor made of one, as the one of a keyboard."""
    return text if text.isascii() else text.translate(_HYPHENS)


def _upper(text: str) -> str:
    """Upper case, of letters A to Z alone: `upper` makes SS, a country, of a sharp s."""
    return text.upper() if text.isascii() else text


def _shaped(pattern: re.Pattern[str], number: str, name: str) -> str:
    if not pattern.fullmatch(number):
        raise WrongValue(f"field_{name}")
    return number


def _ending(number: str, digit: str, standard: str, *, place: int = -1) -> str:
    """The number, if `digit` stands at `place` of it."""
    at = place % len(number)
    if number[at] != digit:
        right = number[:at] + digit + number[at + 1 :]
        raise WrongValue("field_check_digit", digit=digit, number=right, standard=standard)
    return number


def _listed(text: str, known: frozenset[str], code: str) -> str:
    value = _upper(text.strip())
    if value not in known:
        raise WrongValue(code)
    return value
