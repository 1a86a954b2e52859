"""Identifiers: published ones pass in their normal form, wrong ones say what would be right."""

from __future__ import annotations

from itertools import product

import pytest
from cencomm_config.forms import code_lists
from cencomm_config.forms.errors import WrongValue
from cencomm_config.forms.identifiers import CHECKS, is_normal
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso6346

VALID: dict[str, dict[str, str]] = {
    # the standard's own CSQU3054383 (ISO 6346; Wikipedia "ISO 6346"; python-stdnum's docstring),
    # BICU1234565 (bic-code.org/bic-codes, "Example"), TASU1170000 (python-stdnum's docstring),
    # TEXU3070079 (README of stormpat/Container-validator), TOLU4734787 (seen in test data alone)
    "iso6346": {
        "CSQU3054383": "CSQU3054383",
        "csqu 305438-3": "CSQU3054383",
        "TOLU4734787": "TOLU4734787",
        "tasu117 000 0": "TASU1170000",
        "TEXU3070079": "TEXU3070079",
        "BICU1234565": "BICU1234565",
    },
    # Wikipedia "IMO number" (9074729, worked out there), python-stdnum's documentation (9319466,
    # 8814275), Wikipedia "Queen Mary 2" (9241061) and "Emma Mærsk" (9321483); 9187629 was not
    # found again
    "imo": {
        "IMO 9074729": "9074729",
        "9319466": "9319466",
        "8814275": "8814275",
        "9187629": "9187629",
        "9241061": "9241061",
        "9321483": "9321483",
    },
    # forms: ITU-R M.585-9 annex 1. 111366770: US Coast Guard Navigation Center, "MMSIs for Search
    # and Rescue Aircraft"; 366777490: feature attribute MMSICO of a nautical publications wiki;
    # 220417000: Wikipedia "Emma Mærsk" (2010); 366999712 and 111232506: AIS sentences that
    # pyais and other decoders are tested with; 982306301, 230123250: MMSI tests of NMEAParser
    "mmsi": {
        "220417000": "220417000",
        "366 777 490": "366777490",
        "366999712": "366999712",
        "230123250": "230123250",
        "982306301": "982306301",
        "111366770": "111366770",
        "111232506": "111232506",
    },
    # Australian Border Force "Air waybill check digit formula" (1234567 gives 5; the prefixes are
    # IATA's: 057-12345675 is in the message examples of Cargo-IMP parsers, 020-12345675 in
    # cargoenter.com "Air Waybill Number Format"); jetcurrent.com "Check Digit" (176-..., 020-8...);
    # freight.domains "Air Way Bill Check Digit Calculator" (589-...); airwaybilltracker.com "AWB
    # number format" (020-5...)
    "awb": {
        "176-12345675": "17612345675",
        "020-81140743": "02081140743",
        "589 8114074 3": "58981140743",
        "020-12345675": "02012345675",
        "057-12345675": "05712345675",
        "020-58717481": "02058717481",
    },
    # rule and 47312482 giving 9: UPU S10-12 and Wikipedia "S10 (UPU standard)"; written out as
    # AA473124829GB in the tests of several validators; RB123456785GB, ...US, ...CN: the library
    # tracking_number's own S10 examples; numbers of real items in tests of parcel trackers
    # (RR287043775IN, EF582568151TH)
    "s10": {
        "AA 473 124 829 GB": "AA473124829GB",
        "RB123456785GB": "RB123456785GB",
        "RB123456785US": "RB123456785US",
        "rb123456785cn": "RB123456785CN",
        "RR287043775IN": "RR287043775IN",
        "EF582568151TH": "EF582568151TH",
    },
    # HMRC's transit services, MovementReferenceNumberSpec (99IT..., 18GB..., 18IT... of phase 4,
    # 24GB..., 25XI... of phase 5); tests of the crate mrn-generator (22IT...); Riege Software "Was
    # ist eine MRN" (06DE...); tribalgod.nl "Controlecijfer MRN" (10NL...). Customs' own rule,
    # DGXXI/0879/99 rev. 1, has worked examples; they could not be read in whole
    "mrn": {
        "99IT9876AB88901209": "99IT9876AB88901209",
        "18GB0000601001EB15": "18GB0000601001EB15",
        "18IT02110010006A10": "18IT02110010006A10",
        "24GB1FR25DIMDJF1M4": "24GB1FR25DIMDJF1M4",
        "25XIKQDYH3A6DLFFL0": "25XIKQDYH3A6DLFFL0",
        "22itzxbzyutjfljxk6": "22ITZXBZYUTJFLJXK6",
        "06 DE 5866 00006143 E 1": "06DE586600006143E1",
        "10NL5663962BE1E825": "10NL5663962BE1E825",
    },
    # GS1 India "How to calculate the Check Digit" (8904000210037), GS1 Sweden "Så beräknas
    # kontrollsiffran" (7300011000017), Wikipedia "International Article Number" (4006381333931,
    # 73513537, the latter in python-stdnum's docstring too) and "Universal Product Code"
    # (036000291452), python-stdnum's docstring (98412345678908)
    "gtin": {
        "4006381333931": "4006381333931",
        "8904000210037": "8904000210037",
        "7300011000017": "7300011000017",
        "73513537": "73513537",
        "0 36000 29145 2": "036000291452",
        "98412345678908": "98412345678908",
    },
    # python-stdnum's docstring (87-86-5), the R package webchem's is.cas (64-17-5), Perl's
    # Algorithm::CheckDigits (1333-74-0), PubChem: caffeine, water, cocaine, heroin, fentanyl
    "cas": {
        "87-86-5": "87-86-5",
        "64-17-5": "64-17-5",
        "1333-74-0": "1333-74-0",
        "58-08-2": "58-08-2",
        "7732-18-5": "7732-18-5",
        "50-36-2": "50-36-2",
        "561-27-3": "561-27-3",
        " 437-38-7 ": "437-38-7",
    },
    # BEANR is the example of UNECE's own page "Contents and layout of UN/LOCODE", which gives XZ
    # and the digits 2-9 too; Hamburg, Le Havre, Jebel Ali, Piraeus are remembered, the list itself
    # could not be looked up; XZ2AR shows the form, its entry was not found again
    "locode": {
        "BE ANR": "BEANR",
        "de ham": "DEHAM",
        "FRLEH": "FRLEH",
        "AEJEA": "AEJEA",
        "GRPIR": "GRPIR",
        "XZ2AR": "XZ2AR",
    },
    # WCO Harmonized System 2022: cigarettes, ivory, firearms, chapter 97, unused medicines
    "hs": {"2402.20": "240220", "0507": "0507", "9302": "9302", "97": "97", "3004 90": "300490"},
    # ISO 3166-1, and XK
    "iso3166": {"de": "DE", "FR": "FR", "PL": "PL", "AE": "AE", "XK": "XK"},
    "iso4217": {"eur": "EUR", "USD": "USD", "XAF": "XAF", "PLN": "PLN", "AED": "AED"},
    "iso639": {"EN": "en", "fr": "fr", "es": "es", "ru": "ru", "ar": "ar"},
    "decimal": {
        "10040.5": "10040.5",
        "0": "0",
        " 12 ": "12",
        "0.000001": "0.000001",
        "1.10": "1.10",
    },
    "leaf": {char * 64: char.lower() * 64 for char in "0aF9e"},
}
INVALID: dict[str, dict[str, str]] = {  # what is wrong -> what the answer must hold
    "iso6346": {
        "CSQU3054384": "CSQU3054383",
        "MSCU6639871": "MSCU6639870",
        "CSQX3054383": "one of U J Z R",
        "ÄSQU3054383": "3 letters",
        "CSQU305438": "7 digits",
        "CSQU30543833": "7 digits",
    },
    "imo": {
        "9074728": "9074729",
        "1234560": "1234567",
        "907472": "7 digits",
        "IMO90747290": "7 digits",
        "90747²9": "7 digits",
        "0000000": "7 digits",  # its check digit is right
    },
    "mmsi": {  # stations of other kinds: MMSI tests of NMEAParser; "03699999": e-navigation.nl,
        "023012325": "9 digits",  # "MMSI MID formats", a group of ships with a digit left out
        "002301232": "9 digits",  # a coast station
        "842517724": "9 digits",  # a handheld radio
        "994136301": "9 digits",  # an aid to navigation
        "970123456": "9 digits",  # a search and rescue transmitter
        "974123456": "9 digits",  # a distress beacon
        "03699999": "9 digits",
        "111111111": "9 digits",  # 111 without a MID of 2 to 7; no published one
    },
    "awb": {
        "176-12345678": "17612345675",  # parcelsapp.com "How to read an AWB": not a sound number
        "123-12345674": "12312345675",  # tests of the .NET library Veritas, the next but one too
        "123-12345679": "12312345675",  # the docstring of a validator on GitHub, the last one too
        "1231234567": "airline",
        "125-1234565": "airline",  # a digit short, in a list of Cargo-IMP message examples
        "123-14X21415": "airline",
    },
    "s10": {
        "AA473124828GB": "AA473124829GB",  # tests of check digit libraries, the next three too
        "RA123456784GB": "RA123456785GB",
        "RR287043774IN": "RR287043775IN",
        "EF582568152TH": "EF582568151TH",
        "EE123456789MD": "EE123456785MD",  # Poșta Moldovei "Tracking" shows the form so
        "RR473124829": "UPU S10",
        "R1473124829FI": "UPU S10",  # made for this test
    },
    # the first is printed in Regulation (EEC) 2454/93, annex 45a, and older than the check digit's
    # rule; 22DK... is mrn-generator's own wrong one; 22GB... stands in customs-link.com's support
    # pages; 99IT...6 is in HMRC's SessionRepositorySpec with a digit too many; the last are made
    "mrn": {
        "97IT9876AB88901235": "97IT9876AB88901230",
        "22DK1V0QQK2S6J7TU2": "22DK1V0QQK2S6J7TU1",
        "22GB02I89012847596": "22GB02I89012847598",
        "99IT9876AB889012096": "13 letters or digits",
        "01IT0123456789AB2J": "1 digit",
        "123456789012345678": "2 letters of the country",
    },
    "gtin": {
        "4006381333932": "4006381333931",
        "8904000210030": "8904000210037",
        "73513530": "73513537",
        "9638507": "8, 12, 13 or 14",
        "40063813339A1": "8, 12, 13 or 14",
    },
    "cas": {
        "87-86-6": "87-86-5",  # python-stdnum's own wrong one
        "64-17-6": "64-17-5",  # webchem's
        "64-177-6": "hyphens",  # webchem's
        "58-08-3": "58-08-2",
        "7732-18-6": "7732-18-5",
        "7732185": "hyphens",
        "0-00-0": "hyphens",
        "50-362": "hyphens",
    },
    "locode": {
        "DE1AM": "A-Z 2-9",
        "Hamburg": "UN/LOCODE",
        "DE": "UN/LOCODE",
        "QQHAM": "UN/LOCODE",  # no country
        "D HAM": "UN/LOCODE",
    },
    "hs": {
        "7701": "other than 77",
        "9801": "01 to 97",
        "0001": "01 to 97",
        "24022": "2, 4 or 6",
        "2402 20 90": "the first 6, 240220",  # Combined Nomenclature
        "9801000000": "01 to 97",
        "2402200000": "the first 6, 240220",
    },
    "iso3166": {
        "DEU": "ISO 3166",
        "UK": "ISO 3166",
        "ZZ": "ISO 3166",
        "": "ISO 3166",
        "D": "ISO 3166",
    },
    "iso4217": {
        "EURO": "ISO 4217",
        "€": "ISO 4217",
        "ABC": "ISO 4217",
        "eu": "ISO 4217",
        "": "ISO 4217",
    },
    "iso639": {
        "eng": "ISO 639",
        "xx": "ISO 639",
        "": "ISO 639",
        "e": "ISO 639",
        "en-GB": "ISO 639",
    },
    "decimal": {
        "1e5": "digits",
        "01": "digits",
        "1,5": "digits",
        ".5": "digits",
        "1.1234567": "digits",
    },
    "leaf": {
        "ab": "64 hex",
        "": "64 hex",
        "g" * 64: "64 hex",
        "a" * 63: "64 hex",
        "a" * 65: "64 hex",
    },
}


