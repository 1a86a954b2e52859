"""The forms: each row of the table with its fields, examples that pass and fail, both languages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cencomm_config.display import shown
from cencomm_config.forms import FieldError, Form, FormInvalid, base_set, schemas
from cencomm_config.forms.fields import Field, Kind
from cencomm_config.forms.identifiers import CHECKS, is_normal
from cencomm_config.forms.typed import loads, told_time, typed, typed_value
from cencomm_crypto.member.payload import MAX_PAYLOAD
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.scan import MAX_KEY_BYTES
from hypothesis import given, settings
from hypothesis import strategies as st

PAGE = (Path(__file__).parents[3] / "docs" / "forms.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| ([A-Z]{3}) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
PARIS = timezone(timedelta(hours=1))
each_form = pytest.mark.parametrize("code", schemas.CODES)


def form(code: str) -> Form:
    return base_set().form(code)


def example(code: str) -> dict[str, Any]:
    """The content of the example that passes."""
    return typed(form(code), schemas.example(code)["passes"]).content


def spoilt(code: str, field: str, row: dict[str, Any]) -> dict[str, Any]:
    """The example with one field changed, or gone."""
    value = deepcopy(schemas.example(code)["passes"])
    steps: list[Any] = [int(s) if s.isdigit() else s for s in re.findall(r"[a-z_]+|\d+", field)]
    place = value
    for step in steps[:-1]:
        place = place[step]
    if "value" in row:
        place[steps[-1]] = row["value"]
    else:
        del place[steps[-1]]
    return typed(form(code), value).content


def wrong(code: str, content: dict[str, Any]) -> dict[str, FieldError]:
    return {error.path: error for error in form(code).check(content)}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema below, rules (`if`, `then`, `else`) apart."""
    yield schema
    for below in schema.get("properties", {}).values():
        yield from nodes(below)
    if "items" in schema:
        yield from nodes(schema["items"])


# -- the table ------------------------------------------------------------------------------------


def test_the_page_and_the_set_have_the_same_forms() -> None:
    assert tuple(code for code, _, _ in TABLE) == schemas.CODES == base_set().codes


@pytest.mark.parametrize(("code", "title", "fields"), TABLE)
def test_a_form_has_every_main_field_of_its_row(code: str, title: str, fields: str) -> None:
    there = {field.path for field in form(code).root.walk()}
    named = re.findall(r"`([^`]+)`", fields)
    assert named
    assert set(named) <= there
    assert form(code).root.label("en").lower() == title


def test_every_form_has_the_handling_fields() -> None:
    named = re.search(r"^Handling: (.*)$", PAGE, re.MULTILINE)
    assert named is not None
    handling = re.findall(r"`([^`]+)`", named[1])
    assert {"handling", "handling_text", "tlp", "grading", "caveats", "exercise"} <= set(handling)
    for code in schemas.CODES:
        there = {field.path for field in form(code).root.walk()}
        assert set(handling) <= there
    assert set(schemas.envelope_fields()) <= set(handling)


@each_form
def test_every_field_is_named_in_both_languages_and_fits_the_payload(code: str) -> None:
    whole = schemas.whole(code)
    for node in nodes(whole):
        for title in (node["title"], node["x-fr"]):
            assert 0 < len(title) <= 60
            assert shown(title) == title
        for value in node.get("enum", ()):
            assert set(node["x-labels"][value]) == {"en", "fr"}, value
        for name in node.get("properties", ()):
            assert len(name.encode()) <= MAX_KEY_BYTES
    assert whole["$schema"].endswith("2020-12/schema")
    assert re.fullmatch(rf"urn:cencomm:form:{code}:\d+", whole["$id"])
    assert form(code).version == 1


@each_form
def test_the_schemas_use_only_keywords_that_are_told_to_people(code: str) -> None:
    known = {
        *("$schema", "$id", "title", "x-fr", "x-labels", "x-format", "type", "properties", "items"),
        *("required", "additionalProperties", "allOf", "if", "then", "else", "dependentRequired"),
        *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties", "enum", "format", "pattern", "nominal"),
    }
    for node in nodes(schemas.whole(code)):
        assert set(node) <= known
        assert node.get("format", "leaf") in {*CHECKS, "utc-ms"}


def test_persons_and_what_names_them_are_marked_nominal() -> None:
    def marks(code: str) -> set[str]:
        return {field.path for field in form(code).root.walk() if field.nominal}

    assert {"persons[].name", "persons[].document", "persons", "remarks", "reference"} <= marks(
        "SZR"
    )
    numbers = {f"conveyance.{name}" for name in ("container", "vessel", "mmsi", "plate", "flight")}
    assert numbers <= marks("SZR")
    assert {"parties", "parties[].name", "identifiers.plate", "identifiers.awb"} <= marks("WRN")
    assert "goods[].hs" not in marks("SZR")


def test_a_name_that_is_an_entry_in_one_form_is_one_in_all() -> None:
    """A correction carries fields of any form; its JSON has to know which are leaf hashes."""
    kinds: dict[str, set[bool]] = {}
    for code in schemas.CODES:
        for name, field in form(code).root.fields.items():
            kinds.setdefault(name, set()).add(field.kind is Kind.LEAF)
    assert all(len(found) == 1 for found in kinds.values())


