"""Handling: which codes forbid which way out, and what lifts them (DOMAIN "Handling").

H2 (not passed on without permission) and TLP RED (for the named recipients) forbid every way
out of the operation and of its channel. A REL of the administration that wrote the entry lifts
it: for the uses, the fields and the time that it names, under its conditions. H0, H1 and H3, the
other TLP labels, grading and caveats forbid nothing here; they go wherever the content goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cencomm_crypto.public.rights import Role

from cencomm_client.errors import HandlingForbids
from cencomm_client.items import Author, Message
from cencomm_client.roles import Roles
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING, Changes, sound, target_of
from cencomm_client.work.reading import Content

EVERYTHING = "*"  # among the fields of a REL: all of them
GRANTING = frozenset([Role.NCP, Role.COORDINATOR])  # of the administration that wrote the entry
FORBIDDING = ("H2", "TLP RED")


class Way(StrEnum):
    """A way by which content leaves, as a REL's use names it."""

    COPY = "copy out"  # into another program: --json, a pipe, a file
    EXPORT = "export"  # a file of chosen entries
    FORWARD = "forward"  # quoted into another channel
    CEN = "CEN"


_UNNAMED = frozenset([Way.COPY, Way.EXPORT, Way.FORWARD])  # what a use covers that names no way


@dataclass(frozen=True, slots=True)
class Grant:
    """A REL that lets an entry out: which ways, which fields, under what conditions."""

    message: Message
    entry: bytes
    ways: frozenset[Way]
    fields: frozenset[str]
    use: str
    conditions: str
    expires: int | None

    @property
    def leaf(self) -> bytes:
        """The leaf hash of the REL."""
        return self.message.place.leaf

    def covers(self, content: Content) -> bool:
        """Whether it names every field of a content."""
        return EVERYTHING in self.fields or set(content) <= self.fields

    def narrowed(self, content: Content) -> dict[str, Any]:
        """What of a content it lets out; its caveats always go with it."""
        if EVERYTHING in self.fields:
            return dict(content)
        kept = _picked(content, [name.split(".") for name in self.fields])
        return {**kept, **reading.caveats(content)}


def codes(content: Content) -> tuple[str, ...]:
    """The codes of a content that forbid a way out."""
    found = [code for code in reading.handling(content) if code in FORBIDDING]
    return tuple([*found, "TLP RED"] if reading.tlp(content) == "RED" else found)


def label(content: Content) -> str:
    """All its marks in a few characters, for people: `H1 H2 AMBER B2`; foreign text."""
    grading = content.get("grading")
    marks = [*reading.handling(content), *([f"TLP {tlp}"] if (tlp := reading.tlp(content)) else [])]
    if isinstance(grading, dict):
        grade = [reading.text_of(grading, name) or "" for name in ("source", "information")]
        scale = reading.text_of(grading, "scale") or "?"
        marks.append("".join(grade) + ("" if scale == "4x4" else f" ({scale})"))
    return " ".join(marks)


def ways_of(use: str) -> frozenset[Way]:
    """The ways that a REL's use names before a colon, `export, CEN: statistics`; one that names
    none covers all but CEN."""
    words = {word.strip().lower() for word in use.partition(":")[0].split(",")}
    named = frozenset(way for way in Way if way.value.lower() in words)
    return named or _UNNAMED