def rows(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(name, given, told) for name, cases in table.items() for given, told in cases.items()]


def test_each_has_five_of_both() -> None:
    for table in (VALID, INVALID):
        assert table.keys() == CHECKS.keys()
        assert all(len(cases) >= 5 for cases in table.values())


@pytest.mark.parametrize(("name", "given", "normal"), rows(VALID))
def test_a_published_one_takes_its_normal_form(name: str, given: str, normal: str) -> None:
    assert CHECKS[name](given) == normal
    assert CHECKS[name](normal) == normal
    assert is_normal(CHECKS[name])(normal)


@pytest.mark.parametrize(("name", "wrong", "told"), rows(INVALID))
def test_a_wrong_one_says_what_is_expected(name: str, wrong: str, told: str) -> None:
    with pytest.raises(WrongValue) as refused:
        CHECKS[name](wrong)
    assert told in str(refused.value)
    assert not is_normal(CHECKS[name])(wrong)


@pytest.mark.parametrize("name", ["iso6346", "imo", "s10", "gtin", "cas", "awb"])
def test_every_other_check_digit_is_refused_with_the_right_one(name: str) -> None:
    """A typing error of the digit that the standard is there to find."""
    for number in set(VALID[name].values()):
        at = 10 if name == "s10" else len(number) - 1
        for digit in set("0123456789") - {number[at]}:
            with pytest.raises(WrongValue, match=number):
                CHECKS[name](number[:at] + digit + number[at + 1 :])


