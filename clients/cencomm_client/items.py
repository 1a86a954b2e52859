"""What a reader gets from an operation: typed items, each verified before it is made.

Refuses to drop anything: an entry that cannot be read stays a `Message` with its `damage`, an
entry without effect becomes an `Alarm`. Identified by `leaf`; a message that becomes readable
later (a new device was healed) comes again under the same leaf, now without damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cencomm_config.forms import FieldError
from cencomm_crypto.public.ids import AdminId, ChannelId, DeviceId, EntryId, LogId, PersonId

CLAIM_TOLERANCE_MS = 600_000  # an author's clock is shown only where it is this far off (DESIGN 3)


class Flag(StrEnum):
    """What a reader is told about a message besides its content."""

    AFTER_REVOCATION = "after_revocation"  # a revocation that this client knows came before it
    FORGED_METADATA = "forged_metadata"  # the sealed copies differ from the header
    TIME_DIFFERS = "time_differs"  # the author's clock was over ten minutes off
    RESEALED = "resealed"  # same `mid` as an earlier one: sealed anew after a rotation
    MISPLACED = "misplaced"  # work in the main channel, or a profile outside it
    UNEXPECTED_KIND = "unexpected_kind"  # a bot's drop of a kind that it is not admitted for (A31)
    NOT_DIRECTED = "not_directed"  # for a few alone, and not in a directed channel (A54)
    OPEN_TASKS = "open_tasks"  # a phase change over open mandatory tasks
    LATE_WARNING = "late_warning"  # a warning after LIVE
    EXERCISE_RELEASE = "exercise_release"  # a release out of an exercise: of no effect
    EXERCISE = "exercise"  # the operation or the form is an exercise; never reaches CEN


DOUBTS = frozenset([Flag.FORGED_METADATA, Flag.AFTER_REVOCATION, Flag.MISPLACED])
"""What makes a message count for nothing; it stays in the history."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who signed. `code` is the functional code; `name` comes from a profile, or is None.

    `admin` is the administration's id: its code is another's once it was suspended (DIR rules: one
    active per code), a person's is given once for ever.
    """

    device: DeviceId
    person: PersonId | None
    code: str
    administration: str
    name: str | None = None
    admin: AdminId | None = None

    def is_of(self, other: Author) -> bool:
        """Whether both are of one administration, and not of two that bore one code in turn."""
        return (self.admin, self.administration) == (other.admin, other.administration)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands: log, seq, server time (ms) and the leaf that commits to all of it."""

    log: LogId
    seq: int
    at: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Why an entry cannot be shown: a stable code and a sentence for the developer."""

    code: str
    detail: str = ""
    errors: tuple[FieldError, ...] = ()  # of a wrong form: field by field
    target: bytes | None = None  # of a wrong correction: the entry that it names


@dataclass(frozen=True, slots=True)
class Message:
    """A message or a bot's drop. `content` is None exactly when there is `damage`.

    `kind, re, prio, ack_by, to` are the sealed ones where it could be opened, else the
    header's. `mid` is the author's own id, kept when a message is sealed anew.
    """

    place: Place
    author: Author
    channel: ChannelId
    channel_name: str
    type: str  # "message" | "drop"
    id: EntryId
    epoch: int
    kind: str | None
    content: Mapping[str, Any] | None
    mid: bytes | None
    re: bytes | None
    prio: str | None
    ack_by: int | None
    to: tuple[bytes, ...]
    time: int
    flags: frozenset[Flag] = frozenset()
    forged: tuple[str, ...] = ()  # which visible fields differ from the sealed ones
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """An accepted control entry, or a channel's rotate, grant, flag, close or reveal."""

    place: Place
    author: Author
    type: str
    body: Mapping[str, Any]
    channel: ChannelId | None = None
    channel_name: str | None = None
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something this client noticed and the person should know; no entry of its own."""

    code: str
    detail: str
    log: LogId
    at: int
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """The server, or a member, did what the rules exclude; kept as evidence (ATTACKS `row`)."""

    code: str
    detail: str
    log: LogId
    at: int
    seq: int | None = None
    row: str | None = None


Item = Message | Control | Notice | Alarm
