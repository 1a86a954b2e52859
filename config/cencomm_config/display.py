"""The one function through which everything that came from another party is shown (A51).

Used for text in the terminal, in `--json` and in log lines; names, forms, details of errors and
file names alike. What it changes stays visible as a change: nothing is dropped in silence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime

LAST_MS = 253_402_300_799_999  # the end of the year 9999, after which `datetime` has no days
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_MAX_MARKS = 3  # combining marks on one letter; more stack over the neighbouring lines

# Letters, marks and symbols that draw nothing: they make two names look alike, or hide text.
_INVISIBLE = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFC),
        *range(0x180B, 0x1810),  # Mongolian variation selectors
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xE0100, 0xE01F0),  # and their supplement
    ]
)
# Cc, Cf (bidi, zero width, tags), Cs, Co, Cn, Zl, Zp: never shown as themselves.
_HIDDEN_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
# Characters that HTML, links of Markdown or rich's markup would act on, as their full-width forms.
_MARKUP = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in "<>&[]"})


def shown(text: str, *, max_len: int | None = None) -> str:
    """`text` as one harmless line: NFC, visible characters only, at most `max_len` of them.

    C0 controls become their pictures (ESC is shown as U+241B), other hidden characters U+FFFD, any
    space a plain one, markup signs their full-width forms. `shown(shown(x)) == shown(x)`.
    """
    if max_len is None:
        return _line(text)
    head = text[: 4 * max_len]  # NFC shortens at most threefold: no work on what is cut off anyway
    line = _line(head)
    if len(line) > max_len or len(head) < len(text):
        line = line[: max(max_len - 1, 0)] + ELLIPSIS[:max_len]
    return line


def shown_lines(text: str, *, max_len: int | None = None) -> list[str]:
    """`text` split at its line ends, each line through `shown`; for where lines may stay."""
    return [shown(line, max_len=max_len) for line in text.splitlines()]


def is_plain(text: str) -> bool:
    """Whether a text shows all that it is: in NFC, no controls, nothing invisible, no bidi."""
    spaced = (" " if unicodedata.category(char) == "Zs" else char for char in text)
    return "".join(_visible(unicodedata.normalize("NFC", text))) == "".join(spaced)


def shown_time(ms: int, pattern: str = "%Y-%m-%d %H:%M:%SZ") -> str:
    """A time in ms for people, in UTC; one that no calendar has as its number: forms and windows
    take any time that a number of JSON can say."""
    if not 0 <= ms <= LAST_MS:
        return str(ms)
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(pattern)


def _line(text: str) -> str:
    return "".join(_visible(unicodedata.normalize("NFC", text))).translate(_MARKUP)


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        code = ord(char)
        if 0x20 < code < 0x7F:
            marks = 0
            yield char
            continue
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if code < 0x20:
            yield chr(0x2400 + code)
        elif code == 0x7F:
            yield "\N{SYMBOL FOR DELETE}"
        elif category == "Zs":
            yield " "
        elif category in _HIDDEN_CATEGORIES or code in _INVISIBLE:
            yield REPLACEMENT
        elif marks > _MAX_MARKS:
            if marks == _MAX_MARKS + 1:
                yield REPLACEMENT
        else:
            yield char