# -- examples -------------------------------------------------------------------------------------


@each_form
def test_the_example_passes_and_is_its_own_normal_form(code: str) -> None:
    content = example(code)
    assert form(code).check(content) == ()
    assert form(code).normal(content) == content
    assert decode(encode(content), max_size=MAX_PAYLOAD) == content  # the payload takes it


@each_form
def test_the_three_spoilt_ones_fail_with_their_path(code: str) -> None:
    fails = schemas.example(code)["fails"]
    assert len(fails) >= 3
    for row in fails:
        found = wrong(code, spoilt(code, row["field"], row))
        assert list(found) == row["wrong"]
        for error in found.values():
            assert error.text("fr") != error.text("en")
            assert error.path in error.text("fr")


@each_form
def test_the_file_alone_and_the_whole_schema_say_the_same(code: str) -> None:
    """A browser may check with the files and their references."""
    registry = jsonschema_rs.Registry([(schemas.source("shared")["$id"], schemas.source("shared"))])
    plain = jsonschema_rs.Draft202012Validator(
        schemas.source(code),
        registry=registry,
        formats={name: is_normal(check) for name, check in CHECKS.items()},
        validate_formats=True,
    )
    value = schemas.example(code)
    assert plain.is_valid(value["passes"])
    assert not plain.is_valid({**value["passes"], "another": 1})
    for row in value["fails"]:
        content = json.loads(json.dumps(spoilt(code, row["field"], row), default=bytes.hex))
        assert not plain.is_valid(content), row


# -- errors ---------------------------------------------------------------------------------------


def test_every_wrong_field_is_named_with_what_was_read_and_what_is_expected() -> None:
    content = example("SZR") | {
        "office": "Hamburg",
        "at": "today",
        "conveyance": {"mode": "1", "container": "CSQU3054384"},
        "goods": [{"category": "tobacco", "quantity": "1,5", "unit": "kilos", "hs": "2402x"}],
        "colour": "red",
        "grading": {"scale": "4x4", "source": "D", "information": "1"},
    }
    del content["country"]
    found = wrong("SZR", content)
    assert list(found) == [
        *("country", "office", "at", "goods[0].hs", "goods[0].quantity", "goods[0].unit"),
        *("conveyance.container", "grading.source", "colour"),
    ]
    container = found["conveyance.container"]
    assert (container.read, container.label("fr")) == ("CSQU3054384", "Numéro de conteneur")
    assert "CSQU3054383" in container.text()
    assert "clé de contrôle 3" in container.text("fr")
    assert found["country"].read is None
    assert "A, B, C, X" in found["grading.source"].text()
    with pytest.raises(FormInvalid) as refused:
        form("SZR").require(content)
    assert refused.value.errors == tuple(found.values())
    assert "goods[0].hs" in refused.value.detail


def test_as_seen_lifts_the_check_digit_and_nothing_else() -> None:
    conveyance = {"mode": "1", "container": "csqu3054384", "as_seen": True}
    seen = example("SZR") | {"conveyance": conveyance}
    assert form("SZR").check(seen) == ()
    assert form("SZR").normal(seen)["conveyance"]["container"] == "csqu3054384"  # as it was painted
    assert list(wrong("SZR", seen | {"conveyance": conveyance | {"mode": "11"}})) == [
        "conveyance.mode"
    ]
    sober = conveyance | {"as_seen": False}
    assert list(wrong("SZR", seen | {"conveyance": sober})) == ["conveyance.container"]


def test_h3_needs_its_text() -> None:
    content = {"text": "x", "handling": ["H3"]}
    assert list(wrong("MSG", content)) == ["handling_text"]
    assert wrong("MSG", content | {"handling_text": "ask first"}) == {}
    assert wrong("MSG", content | {"handling": ["H2"]}) == {}


def test_a_leaf_hash_is_bytes_and_nothing_else_is() -> None:
    content = example("SZR")
    assert list(wrong("SZR", content | {"warning": content["warning"].hex()})) == ["warning"]
    assert list(wrong("SZR", content | {"warning": b"short"})) == ["warning"]
    assert list(wrong("SZR", content | {"office": b"DEHAM"})) == ["office"]
    assert list(wrong("SZR", content | {"goods": [content["goods"][0] | {"value": 5.0}]})) == [
        "goods[0].value"
    ]
    assert list(wrong("SZR", content | {"persons": [{"role": None}]})) == ["persons[0].role"]


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    with pytest.raises(FormInvalid, match="MSG, WRN, HIT"):
        form("XYZ")


