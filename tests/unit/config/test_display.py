"""A51: whatever came from another party is shown as harmless, visible text."""

import io
import json

import pytest
from cencomm_config.display import is_plain, shown, shown_lines, shown_time
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.support.hostile_text import HOSTILE, is_harmless


def test_there_are_at_least_forty_hostile_strings() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_string_is_harmless_and_visibly_changed(name: str) -> None:
    line = shown(HOSTILE[name])
    assert is_harmless(line)
    assert line != HOSTILE[name]
    assert len(line) >= 1


@pytest.mark.parametrize("name", HOSTILE)
def test_rich_prints_it_as_it_stands(name: str) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=400)
    console.print(shown(HOSTILE[name]), highlight=False)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().rstrip("\n") == shown(HOSTILE[name]).rstrip()


@pytest.mark.parametrize("name", HOSTILE)
def test_json_holds_it_on_one_line(name: str) -> None:
    assert len(json.dumps(shown(HOSTILE[name]), ensure_ascii=False).splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "FR-014: MSCU 639 8707, 4,800 sticks (24.02)",
        "Zoll, Köln; Douane, Orléans; Ελλάδα; Україна",
        "海关总署 / 관세청 / الجمارك / ศุลกากร",
        "“quoted” — 50 % • €1 200",
        "🚢 ⚠",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_composed_and_decomposed_names_are_shown_alike() -> None:
    assert shown("Orle\u0301ans") == shown("Orl\u00e9ans")


def test_long_text_is_cut_with_a_sign() -> None:
    assert shown("abcdefgh", max_len=5) == "abcd…"
    assert shown("abcde", max_len=5) == "abcde"
    assert shown("abc", max_len=0) == ""
    assert len(shown("e\u0301" * 1000, max_len=10)) == 10


def test_lines_are_kept_apart_on_request() -> None:
    assert shown_lines("a\nb\u2028<c>") == ["a", "b", "\uff1cc\uff1e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_plain_is_shown_as_it_is_but_for_spaces_and_markup(name: str) -> None:
    text = HOSTILE[name]
    spaced = "".join(" " if char.isspace() else char for char in text)
    markup = {ord(sign): ord(sign) + 0xFEE0 for sign in "<>&[]"}
    assert is_plain(text) == (shown(text) == spaced.translate(markup) and spaced.isprintable())


@pytest.mark.parametrize("text", ["", "Note\u00a0: l\u2019\u00e9t\u00e9 <5 kg>", "\u0646\u0635"])
def test_ordinary_text_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("ms", [253_402_300_800_000, 2**53 - 1, 2**64 - 1])
def test_a_time_that_no_calendar_has_is_shown_as_its_number(ms: int) -> None:
    assert shown_time(ms) == str(ms)
    assert shown_time(253_402_300_799_999) == "9999-12-31 23:59:59Z"


@given(st.text(alphabet=st.characters()))
def test_showing_twice_changes_nothing_more(text: str) -> None:
    once = shown(text)
    assert is_harmless(once)
    assert shown(once) == once


@given(st.text(alphabet=st.characters()), st.integers(0, 20))
def test_a_cut_line_is_never_longer_than_asked(text: str, most: int) -> None:
    assert len(shown(text, max_len=most)) <= most