class Handling:
    """What of one operation may leave, as its entries say now."""

    def __init__(
        self,
        changes: Changes,
        find: Callable[[bytes], Message | None],
        may_grant: Callable[[Message], bool],
    ) -> None:
        """`find` gives the message of a leaf; `may_grant` whether an author speaks for its
        administration."""
        self._changes, self._find, self._may_grant = changes, find, may_grant
        self._releases: dict[bytes, dict[bytes, Message]] = {}

    def take(self, message: Message) -> None:
        """Take a REL, or a later version of one."""
        said = reading.decision(message.content or {})
        first = self._find(message.place.leaf)
        if first is not None and first.place.leaf != message.place.leaf:
            return  # sealed anew: what was said about the first is not said about this one
        if message.kind == reading.RELEASE and message.type != "drop" and said is not None:
            self._releases.setdefault(said.entry, {})[message.place.leaf] = message

    def codes(self, message: Message) -> tuple[str, ...]:
        """The codes that bind an entry: its own as they stand now, and of what it corrects."""
        own = self._own(message)
        if message.kind in CHANGING:
            about = target_of(message)
            target = None if about is None else self._find(about)
            if target is not None and target.kind not in CHANGING:
                own = (*own, *self.codes(target), *codes(target.content or {}))
            own = (*own, *codes(reading.changed(message.content or {})))
        return tuple(dict.fromkeys(own))

    def _own(self, message: Message) -> tuple[str, ...]:
        """An entry's own codes. A correction by who may not grant puts codes on and takes none
        off; a withdrawal takes none off."""
        content = dict(message.content or {})
        own = codes(content)
        for change in self._changes.present(message).applied:
            content.update(reading.changed(change.content or {}))
            kept = () if self._may_grant(change) else own
            own = (*kept, *codes(content))
        return own

    def grant(self, message: Message, way: Way, now: int) -> Grant | None:
        """The REL that lets an entry out by a way at `now` (ms); the last decision counts."""
        found: Grant | None = None
        releases = self._releases.get(message.place.leaf, {})
        for release in sorted(releases.values(), key=lambda one: one.place.seq):
            if not sound(release) or not self._may_grant(release):
                continue
            owner = self._owner(message)
            if owner is None or not release.author.is_of(owner):
                continue
            said = reading.decision(self._changes.present(release).content or {})
            if said is None or said.entry != message.place.leaf or way not in ways_of(said.use):
                continue
            found = None
            if said.granted and (said.expires is None or now < said.expires):
                found = Grant(
                    release,
                    said.entry,
                    ways_of(said.use),
                    said.fields,
                    said.use,
                    said.conditions,
                    said.expires,
                )
        return found

    def _owner(self, message: Message) -> Author | None:
        """Of whose administration a REL lets an entry out: its author's, of a quote the quoted
        entry's, or who forwarded what is another's would let it out. None where that is not read
        here."""
        owner: Message | None = message
        while owner is not None and reading.quotes(owner.kind, owner.content or {}):
            owner = None if owner.re is None else self._find(owner.re)
        return None if owner is None else owner.author

    def check(self, message: Message, way: Way, now: int) -> Grant | None:
        """Whether an entry may leave: None if nothing forbids it, else the grant that lifts it.

        Raises HandlingForbids, which names the entry, the codes and what would lift them.
        """
        binding = self.codes(message)
        if not binding:
            return None
        grant = self.grant(message, way, now)
        if grant is None:
            owner = self._owner(message)
            whose = "who wrote what it quotes" if owner is None else owner.administration
            raise HandlingForbids(message.place.leaf, _refusal(message, binding, way, whose))
        return grant


def granting(roles: Roles, message: Message) -> bool:
    """Whether an author could decide for its administration: as its NCP or a coordinator."""
    return roles.author(message) in GRANTING


def _refusal(message: Message, binding: Sequence[str], way: Way, owner: str) -> str:
    marks = " and ".join(binding)
    verb = "forbids" if len(binding) == 1 else "forbid"
    return (
        f"entry {message.place.seq} ({message.kind} of {message.author.administration}): {marks} "
        f"{verb} {way}; a REL of {owner} that grants the use {way!s} lifts it"
    )


def _picked(content: Content, paths: Iterable[Sequence[str]]) -> dict[str, Any]:
    """The named fields of a content, `goods.hs` in every row."""
    below: dict[str, list[Sequence[str]]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(rest)
    kept: dict[str, Any] = {}
    for name, value in content.items():
        if name not in below:
            continue
        if not all(below[name]):
            kept[name] = value  # named as a whole
        elif isinstance(value, Mapping):
            kept[name] = _picked(value, below[name])
        elif isinstance(value, list | tuple):
            rows = [row for row in value if isinstance(row, Mapping)]
            kept[name] = [_picked(row, below[name]) for row in rows]
    return kept
