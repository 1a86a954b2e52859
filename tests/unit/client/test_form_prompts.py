"""A form at a terminal: asked field by field, a wrong answer told at once and asked again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cencomm_client.cli import app
from cencomm_client.cli.form_prompts import Prompts
from cencomm_client.cli.output import Output
from cencomm_client.code_lists import CodeLists
from cencomm_config.catalog import sentences
from cencomm_config.forms import FormSet, base_set
from rich.console import Console
from typer.testing import CliRunner

PARIS = timezone(timedelta(hours=1))
Session = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Fills a form with answers by label, several one after the other; gives it and the screen."""

    def filled(
        code: str,
        answers: dict[str, str | list[str]],
        *,
        language: str = "en",
        forms: FormSet | None = None,
    ) -> tuple[dict[str, Any], str]:
        monkeypatch.setenv("CENCOMM_LANG", language)
        screen = io.StringIO()
        output = Output(as_json=False, console=Console(file=screen, width=200))
        left = {label: [a] if isinstance(a, str) else list(a) for label, a in answers.items()}

        def ask(prompt: str) -> str:
            screen.write(prompt)
            label = re.sub(r"( \*)?( \[.*\])?: $", "", prompt)
            answer = left[label].pop(0) if left.get(label) else ""
            screen.write(answer + "\n")
            return answer

        form = (forms or base_set()).form(code)
        content = Prompts(form, output, ask, CodeLists(tmp_path), PARIS).fill()
        assert not any(left.values()), left
        return content, screen.getvalue()

    return filled


def test_a_warning_is_filled_by_labels_numbers_and_words(session: Session) -> None:
    content, screen = session(
        "WRN",
        {
            "Subject": "2",
            "Identifiers: fill in?": "y",
            "Container number": ["CSQU3054384", "csqu 305438-3"],
            "HS code 1": "2402.20",
            "HS code 2": "",
            "Route: fill in?": "yes",
            "Place of departure": "aejea",
            "Requested action": "let run",
            "Deadline": ["soon", "2026-03-01 14:30"],
        },
    )
    assert content == {
        "subject": "container",
        "identifiers": {"container": "CSQU3054383"},
        "hs": ["240220"],
        "route": {"departure": "AEJEA"},
        "action": "let_run",
        "deadline": 1_772_371_800_000,
    }
    assert "check digit 3, so CSQU3054383" in screen
    assert "2026-03-01T14:30+01:00" in screen  # told back with the offset
    assert "Subject *: 2" in screen


def test_it_speaks_the_language_of_the_person(session: Session) -> None:
    content, screen = session(
        "ACK",
        {"Réponse": ["peut-être", "refusé"], "Motif": "Hors de notre compétence."},
        language="fr",
    )
    assert content == {"answer": "declined", "reason": "Hors de notre compétence."}
    assert "Accusé de réception" in screen
    assert "Attendu : une valeur parmi" in screen


def test_what_an_answer_makes_necessary_is_asked_for_at_the_end(session: Session) -> None:
    content, screen = session("ACK", {"Answer": "declined", "Reason": ["", "", "Not ours."]})
    assert content == {"answer": "declined", "reason": "Not ours."}
    assert "reason, Reason: nothing was given." in screen


def test_a_correction_s_values_are_typed_as_in_the_entry(session: Session) -> None:
    """A time that stayed text left no right form: the correction was damaged for every reader."""
    content, screen = session(
        "COR",
        {
            "Entry to correct": "5e" * 32,
            "Changed fields": [
                "deadline=2026-03-01 14:30",
                "photos=12",
                "remarks=12",
                "x=12",
                "hs=?",
            ],
            "Reason": "misread",
        },
    )
    fields = {"deadline": 1_772_371_800_000, "photos": 12, "remarks": "12", "x": "12", "hs": "?"}
    assert content["fields"] == fields
    assert "2026-03-01T14:30+01:00" in screen


def test_rows_end_when_no_other_is_wanted_and_needed_ones_are_asked_for(session: Session) -> None:
    content, _ = session(
        "DBR",
        {
            "Country": ["DE", "PL"],
            "Seizures reported": ["12", "3"],
            "Seizures confirmed": ["11", "3"],
            "Another: Count?": ["y", "n"],
            "Reconciled with the seizures": "yes",
            "Lesson 1": "Feedback within a day is possible.",
        },
    )
    assert [row["country"] for row in content["counts"]] == ["DE", "PL"]
    assert content["reconciled"] is True


def test_handling_is_asked_for_on_wish(session: Session) -> None:
    content, _ = session(
        "MSG",
        {
            "Text": "Vessel berthed.",
            "Handling, TLP, grading: fill in?": "y",
            "Handling code 1": "H3",
            "Text of H3": "Ask first.",
            "Traffic light protocol (TLP 2.0)": "AMBER",
        },
    )
    assert content == {
        "text": "Vessel berthed.",
        "handling": ["H3"],
        "handling_text": "Ask first.",
        "tlp": "AMBER",
    }


def test_as_seen_lifts_the_check_before_the_number_is_asked_for(session: Session) -> None:
    content, _ = session(
        "NDR",
        {
            "Type": "cloned container",
            "Modus operandi": "The door plate shows another number.",
            "Identifiers: fill in?": "y",
            "As seen (the check digits may be wrong)": "y",
            "Container number": "CSQU3054384",
        },
    )
    assert content["identifiers"] == {"as_seen": True, "container": "CSQU3054384"}


