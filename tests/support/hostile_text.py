"""Strings that a hostile party would like to see on a terminal, in a document or in a log (A51)."""

from __future__ import annotations

import unicodedata

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


def is_harmless(line: str) -> bool:
    """Whether nothing in it steers a terminal, hides, reorders or marks up."""
    return not any(
        unicodedata.category(char) in _BAD_CATEGORIES
        or (unicodedata.category(char) == "Zs" and char != " ")
        or char in "<>&[]"
        for char in line
    )
