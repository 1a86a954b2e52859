"""A refused step of the course names the rule and who may, in the language of the person."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cencomm_client.cli.output import Output
from cencomm_client.course import RULES, explained
from cencomm_client.errors import Refused, refusal
from cencomm_config.catalog import LANGUAGES
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.rights import OPERATION_RIGHTS
from rich.console import Console

from tests.support.counter import Town
from tests.support.hostile_text import HOSTILE


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def told(town: Town, code: str, kind: str, detail: str = "x", **body: object) -> Refused:
    operation = town.operation
    state, directory = operation.state, town.directory.state
    return explained(refusal(code, detail), kind, body, state, directory, operation.clock)


def screen(refused: Refused, language: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CENCOMM_LANG", language)
    file = io.StringIO()
    Output(as_json=False, errors=Console(file=file, width=400)).error(refused)
    return file.getvalue()


def test_a_step_out_of_order_names_the_rule_who_may_and_where_the_way_leads(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = told(town, ErrorCode.WRONG_PHASE, "phase.set", "prep is behind", phase="prep")
    english = screen(refused, "en", monkeypatch)
    for words in (
        *("wrong_phase: prep is behind.", "phase.set is judged by PHA-1, PHA-3", "Who may: coord"),
        *("From live the way leads to: post, suspended",),
    ):
        assert words in english
        assert english.count(words) == 1
    french = screen(refused, "fr", monkeypatch)
    for words in (
        *("wrong_phase: prep is behind.", "phase.set se juge selon PHA-1, PHA-3", "Qui le peut :"),
        *("De live, on peut aller vers : post, suspended",),
    ):
        assert words in french
    assert "the way leads" not in french
    assert "From live the way leads to: post, suspended" in refused.detail  # for programs


def test_who_may_not_reads_who_does(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    chief = town.people[0].code
    for kind in RULES:
        refused = told(town, ErrorCode.NOT_PERMITTED, kind)
        assert f"{kind} is judged by {RULES[kind]}" in refused.detail
        for language, words in (("en", "Coordinators here:"), ("fr", "Coordonnateurs ici :")):
            shown = screen(refused, language, monkeypatch)
            assert f"{words} {chief} (FR)" in shown
        if kind in OPERATION_RIGHTS and not kind.endswith((".approve", ".cancel")):
            assert all(role in refused.detail for role in OPERATION_RIGHTS[kind])


def test_a_hold_and_a_time_are_named(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    early = told(town, ErrorCode.OUT_OF_WINDOW, "phase.set", phase="live")
    (times,) = [one.values for one in early.told if one.code == "course_times"]
    for language in LANGUAGES:
        shown = screen(early, language, monkeypatch)
        assert times["first"] in shown
        assert times["last"] in shown
    hold = town.operation.control("hold", {"reason": "a court"})
    held = told(town, ErrorCode.HELD, "erase.propose")
    assert hold.leaf.hex() in screen(held, "fr", monkeypatch)
    assert "Conservations légales" in screen(held, "fr", monkeypatch)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_the_server_said_steers_no_terminal(
    town: Town, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = screen(told(town, ErrorCode.WRONG_PHASE, "phase.set", text), "fr", monkeypatch)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "De live" in shown


def test_what_is_no_step_of_the_course_stays_as_it_came(town: Town) -> None:
    refused = told(town, ErrorCode.NOT_PERMITTED, "channel.create")
    assert (refused.detail, refused.told) == ("x", ())
