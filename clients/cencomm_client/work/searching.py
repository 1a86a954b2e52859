"""Search over what this device can read: decrypted in memory, no index on any disk.

A word of letters alone finds words that begin with it; in scripts that join words (the Arabic
article, Chinese) it finds them anywhere. Anything with a digit finds identifiers, with or without
spaces, dots and dashes. All words must be found. Newest first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cencomm_client.items import Message
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING, Present
from cencomm_client.work.desk import Desk

EXCERPT = 160  # characters
_ALIKE = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ħ": "h",
        "ŧ": "t",
        "\u0131": "i",
        "ð": "d",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u2019": "'",
        "\u2018": "'",
        "\u02bc": "'",
        "\u0629": "\u0647",
        "\u0649": "\u064a",
        "\u0640": None,  # Arabic teh, alef maksura; tatweel
    }
)
"""Letters that Unicode takes for others and people type for the same."""
_AROUND = "\"'“”„«»()[]{},;:!?"


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that has all the words: in what it says now, or only in what it said (`former`)."""

    message: Message
    present: Present
    former: bool
    excerpt: str  # foreign text


def search(desk: Desk, words: Sequence[str]) -> Iterator[Found]:
    """Entries with all the words, newest first; nothing for no words."""
    asked = sought(words)
    if not asked:
        return
    for message in reversed(desk.messages()):
        if message.content is None:
            continue
        present = desk.present(message)
        said = present.content if present.content is not None else message.content
        pieces = _pieces(message, said)
        former = present.content is None
        if not _holds(pieces, asked):
            if said is message.content:
                continue
            pieces, former = _pieces(message, message.content), True
            if not _holds(pieces, asked):
                continue
        yield Found(message, present, former, _excerpt(pieces, asked))


def sought(words: Sequence[str]) -> list[_Word]:
    """The words of what a person typed: an accent alone is none."""
    asked = (_Word.of(word) for text in words for word in text.split())
    return [word for word in asked if word.text]


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a search: folded, and its letters and digits alone."""

    text: str
    bare: str
    number: bool

    @classmethod
    def of(cls, word: str) -> _Word:
        folded = fold(word)
        folded = folded.strip(_AROUND) or folded
        return cls(folded, _bare(folded), any(char.isdigit() for char in folded))

    def found(self, folded: str) -> bool:
        """Whether a folded text has it."""
        if self.number:
            return bool(self.bare) and self.bare in _bare(folded)
        start = folded.find(self.text)
        while start > 0 and _parts(folded[start - 1]):
            start = folded.find(self.text, start + 1)
        return start >= 0


def fold(text: str) -> str:
    """Lower case without accents, in plain digits, dashes and apostrophes: one spelling for what
    people type and what stands there."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(_ALIKE)
    return "".join(map(_folded, apart))


def _folded(char: str) -> str:
    """One character of a text that was taken apart; nothing for accents and what is not seen."""
    if char.isascii():
        return char
    match unicodedata.category(char):
        case "Mn" | "Cf":
            return ""
        case "Nd":
            return str(unicodedata.decimal(char))
        case "Pd":
            return "-"
    return char


def _parts(char: str) -> bool:
    """Whether no word begins behind this character: it is of a word, in a script with capitals,
    which sets its words apart."""
    return char.isalnum() and unicodedata.category(char) != "Lo"


def _bare(folded: str) -> str:
    return "".join(char for char in folded if char.isalnum())


def _pieces(message: Message, content: reading.Content) -> list[str]:
    """Every text of an entry: who, where, what kind, each value of its content."""
    author = message.author
    pieces = [message.kind or "", message.channel_name, author.code, author.administration]
    pieces += [author.name or "", str(message.place.seq)]
    if message.kind in CHANGING:
        content = {**content, **reading.changed(content)}
    for _, value in reading.walk(content):
        text = _text(value)
        if text:
            pieces.append(text)
    return pieces


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _holds(pieces: Sequence[str], sought: Sequence[_Word]) -> bool:
    folded = [fold(piece) for piece in pieces]
    return all(any(word.found(piece) for piece in folded) for word in sought)


def _excerpt(pieces: Sequence[str], sought: Sequence[_Word]) -> str:
    """The texts with the words in them, cut to a line."""
    found = [piece for piece in pieces[4:] if any(word.found(fold(piece)) for word in sought)]
    text = " · ".join(found or pieces[6:])
    if len(text) <= EXCERPT:
        return text
    at = min((place for word in sought if (place := fold(text).find(word.text)) >= 0), default=0)
    start = max(0, min(at - EXCERPT // 3, len(text) - EXCERPT))
    return ("…" if start else "") + text[start : start + EXCERPT] + "…"
