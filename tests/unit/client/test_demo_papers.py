"""What the demonstration writes: right forms every one, and a sentence for every claim."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_client.demo import papers
from cencomm_client.demo.scenario import EXPECTED_CLAIMS
from cencomm_config.catalog import LANGUAGES, sentences
from cencomm_config.forms import base_set
from cencomm_config.forms.schemas import CODES
from stdnum import iso6346

LEAF = bytes(32)


def written() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("WRN", papers.warning(1, "cigarettes")),
        ("HIT", papers.hit(2)),
        ("SZR", papers.long_seizure(3, LEAF)),
        ("SIT", papers.situation(nil=False)),
        ("SIT", papers.situation(nil=True)),
        ("CDN", papers.delivery()),
        ("FBK", papers.adapted("FBK", seizure=LEAF)),
    ]


@pytest.mark.parametrize(("code", "content"), written(), ids=lambda value: str(value)[:8])
def test_an_adapted_example_is_a_right_form(code: str, content: dict[str, Any]) -> None:
    form = base_set().form(code)
    assert form.check(form.normal(content)) == ()


def test_a_field_of_an_example_goes_where_nothing_is_given_for_it() -> None:
    assert "question" not in papers.adapted("EXP", question=None)


def test_every_form_has_an_example_to_adapt() -> None:
    assert all(papers.adapted(code) for code in CODES)


def test_containers_have_their_check_digit_and_differ() -> None:
    numbers = [papers.container(number) for number in range(50)]
    assert all(map(iso6346.is_valid, numbers))
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_claim_has_its_sentence_and_no_sentence_is_left_over(language: str) -> None:
    said = {code for code in sentences(language) if code.startswith("claim_")}
    assert said == {f"claim_{name}" for name in EXPECTED_CLAIMS}