@given(st.from_regex(r"\A[A-Z]{3}[UJZR][0-9]{6}\Z"))
def test_our_digit_of_containers_is_that_of_the_library(owner: str) -> None:
    assert CHECKS["iso6346"](owner + iso6346.calc_check_digit(owner))


@given(st.text(max_size=40), st.sampled_from(sorted(CHECKS)))
def test_any_text_is_taken_or_refused_and_never_anything_else(text: str, name: str) -> None:
    try:
        normal = CHECKS[name](text)
    except WrongValue:
        return
    assert normal.isascii()
    assert CHECKS[name](normal) == normal


@pytest.mark.parametrize(
    ("name", "copied", "normal"),
    [
        ("iso6346", "CSQU\u00a0305438\u20113", "CSQU3054383"),  # from a printed document
        ("iso6346", "CSQU\t3054383", "CSQU3054383"),  # from a spreadsheet
        ("awb", "020\u201312345675", "02012345675"),  # a word processor's dash
        ("cas", "7732\u201118\u20115", "7732-18-5"),
        ("hs", "2402\u202f20", "240220"),
    ],
)
def test_spaces_and_hyphens_of_other_programs_are_those_of_a_keyboard(
    name: str, copied: str, normal: str
) -> None:
    assert CHECKS[name](copied) == normal


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("iso3166", "\u00df"),  # whose upper case is SS, a country
        ("iso3166", "\u0131t"),  # a dotless i
        ("iso6346", "M\u017fKU6639870"),  # a long s
        ("iso6346", "\u0421SQU3054383"),  # a Cyrillic letter
        ("iso6346", "\uff23SQU3054383"),  # a full-width letter
        ("iso6346", "CSQU3\u200b054383"),  # a space of no width
        ("iso6346", "CSQU305438\uff13"),
        ("iso639", "\u212ao"),  # the sign of kelvin
        ("decimal", "\u0661\u0662"),
    ],
)
def test_what_only_looks_like_a_letter_or_a_digit_is_refused(name: str, alike: str) -> None:
    with pytest.raises(WrongValue):
        CHECKS[name](alike)


def test_the_small_lists_have_names_in_both_languages() -> None:
    for name, language in product(("iso3166", "iso4217", "iso639"), ("en", "fr")):
        names = code_lists.named(name, language)
        assert names is not None
        assert len(names) > 150
    assert (code_lists.named("iso3166", "fr") or {})["DE"] == "Allemagne"
    assert code_lists.named("locode", "en") is None
