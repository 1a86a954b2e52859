"""What the services ask of a store, one protocol per user, and the errors it may answer with.

Every write is durable (majority and journal) when the call returns. A call that raises StoreDown
may or may not have written: read again before deciding. Times are the caller's; the store has no
opinion on what has expired, save where a method takes `now`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from cencomm_config.errors import StoreDown, StoreFull
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId

from cencomm_server.store.documents import (
    AccountDoc,
    CheckpointDoc,
    EnrolmentDoc,
    EntryDoc,
    GrantDoc,
    InvitationDoc,
    LogDoc,
    LogKind,
    MetaDoc,
    SessionDoc,
    WrapsDoc,
)

__all__ = [
    "AccountStore",
    "CheckpointConflict",
    "DuplicateEntry",
    "KeyTaken",
    "LogStore",
    "SessionStore",
    "Store",
    "StoreConflict",
    "StoreDown",
    "StoreFull",
    "wall_clock",
]


def wall_clock() -> int:
    """Unix time in milliseconds, of this process; only the age of orphans is judged by it."""
    return time.time_ns() // 1_000_000


class StoreConflict(CencommError):
    """A unique key is taken by something else; nothing was changed."""


class KeyTaken(StoreConflict):
    """The log, directory, account, session, challenge or invitation exists already."""


class CheckpointConflict(StoreConflict):
    """Another note is stored for this (log, size): two signers, or a fork. Stop (A4, A50)."""


class DuplicateEntry(StoreConflict):
    """(log, scope, device, id) is taken by the entry `seq`; `inserted` went in before it (A5)."""

    def __init__(self, seq: int, inserted: int) -> None:
        super().__init__(f"an entry of this scope, device and id stands at seq {seq}")
        self.seq = seq
        self.inserted = inserted


class LogStore(Protocol):
    """What the append engine and the readers need."""

    async def create_log(self, log: LogId, kind: LogKind, id32: bytes, created: int) -> bool:
        """Register a log; False if the very same is there already.

        Raises KeyTaken if `log` belongs to another `id32` (A48) or if a second directory is made.
        """
        ...

    async def logs(self) -> list[LogDoc]:
        """All logs in order of creation, the directory among them."""
        ...

    async def append_entries(
        self, log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        """Insert in order; the number that went in before (log, seq) was found taken, else all.

        The compare-and-set of DESIGN 2: the inserted prefix stands. Raises DuplicateEntry if
        instead (log, scope, device, id) of the next one is taken, below or by another process.

        `checkpoint` follows the last entry in the same durable write, as by `put_checkpoint`: it
        stands only if every entry does. Raises CheckpointConflict if all stand and other bytes
        are stored for its size.
        """
        ...

    async def fill_lost(self, log: LogId, doc: EntryDoc) -> bool:
        """Put the entry in its place, which stands as lost; False if it does not, or not as lost.

        Raises DuplicateEntry as `append_entries`.
        """
        ...

    async def read_entries(self, log: LogId, start: int, stop: int) -> list[EntryDoc]:
        """Those with start <= seq < stop, ascending; the caller bounds the range."""
        ...

    async def entry_by_id(
        self, log: LogId, scope: bytes, device: DeviceId, id: EntryId
    ) -> EntryDoc | None:
        """The entry that holds this unique id."""
        ...

    async def last_seq(self, log: LogId) -> int:
        """Greatest seq of a log without gaps, -1 if it is empty."""
        ...

    async def put_checkpoint(self, log: LogId, size: int, note: bytes) -> None:
        """Store the note of (log, size); the same bytes again are fine.

        Raises CheckpointConflict if other bytes stand there.
        """
        ...

    async def checkpoint(self, log: LogId, size: int) -> bytes | None:
        """The note of exactly this size."""
        ...

    async def newest_checkpoint(
        self, log: LogId, *, most: int | None = None
    ) -> CheckpointDoc | None:
        """The stored checkpoint of greatest size; above last_seq + 1 if entries were lost (A36).

        `most`: of this size or less; not far above last_seq + 1.
        """
        ...

    async def watch_checkpoints(self) -> AsyncIterator[tuple[LogId, int]]:
        """(log, size) of each checkpoint stored from now on, by whichever process; no end.

        Not one is left out while the iteration goes on; it raises StoreDown when it cannot.
        """
        ...

    async def put_wraps(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, wraps: bytes, shares: bytes
    ) -> None:
        """Keep a rotate's wraps and shares before the entry `inner` (32 bytes) is appended."""
        ...

    async def wraps(self, log: LogId, chan: ChannelId, n: int, inner: bytes) -> WrapsDoc | None:
        """The wraps of the rotate entry `inner`."""
        ...

    async def put_grant(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, device: DeviceId, wrap: bytes
    ) -> None:
        """Keep the wrap of the grant entry `inner` before it is appended."""
        ...

    async def grants(self, log: LogId, chan: ChannelId, n: int, device: DeviceId) -> list[GrantDoc]:
        """Every late wrap kept for this epoch and device; the state says which hash counts."""
        ...

    async def drop_orphan_wraps(
        self, log: LogId, known: Collection[bytes], *, min_age_ms: int = 300_000
    ) -> int:
        """Delete wraps and grants of entries that were never appended (DESIGN 3); how many.

        `known`: inner hashes of the log's rotates and grants. Younger ones stay: they may belong
        to an append that another process is making.
        """
        ...

    async def erase_bodies(self, log: LogId, seqs: Collection[int]) -> int:
        """Take the bodies of these entries away for ever; how many of the entries are there.

        All else of them stays. Again is fine.
        """
        ...

    async def erase_wraps(self, log: LogId) -> int:
        """Delete all wraps, share wraps and grants' wraps of a log for ever; how many records."""
        ...


