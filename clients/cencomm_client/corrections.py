"""Corrections judged: what an entry would say after one, and whether it may (DOMAIN COR).

One rule for who writes, who reads and who extracts: the entry with its new fields must be a right
form of the operation's set. Who reads shows one that is not as damaged, and it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cencomm_config.forms import FieldError, FormInvalid, FormSet
from cencomm_config.forms.errors import Expected, read_text
from cencomm_crypto.errors import ErrorCode, ProtocolError

from cencomm_client.errors import NotChangeable, NotTheAuthor
from cencomm_client.items import Author, Damage, Message
from cencomm_client.kinds import CORRECTION, WITHDRAWAL
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING, Changes

FINAL = frozenset(["promotes", "exercise"])
"""Fields that decide when the entry is posted, for others too: whose hit was promoted by whom,
and what never mixes with what is real."""


def corrected(
    forms: FormSet, kind: str | None, content: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What an entry of `kind` that says `content` says with these fields given anew.

    Raises FormInvalid with every wrong field, NotChangeable for what has no form to hold it to.
    """
    form = None if kind is None or kind in CHANGING else forms.find(kind)
    if form is None:
        why = "who erred in it corrects the entry itself again, or withdraws it"
        told = why if kind in CHANGING else "a correction changes a form of the operation's set"
        raise NotChangeable(f"{kind or '?'} is not corrected: {told}")
    made = {**content, **fields}
    final = [name for name in fields if name in FINAL and fields[name] != content.get(name)]
    errors = tuple(
        FieldError((name,), field.labels, read_text(fields[name]), Expected("field_final"))
        for name in final
        if (field := form.root.at(name)) is not None
    )
    errors += tuple(wrong for wrong in form.check(made) if wrong.steps[:1] not in _steps(final))
    if errors:
        raise FormInvalid(errors)
    return made