ANY_TEXT = st.text(st.characters(), max_size=50)  # lone surrogates too
PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | ANY_TEXT | st.binary(),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)  # the first use of a form compiles it
@given(st.sampled_from(schemas.CODES), st.data())
def test_whatever_a_member_seals_is_judged_and_never_breaks_the_reader(
    code: str, data: st.DataObject
) -> None:
    """Any value in any field, or under a name of its own."""
    content = example(code)
    name = data.draw(st.sampled_from(sorted(form(code).root.fields)) | ANY_TEXT)
    content[name] = data.draw(PAYLOADS)
    for error in form(code).check(content):
        assert error.text("fr")
    form(code).normal(content)


# -- what people type -----------------------------------------------------------------------------


def test_a_time_without_zone_is_one_of_the_persons_zone_and_told_with_its_offset() -> None:
    made = typed(form("RFI"), {"deadline": "2026-01-05 14:30"}, PARIS)
    assert made.content == {"deadline": 1_767_619_800_000}
    assert made.times == (("deadline", "2026-01-05T14:30+01:00"),)
    zoned = typed(form("RFI"), {"deadline": "2026-01-05T14:30-05:00"}, PARIS)
    assert zoned.times == (("deadline", "2026-01-05T14:30-05:00"),)
    assert zoned.content["deadline"] - made.content["deadline"] == 6 * 3_600_000
    assert told_time(made.content["deadline"], PARIS) == "2026-01-05T14:30+01:00"
    assert told_time(made.content["deadline"], UTC) == "2026-01-05T13:30+00:00"
    for nonsense in ("soon", "9999-99-99", "0001-01-01", ""):
        assert typed(form("RFI"), {"deadline": nonsense}, PARIS).content == {"deadline": nonsense}


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's zone, by its rule: no list of zones is needed."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("central_europe")
def test_a_time_that_the_zone_skips_is_none_and_one_that_comes_twice_is_the_first() -> None:
    """In the last night of March the clocks go from 2 to 3, in that of October from 3 to 2."""
    skipped = typed(form("RFI"), {"deadline": "2026-03-29 02:30"})
    assert (skipped.content["deadline"], skipped.times) == ("2026-03-29 02:30", ())
    (wrong,) = [one for one in form("RFI").check(skipped.content) if one.path == "deadline"]
    assert "skip that time; name its offset" in wrong.text("en")
    assert "sautent cette heure" in wrong.text("fr")
    for text, told in (
        ("2026-03-29 01:59", "2026-03-29T01:59+01:00"),
        ("2026-03-29 03:00", "2026-03-29T03:00+02:00"),
        ("2026-03-29 02:30+01:00", "2026-03-29T02:30+01:00"),
        ("2026-10-25 02:30", "2026-10-25T02:30+02:00"),
        ("2026-10-25 02:30+01:00", "2026-10-25T02:30+01:00"),
        ("2026-W10-1", "2026-03-02T00:00+01:00"),
    ):
        assert typed(form("RFI"), {"deadline": text}).times == (("deadline", told),)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01+02:00",  # a day with an offset is no hour
        "2026-03-01-14:30",
        "2026-03-01\u200b14:30",
        "2026-03-01 24:01",
        "2026-03-01 23:59:60",
        "2026-03-01 14:30 CET",
        "2026-02-30 10:00",
        "\uff12026-03-01 10:00",
        "0001-01-01 00:00",
        "9999-12-31 23:59-12:00",
    ],
)
def test_what_is_no_time_is_not_read_as_one(text: str) -> None:
    made = typed(form("RFI"), {"deadline": text}, PARIS)
    assert (made.content["deadline"], made.times) == (text, ())
    (wrong,) = [one for one in form("RFI").check(made.content) if one.path == "deadline"]
    assert wrong.since is None


def test_json_numbers_of_amounts_keep_their_digits() -> None:
    value = loads('{"goods": [{"quantity": 12.50, "value": 3000000000000.01, "pieces": 3}]}')
    goods = typed(form("SZR"), value).content["goods"][0]
    assert goods == {"quantity": "12.50", "value": "3000000000000.01", "pieces": 3}
    assert typed(form("SZR"), {"goods": [{"quantity": 7}]}).content["goods"][0] == {"quantity": "7"}


def test_a_correction_carries_leaf_hashes_of_other_forms() -> None:
    made = typed(form("COR"), {"target": "a1" * 32, "fields": {"warning": "5e" * 32, "photos": 2}})
    assert made.content["fields"] == {"warning": b"\x5e" * 32, "photos": 2}


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("photos", "12", 12),
        ("photos", "a dozen", "a dozen"),
        ("photos", "--5", "--5"),
        ("photos", "9" * 5000, "9" * 5000),
        ("photos", "1.000", "1.000"),
        ("photos", "1\u202f000", 1000),
        ("goods[].unweighed", "Yes", True),
        ("goods[].unweighed", "non", False),
        ("goods[].unweighed", "perhaps", "perhaps"),
        ("at", "1970-01-01T00:00:01+00:00", 1000),
        ("warning", "5e" * 32, b"\x5e" * 32),
        ("office", " deham ", "deham"),
    ],
)
def test_an_answer_becomes_a_value_of_its_field(path: str, text: str, value: Any) -> None:
    found: dict[str, Field] = {field.path: field for field in form("SZR").root.walk()}
    assert typed_value(found[path], text, UTC) == value
