"""Search over what this device can read: decrypted in memory, no index on any disk.

A word of letters alone finds words that begin with it; anything with a digit finds identifiers,
with or without spaces, dots and dashes. All words must be found. Newest first.
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


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that has all the words: in what it says now, or only in what it said (`former`)."""

    message: Message
    present: Present
    former: bool
    excerpt: str  # foreign text


def search(desk: Desk, words: Sequence[str]) -> Iterator[Found]:
    """Entries with all the words, newest first; nothing for no words."""
    asked = (_Word.of(word) for text in words for word in text.split())
    sought = [word for word in asked if word.text]  # an accent alone is no word
    if not sought:
        return
    for message in reversed(desk.messages()):
        if message.content is None:
            continue
        present = desk.present(message)
        said = present.content if present.content is not None else message.content
        pieces = _pieces(message, said)
        former = present.content is None
        if not _holds(pieces, sought):
            if said is message.content:
                continue
            pieces, former = _pieces(message, message.content), True
            if not _holds(pieces, sought):
                continue
        yield Found(message, present, former, _excerpt(pieces, sought))


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a search: folded, and its letters and digits alone."""

    text: str
    bare: str
    number: bool

    @classmethod
    def of(cls, word: str) -> _Word:
        folded = fold(word)
        return cls(folded, _bare(folded), any(char.isdigit() for char in folded))

    def found(self, folded: str) -> bool:
        """Whether a folded text has it."""
        if self.number:
            return bool(self.bare) and self.bare in _bare(folded)
        start = folded.find(self.text)
        while start > 0 and folded[start - 1].isalnum():
            start = folded.find(self.text, start + 1)
        return start >= 0


def fold(text: str) -> str:
    """Lower case without accents: one spelling for what people type and what stands there."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


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