def normal(
    forms: FormSet, kind: str | None, content: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """New fields as they are sealed: in the normal form that they have in the entry."""
    form = None if kind is None else forms.find(kind)
    if form is None:
        return dict(fields)
    made = form.normal({**content, **fields})
    return {name: made[name] for name in fields}


def _steps(names: list[str]) -> set[tuple[str | int, ...]]:
    return {(name,) for name in names}


class CorrectionBook:
    """Which corrections of an operation are wrong, as its log stands.

    Takes every message as it was opened, in any order, and again when it became readable; then
    judges. Does nothing but keep it where there are no corrections.
    """

    def __init__(
        self,
        forms: Callable[[], FormSet],
        first: Callable[[Message], bytes],
        hidden: Callable[[bytes], bool],
    ) -> None:
        """`first`: the leaf under which a message that was sealed anew was read first; `hidden`:
        whether a leaf is that of an entry which this device does not have whole."""
        self._forms, self._first, self._hidden = forms, first, hidden
        self._held: dict[bytes, Message] = {}
        self._changes = Changes()
        self._named: set[bytes] = set()  # leaves that a change names
        self._damage: dict[bytes, Damage | None] = {}  # by the leaf of the correction
        self._unjudged: set[bytes] = set()  # leaves of entries that something was said about

    def take(self, item: Message) -> None:
        """A message as it was opened, or a later version of it."""
        leaf = item.place.leaf
        self._held[leaf] = item
        if leaf in self._named:
            about = self._first(item)
            if about != leaf:
                self._changes.moved(leaf, about)
            self._unjudged.add(about)
        if item.kind in CHANGING and item.content is not None:
            self._change_came(item)

    def shown(self, item: Message) -> Message:
        """The message as it is to be shown."""
        damage = self._damage.get(item.place.leaf)
        return item if damage is None else replace(item, content=None, damage=damage)

    def judge(self) -> set[int]:
        """Judge what came since the last time; places of corrections that are to be shown anew.

        Each entry once, however many of its corrections came: thousands of one entry are not
        held against its form thousands of times each (A35).
        """
        anew: set[int] = set()
        for about in self._unjudged:
            changes = self._changes.about(about)
            judged = self._verdicts(about, changes)
            for change in changes:
                leaf = change.place.leaf
                damage = judged.get(leaf)
                if damage != self._damage.get(leaf):
                    self._damage[leaf] = damage
                    anew.add(change.place.seq)
        self._unjudged.clear()
        return anew

    def expect_right(self, content: Mapping[str, Any], by: Author) -> dict[str, Any]:
        """The content of a correction or withdrawal that this author is to seal; of a correction,
        with its fields in their normal form.

        Raises ProtocolError(UNKNOWN_REFERENCE) for an entry that is not read here, NotTheAuthor,
        FormInvalid, NotChangeable.
        """
        named = reading.target(content) or b""
        about = self._about(named)
        entry = self._held.get(about)
        if entry is None or entry.content is None:
            raise ProtocolError(
                ErrorCode.UNKNOWN_REFERENCE, f"no entry {named.hex()} that this device can read"
            )
        place, author = entry.place.seq, entry.author
        if not by.is_of(author):
            former = "a former " if author.administration == by.administration else ""
            raise NotTheAuthor(
                f"entry {place} is by {former}{author.administration}; this device is of"
                f" {by.administration}"
            )
        if entry.kind == WITHDRAWAL:
            raise NotChangeable("a withdrawal is final: report anew")
        _, present = self._fold(entry, self._changes.about(about))
        if present is None:
            raise NotChangeable(f"entry {place} is withdrawn")
        if "fields" not in content:
            return dict(content)
        fields = normal(self._forms(), entry.kind, present, reading.changed(content))
        corrected(self._forms(), entry.kind, present, fields)
        return {**content, "fields": fields}

    # -- inside -------------------------------------------------------------------------------

    def _change_came(self, change: Message) -> None:
        named = reading.target(change.content or {})
        if named is None:
            return  # the form of COR and WDR asks for one
        self._named.add(named)
        about = self._about(named)
        self._changes.take(change, about)
        self._unjudged.add(about)
        above = self._held.get(about)
        if above is not None and above.kind == CORRECTION and above.content is not None:
            corrects = reading.target(above.content)
            if corrects is not None:
                self._unjudged.add(self._about(corrects))  # without what was withdrawn

    def _about(self, leaf: bytes) -> bytes:
        message = self._held.get(leaf)
        return leaf if message is None else self._first(message)

    def _verdicts(self, about: bytes, changes: list[Message]) -> dict[bytes, Damage | None]:
        """What is wrong with each change of one entry, by leaf."""
        entry = self._held.get(about)
        if entry is None:
            wrong = None if self._hidden(about) else _no_message(about)
            return {one.place.leaf: wrong for one in changes if one.kind == CORRECTION}
        if entry.content is None:  # what it says is not known here: nothing to hold this to
            return {}
        return self._fold(entry, changes)[0]

    def _fold(
        self, entry: Message, changes: list[Message]
    ) -> tuple[dict[bytes, Damage | None], Mapping[str, Any] | None]:
        """What is wrong with each change, by leaf, and what the entry says now; None: withdrawn."""
        content, over = entry.content or {}, False
        judged: dict[bytes, Damage | None] = {}
        for change in changes:
            leaf, first = change.place.leaf, self._first(change)
            judged[leaf] = judged.get(first)  # of a correction sealed anew, as of the first
            counts = self._changes.counts(change, entry)
            if change.kind == WITHDRAWAL:
                over = over or counts
            elif first not in judged or first == leaf:
                try:
                    made = corrected(
                        self._forms(), entry.kind, content, reading.changed(change.content or {})
                    )
                except (FormInvalid, NotChangeable) as error:
                    judged[leaf] = damage_of(error, entry.place.leaf)
                else:
                    content = made if counts and not over else content
        return judged, None if over else content


def damage_of(error: FormInvalid | NotChangeable, about: bytes) -> Damage:
    """A wrong correction as it is shown; `about` is the entry that it names."""
    errors = error.errors if isinstance(error, FormInvalid) else ()
    return Damage(str(error.code), error.detail, errors, about)


def _no_message(leaf: bytes) -> Damage:
    return damage_of(NotChangeable(f"{leaf.hex()} is no message of this operation"), leaf)
