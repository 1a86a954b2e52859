"""Why a hit is dismissed: a word that rules can learn from, words of one's own beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cli.form_prompts import Prompts
from cencomm_client.cli.output import Output
from cencomm_client.code_lists import CodeLists
from cencomm_client.triage import WORDS_NEEDED, Ground, dismissal, hits_of
from cencomm_client.work.reading import Outcome
from cencomm_config.forms import base_set

from tests.support.talk import Talk

FORM = base_set().form("HIT")


def test_the_form_has_every_ground_and_no_other() -> None:
    choices = FORM.root.fields["triage"].fields["reason_code"].choices("fr")
    assert list(choices) == list(Ground)
    assert set(Ground) - {"other"} < set(Outcome)


@pytest.mark.parametrize("ground", Ground)
def test_words_are_needed_where_the_ground_alone_says_too_little(ground: Ground) -> None:
    wrong = [error.path for error in FORM.check(dismissal(ground=ground))]
    assert wrong == (["triage.reason"] if ground in WORDS_NEEDED else [])
    assert not FORM.check(dismissal("known consignee", ground))


@pytest.mark.parametrize(
    ("said", "ground"),
    [
        ({"reason_code": "left_before"}, Ground.LEFT_BEFORE),
        ({"reason_code": "of a later version", "reason": "x"}, None),
        ({"reason": "x"}, None),
    ],
)
def test_a_ground_or_words_dismiss_a_hit(said: dict[str, str], ground: Ground | None) -> None:
    (found,) = hits_of(told({"decision": "dismiss", **said}))
    assert found.outcome is not None
    assert found.outcome.ground is ground


@pytest.mark.parametrize("said", [{}, {"reason_code": "of a later version"}, {"reason_code": 1}])
def test_neither_a_ground_that_is_known_nor_words_dismiss_nothing(said: dict[str, Any]) -> None:
    (found,) = hits_of(told({"decision": "dismiss", **said}))
    assert found.open


def test_one_field_of_a_form_is_asked_for_by_its_label(tmp_path: Path) -> None:
    asked: list[str] = []
    answers = iter(["left", "3"])

    def ask(text: str) -> str:
        asked.append(text)
        return next(answers)

    prompts = Prompts(FORM, Output(as_json=False), ask, CodeLists(tmp_path))
    assert prompts.one("triage.reason_code") == "left_before"
    assert asked == ["Reason of the dismissal *: "] * 2


def told(triage: dict[str, Any]) -> list[Any]:
    """A hit and what an officer says of it."""
    talk = Talk()
    hit = talk.says("BOT", "HIT", {"source": "s"}, type="drop")
    return [hit, talk.says("DE", "HIT", {"triage": triage}, re=hit)]