def test_a_choice_whose_values_are_digits_is_typed_as_it_is_shown(session: Session) -> None:
    """Rec 19 numbers the modes itself: 1 is maritime, whatever comes first."""
    content, screen = session(
        "SIT",
        {
            "From": "2026-03-01",
            "To": "2026-03-02",
            "Nil return": "no",
            "Controls by mode: fill in?": "y",
            "Mode of transport": "1",
            "Number": "41",
            "Warnings handled": "3",
            "Seizures": ["1"],
        },
    )
    assert "0 not specified   1 maritime" in screen
    assert content["controls"] == [{"mode": "1", "count": 41}]


def test_a_prefilled_value_stands_in_brackets_and_enter_takes_it(session: Session) -> None:
    rules = {"prefill": {"action": "control"}, "relabel": {"action": {"en": "What to do"}}}
    forms = base_set().narrow({"format": 1, "name": "x", "forms": {"WRN": rules}})
    content, screen = session("WRN", {"Subject": "container", "What to do": ""}, forms=forms)
    assert content == {"subject": "container", "action": "control"}
    assert "What to do * [control]" in screen


@pytest.mark.parametrize(("answer", "kept"), [("", True), ("-", False), (" - ", False)])
def test_a_prefilled_optional_field_is_taken_by_enter_and_left_empty_by_a_dash(
    session: Session, answer: str, kept: bool
) -> None:
    rules = {"prefill": {"goods_suspected": "tobacco"}}
    forms = base_set().narrow({"format": 1, "name": "x", "forms": {"WRN": rules}})
    answers = {"Subject": "container", "Requested action": "control"}
    answers["Goods suspected"] = answer
    content, screen = session("WRN", answers, forms=forms)
    assert content.get("goods_suspected") == ("tobacco" if kept else None)
    assert "Goods suspected [tobacco; -: leave empty]: " in screen


def test_a_dash_is_no_answer_where_something_is_needed(session: Session) -> None:
    rules = {"prefill": {"action": "control"}}
    forms = base_set().narrow({"format": 1, "name": "x", "forms": {"WRN": rules}})
    answers: dict[str, str | list[str]] = {"Subject": "container", "Requested action": ["-", ""]}
    content, screen = session("WRN", answers, forms=forms)
    assert content["action"] == "control"
    assert "Requested action * [control]: " in screen


def test_what_was_too_much_for_the_whole_form_may_stay_away(session: Session) -> None:
    answers: dict[str, str | list[str]] = {
        "From": "2026-03-01 00:00",
        "To": "2026-03-02 00:00",
        "Nil return": "yes",
        "Seizures": ["3", ""],
    }
    content, screen = session("SIT", answers)
    assert "seizures" not in content
    assert content["nil"] is True
    assert screen.count("\nSeizures: \n") == 1  # asked once more, and not as needed


def test_a_question_mark_searches_the_list_behind_a_code(session: Session, tmp_path: Path) -> None:
    (tmp_path / "part.csv").write_text(
        ',"DE","HAM","Hamburg","Hamburg",,"1-------","AF","0701",,,\n'
    )
    answers: dict[str, str | list[str]] = {
        "Number": "1",
        "Audience 1": "all",
        "Trends": "Cover loads.",
        "Map: fill in?": "y",
        "Place": ["? hamb", "DEHAM"],
    }
    assert "not imported" in session("BUL", answers)[1]
    CodeLists(tmp_path).install("locode", [tmp_path / "part.csv"])
    assert "DEHAM  Hamburg" in session("BUL", answers)[1]
    found = session(
        "SZR",
        {
            **dict.fromkeys(
                ("Form", "Precision of the time", "Type of location", "Direction"), "1"
            ),
            **dict.fromkeys(("Offence", "Detection method", "Trigger", "Category", "Unit"), "1"),
            "Seizing country": ["? germ", "de"],
            "Office (UN/LOCODE)": "DEHAM",
            "Time of the seizure": "2026-03-01T14:30Z",
            "Quantity": "12.5",
        },
    )
    assert "DE  Germany" in found[1]
    assert found[0]["country"] == "DE"


def test_the_end_of_input_ends_the_filling(tmp_path: Path) -> None:
    """Also where a needed field waits for its answer: nothing half filled is posted."""

    def ask(prompt: str) -> str:
        raise EOFError(prompt)

    output = Output(as_json=False, console=Console(file=io.StringIO()))
    with pytest.raises(EOFError, match="Answer"):
        Prompts(base_set().form("ACK"), output, ask, CodeLists(tmp_path)).fill()


def test_what_the_new_commands_show_comes_from_the_catalogue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the language that nobody speaks, no English sentence is left."""
    monkeypatch.setenv("CENCOMM_LANG", "qps")
    monkeypatch.setenv("COLUMNS", "300")
    file = tmp_path / "form.json"
    file.write_text('{"deadline": "2026-03-01 14:30"}')
    for words in (
        ["forms", "list"],
        ["forms", "show", "SZR"],
        ["forms", "check", "RFI", str(file)],
        ["lists", "find", "country", "nowhere", "--vault", str(tmp_path / "v")],
        ["lists", "find", "locode", "x", "--vault", str(tmp_path / "v")],
    ):
        told = CliRunner().invoke(app, words)
        text = told.stdout + told.stderr
        assert "⟦" in text, words
        for code, english in sentences().items():
            if code.startswith(("cli_", "field_")) or code == "form_invalid":
                plain = english.partition("{")[0].strip()
                assert len(plain) < 12 or plain not in text, (words, code)
