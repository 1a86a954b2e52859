"""What the store keeps, one frozen record per collection; times are Unix milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId

FORMAT = 3  # number of this layout; a newer one is refused by name (DESIGN 11)


class LogKind(StrEnum):
    """The two kinds of log (DESIGN 2)."""

    DIRECTORY = "directory"
    OPERATION = "operation"


@dataclass(frozen=True, slots=True)
class LogDoc:
    """One log; `id32` is the whole id, of which `log` is the first 16 bytes."""

    log: LogId
    kind: LogKind
    id32: bytes
    created: int


@dataclass(frozen=True, slots=True)
class EntryDoc:
    """One entry as it was submitted, with the place that the server gave it.

    `body` is None once erased; `body_hash` stays, so that the log still verifies (DESIGN 3). Of a
    lost place (A50) only seq, at, scope and inner are known: see `lost_place`.
    """

    seq: int
    at: int
    scope: bytes
    inner: bytes
    header: bytes = field(repr=False)
    body: bytes | None = field(repr=False)
    body_hash: bytes = field(repr=False)
    sig: bytes = field(repr=False)
    device: DeviceId
    id: EntryId

    @property
    def lost(self) -> bool:
        """Whether nobody has brought what stood here: an entry has a header."""
        return not self.header


def lost_place(seq: int, at: int, scope: bytes, inner: bytes) -> EntryDoc:
    """A place of which a restore from backup left only the 56-byte form (PROTOCOL 11.2)."""
    id = EntryId(seq.to_bytes(8, "big"))  # keeps it apart under (log, scope, device, id)
    return EntryDoc(seq, at, scope, inner, b"", None, b"", b"", DeviceId(b""), id)


@dataclass(frozen=True, slots=True)
class CheckpointDoc:
    """The one note of (log, size); `size` entries are covered by it."""

    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class WrapsDoc:
    """All wraps of one rotate: 112 bytes per recipient in order of device ids, shares likewise."""

    chan: ChannelId
    n: int
    inner: bytes
    wraps: bytes = field(repr=False)
    shares: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GrantDoc:
    """The late wrap (112 bytes) of one grant entry; `inner` is that entry's."""

    chan: ChannelId
    n: int
    inner: bytes
    device: DeviceId
    wrap: bytes = field(repr=False)


class AccountState(StrEnum):
    """PENDING until the first one-time code has been seen, then ACTIVE."""

    PENDING = "pending"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class AccountDoc:
    """One per person. A bot's has its client secret's hash and no one-time secret.

    `totp_last_step`: the newest accepted 30 s step, 0 before the first (A26).
    """

    person: PersonId
    account: str
    secret_hash: str = field(repr=False)
    totp_sealed: bytes | None = field(repr=False)
    totp_last_step: int
    state: AccountState
    created: int


@dataclass(frozen=True, slots=True)
class SessionDoc:
    """A login that lasts; the token itself is nowhere, `token_hash` is H(token) (A27)."""

    token_hash: bytes = field(repr=False)
    device: DeviceId
    person: PersonId
    created: int
    expires: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class EnrolmentDoc:
    """What a new device left under its invitation; the NCP's client judges it (A40)."""

    sign_pk: bytes
    box_pk: bytes
    enrol_sig: bytes
    proof: bytes
    received: int


@dataclass(frozen=True, slots=True)
class InvitationDoc:
    """`lookup`: 16 bytes derived from the secret that the server never sees; `by` made it."""

    lookup: bytes
    person: PersonId
    by: PersonId
    created: int
    expires: int
    enrolment: EnrolmentDoc | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class MetaDoc:
    """About the store itself."""

    format: int
