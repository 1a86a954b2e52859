"""What a person reads about a wrong field: where, what was read, what is expected, and why."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_config.display import shown
from cencomm_config.forms import FieldError, base_set, schemas
from cencomm_config.forms.errors import Expected
from cencomm_config.forms.since import since_of
from cencomm_config.forms.typed import typed

from tests.support.hostile_text import HOSTILE

WARNED: dict[str, Any] = {"subject": "container", "action": "control"}


def errors(code: str, **changes: Any) -> list[FieldError]:
    """Of the form's right example with some fields as a file might have them."""
    form = base_set().form(code)
    value = {**schemas.example(code)["passes"], **changes}
    return list(form.check(form.normal(typed(form, value).content)))


def told(code: str, language: str, **changes: Any) -> str:
    return " ".join(error.shown(language) for error in errors(code, **changes))


GOODS = schemas.example("SZR")["passes"]["goods"][0]
CASES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("WRN", {"identifiers": {"container": "CSQU3054384"}}, "so CSQU3054383", "donc CSQU3054383"),
    (
        *("WRN", {"identifiers": {"container": "csqu 305438"}}),
        *("if only the check digit is missing, CSQU3054383", "seule la clé de contrôle manque"),
    ),
    (
        *("WRN", {"identifiers": {"vessel": "9074728"}}),
        *("If it was read so on the spot, identifiers.as_seen says", "identifiers.as_seen dit oui"),
    ),
    (
        *("WRN", {"identifiers": {"flight": "  "}}),
        *("Flight: nothing was given.", "Vol : rien n'a été indiqué."),
    ),
    ("WRN", {"route": {"departure": "QQHAM"}}, "there is no country QQ", "pas de pays QQ"),
    ("WRN", {"route": {"departure": "Hamburg"}}, "such as DEHAM", "par exemple DEHAM"),
    ("WRN", {"hs": "240220"}, "a list of at most 20", "une liste de 20 éléments au plus"),
    ("WRN", {"hs": ["24022"]}, "hs[0], HS code: 24022 was read", "hs[0], Code SH : lu 24022"),
    (
        *("WRN", {"subject": "boat"}),
        *("vessel, aircraft, post (postal item)", "vessel (navire), aircraft (aéronef)"),
    ),
    (
        *("WRN", {"identifiers": {"contaner": "x"}}),
        *("no field of this name here; there is container", "il y a container"),
    ),
    ("WRN", {"colour": "red"}, "There is no field of this name here.", "pas de champ de ce nom"),
    ("WRN", {"remarks": "x" * 5000}, "It has 5000.", "Il y en a 5000."),
    ("WRN", {"hs": ["240220"] * 21}, "It has 21.", "Il y en a 21."),
    (
        *("WRN", {"handling": ["H3"]}),
        *("because handling, Handling codes, is H3", "En effet, handling, Codes de traitement, va"),
    ),
    (
        *("ACK", {"answer": "declined"}),
        *("because answer, Answer, is declined.", "answer, Réponse, vaut declined (refusé)."),
    ),
    (
        *("SIT", {"nil": True, "seizures": 3, "controls": [], "warnings_handled": 0}),
        *("at most 0. That is because nil, Nil return, is yes.", "nil, État néant, vaut oui."),
    ),
    (
        *("RPL", {"status": "final", "answer": ""}),
        *("answer, Answer: nothing was given.", "answer, Réponse : rien n'a été indiqué."),
    ),
    (
        *("SZR", {"goods": [{**GOODS, "value": "100", "currency": None}]}),
        *("because goods[0].value, Value, is given.", "goods[0].value, Valeur, est indiqué."),
    ),
    ("SZR", {"goods": [{**GOODS, "quantity": "10,5"}]}, "no comma", "sans virgule"),
    ("SZR", {"goods": [{**GOODS, "unit": "KG"}]}, "KGM (kilogram)", "KGM (kilogramme)"),
    ("SZR", {"goods": []}, "Goods: nothing was given", "Marchandises : rien n'a été indiqué"),
    ("SZR", {"country": "Germany"}, "2 letters of a country", "2 lettres d'un pays"),
    (
        *("TSK", {"assignee": {"administration": "FR", "role": "ncp"}}),
        *('{"administration": "FR", "role": "ncp"} was read.', "exactement un de administration"),
    ),
    (
        *("MSG", {"text": 5}),
        *("A number was read; in a file text stands in quotes.", "est entre guillemets"),
    ),
    ("WRN", {"exercise": "maybe"}, "yes or no", "oui ou non"),
    ("HIT", {"score": 101}, "a whole number from 0 to 100", "un nombre entier de 0 à 100"),
)


@pytest.mark.parametrize(("code", "changes", "english", "french"), CASES)
def test_a_person_reads_what_is_wrong_and_why(
    code: str, changes: dict[str, Any], english: str, french: str
) -> None:
    given = {name: None for name in schemas.example(code)["passes"] if name in _left_out(code)}
    assert english in told(code, "en", **{**given, **changes})
    assert french in told(code, "fr", **{**given, **changes})


def _left_out(code: str) -> tuple[str, ...]:
    """What would answer for the field that a case lacks."""
    return {"WRN": ("handling_text",), "ACK": ("reason", "transferred_to")}.get(code, ())


def test_several_are_told_at_once_each_by_path_and_label() -> None:
    assert [wrong.path for wrong in errors("WRN", hs=["77"], route={"eta": "x"}, action="y")] == [
        *("hs[0]", "route.eta", "action")
    ]
    found = errors("SZR", office="Hamburg", at="today", goods=[{"category": "x"}], country=None)
    assert [error.path for error in found] == [
        *("country", "office", "at", "goods[0].category", "goods[0].quantity", "goods[0].unit")
    ]
    for error in found:
        for language in ("en", "fr"):
            text = error.shown(language)
            assert text.startswith(f"{error.path}, {error.label(language)}")
            assert error.wanted(language) in text


def test_every_rule_between_fields_names_the_other_one() -> None:
    """Of each form of the set: what a rule asks for says because of which field."""
    seen: set[str] = set()
    for code in base_set().codes:
        form = base_set().form(code)
        for rule in form.schema.get("allOf", ()):
            for branch in ("then", "else"):
                if branch not in rule:
                    continue
                at = ["allOf", form.schema["allOf"].index(rule), branch, "required"]
                since = since_of(form.root, at, [], {})
                assert since is not None
                steps = since.values["other"]
                assert isinstance(steps, tuple)
                other = steps[0]
                assert other in form.root.fields
                for language in ("en", "fr"):
                    assert form.root.fields[other].label(language) in since.text(language)
                seen.add(since.code)
    assert {"field_since_says", "field_since_differs", "field_since_given"} <= seen


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_foreign_in_an_error_is_shown_and_the_paths_own_brackets_stay(text: str) -> None:
    error = FieldError(
        ("goods", 0, text), {"en": text}, text, Expected("field_normal", {"normal": text})
    )
    line = error.shown("en")
    assert line.startswith("goods[0].")
    assert shown(line) == line.replace("goods[0]", shown("goods[0]"), 1)
