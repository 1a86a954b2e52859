"""Corrections and withdrawals: what an entry says now, and what it said (DOMAIN COR, WDR).

The author's administration alone changes what it said; others' attempts stand in the history
without effect, and so do a bot's: it reads nothing, and its host may be another's (A31). A
withdrawn correction counts as never made; a withdrawal is final. The log's order decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cencomm_client.items import DOUBTS, Message
from cencomm_client.kinds import CORRECTION, WITHDRAWAL
from cencomm_client.work import reading

CHANGING = frozenset([CORRECTION, WITHDRAWAL])


class Present(NamedTuple):
    """What an entry says now. `content` is None where it was withdrawn or cannot be read.

    `applied` are the corrections in it; `idle` are changes without effect: of another
    administration, doubtful, or withdrawn themselves.
    """

    content: Mapping[str, Any] | None
    applied: tuple[Message, ...] = ()
    withdrawn: Message | None = None
    idle: tuple[Message, ...] = ()


def sound(message: Message) -> bool:
    """Whether a message may count: readable, and nothing about it is doubtful."""
    return message.content is not None and not message.flags & DOUBTS


def target_of(change: Message) -> bytes | None:
    """The entry that a COR or WDR names; also of one whose fields are wrong for it."""
    if change.content is not None:
        return reading.target(change.content)
    return None if change.damage is None else change.damage.target


class Changes:
    """Corrections and withdrawals by what they are about."""

    def __init__(self) -> None:
        self._about: dict[bytes, dict[bytes, Message]] = {}  # target -> own leaf -> message

    def take(self, change: Message, about: bytes) -> None:
        """Keep a COR or WDR; a later version of it takes the earlier one's place."""
        self._about.setdefault(about, {})[change.place.leaf] = change

    def moved(self, leaf: bytes, into: bytes) -> None:
        """What was said about `leaf` is about `into`: the same message, sealed anew."""
        for change in self._about.pop(leaf, {}).values():
            self.take(change, into)

    def about(self, leaf: bytes) -> list[Message]:
        """All changes of one entry, in the log's order."""
        found = self._about.get(leaf)
        return [] if found is None else sorted(found.values(), key=lambda one: one.place.seq)

    def present(self, message: Message) -> Present:
        """What the entry says now."""
        changes = self.about(message.place.leaf)
        if not changes:
            return Present(message.content)
        applied: list[Message] = []
        idle: list[Message] = []
        withdrawn: Message | None = None
        for change in changes:
            if not self.counts(change, message) or withdrawn is not None:
                idle.append(change)
            elif change.kind == WITHDRAWAL:
                withdrawn = change
            else:
                applied.append(change)
        if withdrawn is not None or message.content is None:
            return Present(None, tuple(applied), withdrawn, tuple(idle))
        content = dict(message.content)
        for change in applied:
            content.update(reading.changed(change.content or {}))
        return Present(content, tuple(applied), None, tuple(idle))

    def counts(self, change: Message, message: Message) -> bool:
        """Whether a change has effect: sound, by a person of the author's administration, not
        withdrawn."""
        if not sound(change) or change.type == "drop":
            return False
        if not change.author.is_of(message.author):
            return False
        if message.kind in CHANGING and change.kind != WITHDRAWAL:
            return False  # who erred in a correction corrects the entry again
        if message.kind == WITHDRAWAL:
            return False
        return change.kind == WITHDRAWAL or not any(
            self.counts(later, change) for later in self.about(change.place.leaf)
        )
