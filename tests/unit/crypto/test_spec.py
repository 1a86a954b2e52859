"""The specification, its vectors and the code's data say the same (PROTOCOL)."""

from __future__ import annotations

import re

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.flag import FlagReason
from cencomm_crypto.public.bodies import BODIES, OPAQUE_TYPES

from tests.support.appendix import PARTS, PROTOCOL, current
from tests.support.vector_runner.reading import books

TEXT = PROTOCOL.read_text(encoding="utf-8")
RULES = re.findall(r"\[([A-Z]+-[0-9]+)\]", TEXT.partition("## 1. Conventions")[2])
EXEMPT = dict(
    re.findall(r"^\| ([A-Z]+-[0-9]+) \| [^|]+ \| ([^|]+) \|$", TEXT, flags=re.MULTILINE)
)  # Appendix B: rules without vectors, and where they are tested
CITED = {case["rule"] for _, book in books() for case in book["cases"]}


def prose() -> str:
    """The text without what is generated."""
    return re.sub(r"<!-- ([a-z-]+) -->.*?<!-- /\1 -->", "", TEXT, flags=re.DOTALL)


def test_each_rule_is_named_once() -> None:
    assert len(RULES) > 100
    twice = {rule for rule in RULES if RULES.count(rule) > 1}
    assert not twice


def test_each_rule_has_a_vector_or_stands_in_appendix_b() -> None:
    assert set(RULES) - CITED - set(EXEMPT) == set()


def test_appendix_b_names_rules_that_have_no_vector_and_a_test_that_exists() -> None:
    assert 0 < len(EXEMPT) <= 20
    assert set(EXEMPT) <= set(RULES)
    assert not set(EXEMPT) & CITED
    root = PROTOCOL.parents[1]
    for rule, where in EXEMPT.items():
        for name in where.split(", "):
            assert (root / name).is_file(), f"{rule}: {name}"


def test_each_vector_shows_a_rule_of_the_specification() -> None:
    assert set(RULES) >= CITED


def test_the_numbers_of_each_family_have_no_gap() -> None:
    families: dict[str, set[int]] = {}
    for rule in RULES:
        family, _, number = rule.partition("-")
        families.setdefault(family, set()).add(int(number))
    for family, numbers in families.items():
        assert numbers == set(range(1, len(numbers) + 1)), family


def test_what_one_rule_says_of_another_is_about_a_rule() -> None:
    families = {rule.partition("-")[0] for rule in RULES}
    named = re.findall(r"\b([A-Z]{2,5}-[0-9]+)\b", TEXT)
    cited = {name for name in named if name.partition("-")[0] in families}
    assert cited <= set(RULES)


def test_every_code_is_named() -> None:
    for code in ErrorCode:
        assert f"`{code}`" in prose(), code


def test_no_code_is_named_that_is_none() -> None:
    """In parentheses stand codes: what a reader must reject with."""
    known = {*ErrorCode, "id_reused", "login_failed"}
    known |= {"at", "seq", "auditor", "crypto_sign_open"}  # words that stand there too
    said = re.findall(r"\(`([a-z_]+)`[),;:]", prose())
    assert said
    assert set(said) <= known


@pytest.mark.parametrize("kind", sorted({*BODIES, *OPAQUE_TYPES}))
def test_every_entry_type_has_its_words(kind: str) -> None:
    word = kind.removesuffix(".propose").removesuffix(".approve")
    assert word in prose()


def test_every_reason_of_a_flag_is_named() -> None:
    for reason in FlagReason:
        assert f"`{reason}`" in prose()


@pytest.mark.parametrize("name", PARTS)
def test_generated_parts_are_what_the_data_say(name: str) -> None:
    """Else: `python -m tests.support.appendix`."""
    assert current(name) == PARTS[name]()


def test_the_contents_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)
    }
    contents = TEXT.partition("## Contents")[2].partition("## 1.")[0]
    links = re.findall(r"\(#([a-z0-9-]+)\)", contents)
    assert len(links) >= 15
    assert set(links) <= headings
