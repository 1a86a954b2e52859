"""An operation's set narrows the base set, never widens it; one set has one hash everywhere."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from cencomm_config.forms import FormSetInvalid, base_set, schemas
from cencomm_config.forms.typed import typed
from hypothesis import given, settings
from hypothesis import strategies as st

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "name": "MERIDIAN",
    "forms": {
        "WRN": {
            "require": ["deadline", "identifiers", "identifiers.container"],
            "choices": {"subject": ["container", "vessel"]},
            "max_length": {"remarks": 20},
            "max_items": {"hs": 1},
            "prefill": {"action": "control", "route.departure": "AEJEA"},
            "relabel": {"remarks": {"en": "Notes", "fr": "Remarques du port"}},
        }
    },
}


def document(**rules: Any) -> dict[str, Any]:
    return {"format": 1, "name": "x", "forms": {"WRN": rules}}


def warning() -> dict[str, Any]:
    """The example of the base set, as content."""
    return typed(base_set().form("WRN"), schemas.example("WRN")["passes"]).content


def test_a_narrowed_form_refuses_more_and_nothing_that_the_base_set_refuses_passes() -> None:
    form, base = base_set().narrow(DOCUMENT).form("WRN"), base_set().form("WRN")
    assert form.check(warning()) == ()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"subject": "post"}, "subject"),
        ({"remarks": "x" * 21}, "remarks"),
        ({"hs": ["24", "25"]}, "hs"),
        ({"identifiers": {"plate": "HH-AB 1"}}, "identifiers.container"),
    ]
    for changed, path in cases:
        content = warning() | changed
        assert base.check(content) == ()
        assert [error.path for error in form.check(content)] == [path]
    late = {name: value for name, value in warning().items() if name != "deadline"}
    assert [error.path for error in form.check(late)] == ["deadline"]
    assert form.root.fields["remarks"].labels == {"en": "Notes", "fr": "Remarques du port"}
    assert form.root.fields["action"].schema["default"] == "control"
    assert form.root.fields["subject"].choices("fr") == {
        "container": "conteneur",
        "vessel": "navire",
    }


def test_what_a_narrowing_does_not_name_stays_and_the_base_set_too() -> None:
    before = base_set().canonical
    made = base_set().narrow(DOCUMENT)
    assert made.form("SZR").schema == base_set().form("SZR").schema
    assert base_set().canonical == before
    assert schemas.whole("WRN") == base_set().form("WRN").schema


def test_the_hash_is_of_the_content_and_not_of_the_spelling() -> None:
    made = base_set().narrow(DOCUMENT)
    spelt = json.loads(json.dumps(DOCUMENT, sort_keys=True, indent=3))
    assert base_set().narrow(spelt).hash == made.hash != base_set().hash
    other = deepcopy(DOCUMENT)
    other["forms"]["WRN"]["max_length"]["remarks"] = 21
    assert base_set().narrow(other).hash != made.hash
    assert len(made.hash) == 32
    assert json.loads(made.canonical)["name"] == "MERIDIAN"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], "JSON object"),
        ({"format": 2, "name": "x", "forms": {}}, "format: 2 read, 1 expected"),
        ({"format": 1, "forms": {}}, "name: text"),
        ({"format": 1, "name": "x", "forms": []}, "forms: a JSON object"),
        ({"format": 1, "name": "x", "forms": {}, "extra": 1}, "extra"),
        ({"format": 1, "name": "x", "forms": {"XYZ": {}}}, "XYZ: read, one of MSG"),
        ({"format": 1, "name": "x", "forms": {"WRN": 1}}, "WRN: a JSON object"),
        (document(widen={}), "WRN.widen: read, one of require"),
        (document(require=["colour"]), "WRN.require: the form has no field 'colour'"),
        (document(require="deadline"), "WRN.require: a list"),
        (document(require=["hs[]"]), "a named field"),
        (
            {
                "format": 1,
                "name": "x",
                "forms": {"TSK": {"require": ["assignee.administration", "assignee.role"]}},
            },
            "TSK.require: at most 1 of",
        ),
        (
            document(choices={"subject": ["container", "rocket"]}),
            "rocket read, some of consignment",
        ),
        (document(choices={"subject": []}), "nothing read"),
        (document(choices={"remarks": ["a"]}), "only a field with choices"),
        (document(max_length={"remarks": 4001}), "4001 read, a whole number from 1 to 4000"),
        (document(max_length={"remarks": 0}), "0 read"),
        (document(max_length={"remarks": True}), "True read"),
        (document(max_length={"hs": 1}), "no maxLength"),
        (document(max_items={"hs": 21}), "21 read"),
        (document(prefill={"action": "shoot"}), "WRN.prefill.action: action, Requested action"),
        (document(prefill={"route.departure": "Dubai"}), "UN/LOCODE"),
        (document(prefill={"parties": []}), "a single field"),
        (document(relabel={"remarks": {"fr": "x"}}), "en always"),
        (document(relabel={"remarks": {"en": ""}}), "1 to 100"),
        (document(relabel={"remarks": {"en": "x", "xx": "y"}}), "labels by language"),
        (document(relabel=["remarks"]), "a JSON object of field paths"),
        # what a coordinator of bad will would have everybody read or fill in
        ({"format": 1, "name": "a\ud800", "forms": {}}, "visible"),
        ({"format": 1, "name": "MERIDIAN\u200b", "forms": {}}, "visible"),
        (document(relabel={"remarks": {"en": "Notes\ud800"}}), "WRN.relabel.remarks"),
        (document(relabel={"remarks": {"en": "Notes", "fr": "\u202egniR"}}), "visible"),
        (document(relabel={"remarks": {"en": "\x1b[2JNotes"}}), "visible"),
        (document(prefill={"remarks": "a\ud800"}), "WRN.prefill.remarks"),
        (document(prefill={"remarks": "a\u2066b"}), "visible"),
        (document(prefill={"identifiers.plate": "HH-AB 1"}), "personal data"),
        (document(prefill={"parties[].name": "Jan Kowalski"}), "personal data"),
    ],
)
def test_a_widening_or_a_slip_is_refused_with_its_place(wrong: Any, told: str) -> None:
    with pytest.raises(FormSetInvalid) as refused:
        base_set().narrow(wrong)
    assert told in refused.value.detail


def test_a_prefilled_value_is_one_that_the_narrowed_field_takes() -> None:
    rules = {"choices": {"action": ["inform"]}, "prefill": {"action": "control"}}
    for order in (rules, dict(reversed(rules.items()))):
        with pytest.raises(FormSetInvalid, match=r"WRN\.prefill\.action"):
            base_set().narrow(document(**order))


@settings(deadline=None)  # the first use of a form compiles it
@given(st.data())
def test_whatever_passes_a_narrowed_form_passes_the_base_form(data: st.DataObject) -> None:
    """So whoever lacks an operation's set reads every form of it."""
    narrow, base = base_set().narrow(DOCUMENT).form("WRN"), base_set().form("WRN")
    content = warning()
    for name in data.draw(st.sets(st.sampled_from(sorted(content)))):
        del content[name]
    for name in data.draw(st.sets(st.sampled_from(sorted(base.root.fields)), max_size=3)):
        choices = base.root.fields[name].schema.get("enum", ["x" * 21, "24"])
        content[name] = data.draw(st.sampled_from([*choices, "control", "container"]))
    if not narrow.check(content):
        assert base.check(content) == ()
