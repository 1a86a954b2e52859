"""A51: whatever came from another party is shown as harmless, visible text."""

import io
import json
import unicodedata

import pytest
from cencomm_config.display import shown, shown_lines
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

HOSTILE = {
    "clear screen": "\x1b[2J\x1b[Hall is well",
    "colour": "\x1b[31mred\x1b[0m",
    "window title": "\x1b]0;owned\x07",
    "hyperlink": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "device attributes query": "\x1b[c",
    "cursor up and overwrite": "seized\x1b[1A\x1b[2Knothing found",
    "8-bit CSI": "\x9b31mred",
    "8-bit OSC": "\x9d0;owned\x9c",
    "DCS": "\x1bP$q\x1b\\",
    "application program command": "\x1b_Gq=1\x1b\\",
    "carriage return": "accepted\rdeclined",
    "backspace": "accepted" + "\b" * 8 + "declined",
    "new line": "entry 1\nentry 2 (forged)",
    "next line": "entry 1\x85entry 2",
    "line separator": "entry 1\u2028entry 2",
    "paragraph separator": "entry 1\u2029entry 2",
    "vertical tab and form feed": "a\vb\fc",
    "bell": "\a\a\a",
    "null": "good\x00bad",
    "delete": "ab\x7f",
    "shift out": "\x0eabc\x0f",
    "right-to-left override": "invoice\u202egnp.exe",
    "left-to-right override": "\u202dabc",
    "embedding left open": "\u202babc",
    "isolate": "\u2067abc\u2069",
    "right-to-left mark": "FR\u200f-014",
    "Arabic letter mark": "FR\u061c-014",
    "zero-width space": "FR\u200b-014",
    "zero-width joiner": "FR\u200d-014",
    "word joiner": "FR\u2060-014",
    "byte order mark": "\ufeffFR-014",
    "soft hyphen": "FR\u00ad-014",
    "tag characters": "FR\U000e0041\U000e0042",
    "variation selectors": "F\ufe0fR\U000e0100",
    "Hangul filler": "\u3164admin",
    "Braille blank": "a\u2800b",
    "combining grapheme joiner": "a\u034fb",
    "stacked marks": "a" + "\u0301\u0300\u0302" * 40,
    "no-break and em spaces": "a\u00a0b\u2003c\u3000d",
    "private use": "\ue000\U000f0000",
    "lone surrogate": "a\ud800b",
    "noncharacter": "\ufffe\uffff",
    "script": "<script>alert(1)</script>",
    "image with handler": '<img src=x onerror="alert(1)">',
    "entity": "&lt;b&gt;",
    "rich markup": "[bold red]ALERT[/]",
    "rich link": "[link=http://evil.example]CEN[/link]",
    "Markdown link": "[CEN](http://evil.example)",
    "annotation": "\ufff9a\ufffab\ufffb",
    "object replacement": "a\ufffcb",
}
_BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _is_harmless(line: str) -> bool:
    return not any(
        unicodedata.category(char) in _BAD_CATEGORIES
        or (unicodedata.category(char) == "Zs" and char != " ")
        or char in "<>&[]"
        for char in line
    )


def test_there_are_at_least_forty_hostile_strings() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_string_is_harmless_and_visibly_changed(name: str) -> None:
    line = shown(HOSTILE[name])
    assert _is_harmless(line)
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


@given(st.text(alphabet=st.characters()))
def test_showing_twice_changes_nothing_more(text: str) -> None:
    once = shown(text)
    assert _is_harmless(once)
    assert shown(once) == once


@given(st.text(alphabet=st.characters()), st.integers(0, 20))
def test_a_cut_line_is_never_longer_than_asked(text: str, most: int) -> None:
    assert len(shown(text, max_len=most)) <= most