class AccountStore(Protocol):
    """What registration, login and recovery need."""

    async def create_account(self, doc: AccountDoc) -> None:
        """Raises KeyTaken if the person or the account name has one."""
        ...

    async def account(self, account: str) -> AccountDoc | None:
        """By account name, exactly as it was created."""
        ...

    async def account_of(self, person: PersonId) -> AccountDoc | None:
        """By person."""
        ...

    async def update_account(self, new: AccountDoc, *, was: AccountDoc) -> bool:
        """Replace all but the person if it is still as `was`; False if not.

        `totp_last_step` is not written here: only `take_totp_step` moves it, and only up.
        """
        ...

    async def take_totp_step(self, person: PersonId, step: int) -> bool:
        """True for exactly one caller per step, and never for a step below a taken one (A26)."""
        ...

    async def record_failure(self, who: str, at: int, since: int) -> list[int]:
        """Count one failed try now; times of all since then, own included, ascending.

        Of any number of racing callers at most k see k or fewer.
        """
        ...

    async def drop_failure(self, who: str, at: int) -> None:
        """Take one count of this moment back: the try was refused before it was judged."""
        ...

    async def failures(self, who: str, since: int) -> list[int]:
        """Times of the failed tries after `since`, ascending."""
        ...

    async def clear_failures(self, who: str) -> None:
        """Forget them, after a success."""
        ...

    async def put_recovery(self, person: PersonId, hashes: Sequence[bytes]) -> None:
        """Keep these hashes of recovery codes, 32 bytes each, in place of all earlier ones."""
        ...

    async def take_recovery(self, person: PersonId, code_hash: bytes) -> bool:
        """True for exactly one caller per hash that is kept for this person (A26)."""
        ...

    async def count_recovery(self, person: PersonId) -> int:
        """How many are left."""
        ...


class SessionStore(Protocol):
    """What tokens, challenges, invitations and enrolments need."""

    async def put_session(self, doc: SessionDoc) -> None:
        """Raises KeyTaken if the token hash is in use: tokens are drawn anew for each login."""
        ...

    async def session(self, token_hash: bytes) -> SessionDoc | None:
        """The session, expired or not; the caller judges."""
        ...

    async def touch_session(self, token_hash: bytes, last_seen: int) -> bool:
        """Move `last_seen` up; False if the session is gone."""
        ...

    async def drop_session(self, token_hash: bytes) -> bool:
        """End one session; False if there was none."""
        ...

    async def drop_sessions_of(
        self, *, device: DeviceId | None = None, person: PersonId | None = None
    ) -> int:
        """End all sessions of a device, or of a person; exactly one is given. How many."""
        ...

    async def put_challenge(self, nonce: bytes, device: DeviceId, expires: int) -> None:
        """Raises KeyTaken if the nonce is open already."""
        ...

    async def take_challenge(self, nonce: bytes, now: int) -> DeviceId | None:
        """The device it was made for, once; None if unknown, spent or past `expires` (A5)."""
        ...

    async def put_invitation(self, doc: InvitationDoc) -> None:
        """Raises KeyTaken if the lookup value is in use."""
        ...

    async def invitation(self, lookup: bytes) -> InvitationDoc | None:
        """With its enrolment, expired or closed or not; the caller judges."""
        ...

    async def invitations_by(
        self, person: PersonId, *, after: bytes = b"", limit: int = 1000
    ) -> list[InvitationDoc]:
        """Those made by `person`, closed ones too, by lookup value, greater than `after`."""
        ...

    async def put_enrolment(self, lookup: bytes, doc: EnrolmentDoc) -> bool:
        """True if these keys are now (or were) the invitation's; the first one stays (A40).

        False if others are, or if the invitation is unknown or closed.
        """
        ...

    async def close_invitation(self, lookup: bytes) -> bool:
        """Withdraw or finish it; False if unknown or closed already."""
        ...


class Store(LogStore, AccountStore, SessionStore, Protocol):
    """Everything, for `app.py` and the tests; a service takes the part that it needs."""

    async def meta(self) -> MetaDoc:
        """The layout's number, checked when the store was opened."""
        ...

    async def ping(self) -> None:
        """Raises StoreDown (StoreFull) unless the store takes a durable write now."""
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is in flight when this returns."""
        ...
