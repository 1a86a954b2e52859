"""The port of a bot: where its hits come from, and what it tells about what became of them.

A source is asked once, by `hits`; it hears of each hit three times at most: `taken` as soon as the
hit is on the disk (or is known, or is no hit at all), `done` when the log holds it or the server
refused it for good, `answered` when people have decided about it. Each may come again after a
crash: a source makes nothing of a second time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from cencomm_config.forms import FieldError


@dataclass(frozen=True, slots=True)
class RawHit:
    """What a source system says, not checked yet.

    `key` is the source's own key for it: the same key is the same hit, also after a restart; None
    where the content's field `dedupe` says it. `content` is JSON-like, or JSON in bytes. `token` is
    the source's own, given back to it as it is. `unread`: what it is instead of a hit that could
    be read; it is told as invalid then.
    """

    key: str | None
    content: Mapping[str, Any] | bytes
    token: object = None
    unread: str = ""


class State(StrEnum):
    """Where a hit stands, or why it never became one."""

    WAITING = "waiting"  # on the disk; goes out when rate and server let it
    POSTED = "posted"  # in the log, under a verified signed head
    REFUSED = "refused"  # the server refuses these bytes for good; kept here, told to people
    INVALID = "invalid"  # no hit: fields are missing or absurd


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a hit. `known`: its key was there before, it is not sent a second time.

    `seq` and `leaf` where it was posted; `code` and `detail` where it was refused; `fields` names
    each field that is wrong.
    """

    state: State
    key: str = ""  # the hit's, empty where it has none
    known: bool = False
    seq: int | None = None
    leaf: bytes | None = None
    code: str = ""
    detail: str = ""
    fields: tuple[FieldError, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Result:
    """What people made of a hit: `outcome` is promoted, dismissed, merged, or a later word.

    `reason` is a word of a code list, empty for none. `leaf` and `seq`, `at` (server time, ms):
    the hit's entry, and where and when the result came. `decision` is the entry of the bot's
    channel by which somebody decided so before, as its visible header says. None: nobody is seen
    to have; whoever may post may tell a bot anything, so a source that acts by itself asks people.
    """

    key: str
    outcome: str
    reason: str
    leaf: bytes
    seq: int
    at: int
    decision: int | None = None


class Source(Protocol):
    """Gives hits for as long as it is iterated; raises nothing that one hit alone is to blame for.

    `name` stands beside the key: two sources never take each other's hits for known.
    """

    @property
    def name(self) -> str: ...

    def hits(self) -> AsyncIterator[RawHit]: ...

    async def taken(self, hit: RawHit, outcome: Outcome) -> None:
        """The hit is on the disk (WAITING), was known, or is INVALID."""

    async def done(self, key: str, outcome: Outcome) -> None:
        """The hit is POSTED or REFUSED."""

    async def answered(self, key: str, result: Result) -> None:
        """People have decided about the hit; at least once, and not again after a restart."""
