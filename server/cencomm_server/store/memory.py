"""The same store in memory, for fast tests: the contract tests hold it to what `mongo` does.

Every call yields to the event loop once, so that tests see the interleavings a real store allows.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId

from cencomm_server.store.documents import (
    FORMAT,
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
from cencomm_server.store.port import CheckpointConflict, DuplicateEntry, KeyTaken, wall_clock


@dataclass(slots=True)
class _Log:
    entries: dict[int, EntryDoc] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    by_id: dict[tuple[bytes, DeviceId, EntryId], int] = field(default_factory=dict)
    notes: dict[int, bytes] = field(default_factory=dict)
    wraps: dict[bytes, tuple[WrapsDoc, int]] = field(default_factory=dict)
    grants: dict[bytes, tuple[GrantDoc, int]] = field(default_factory=dict)


class MemoryLogs:
    """LogStore."""

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        """`clock`: Unix milliseconds, for the age of orphan wraps alone."""
        self._clock = clock
        self._registered: dict[LogId, LogDoc] = {}
        self._logs: defaultdict[LogId, _Log] = defaultdict(_Log)
        self._watching: WeakSet[asyncio.Queue[tuple[LogId, int]]] = WeakSet()

    async def create_log(self, log: LogId, kind: LogKind, id32: bytes, created: int) -> bool:
        await asyncio.sleep(0)
        known = self._registered.get(log)
        if known is not None:
            if (known.kind, known.id32) != (kind, id32):
                raise KeyTaken("this log id belongs to another log")
            return False
        if kind is LogKind.DIRECTORY and any(d.kind is kind for d in self._registered.values()):
            raise KeyTaken("this store holds a directory already")
        self._registered[log] = LogDoc(log, kind, id32, created)
        return True

    async def logs(self) -> list[LogDoc]:
        await asyncio.sleep(0)
        return sorted(self._registered.values(), key=lambda doc: (doc.created, doc.log))

    async def append_entries(
        self, log: LogId, docs: Sequence[EntryDoc], checkpoint: CheckpointDoc | None = None
    ) -> int:
        await asyncio.sleep(0)
        kept = self._logs[log]
        for inserted, doc in enumerate(docs):
            if doc.seq in kept.entries:
                return inserted
            unique = (doc.scope, doc.device, doc.id)
            if unique in kept.by_id:
                raise DuplicateEntry(kept.by_id[unique], inserted)
            kept.entries[doc.seq] = doc
            insort(kept.order, doc.seq)
            kept.by_id[unique] = doc.seq
        if checkpoint is not None:
            self._keep_note(log, checkpoint.size, checkpoint.note)
        return len(docs)

    async def fill_lost(self, log: LogId, doc: EntryDoc) -> bool:
        await asyncio.sleep(0)
        kept = self._logs[log]
        stands, unique = kept.entries.get(doc.seq), (doc.scope, doc.device, doc.id)
        if stands is None or not stands.lost:
            return False
        if unique in kept.by_id:
            raise DuplicateEntry(kept.by_id[unique], 0)
        del kept.by_id[(stands.scope, stands.device, stands.id)]
        kept.entries[doc.seq], kept.by_id[unique] = doc, doc.seq
        return True

    async def read_entries(self, log: LogId, start: int, stop: int) -> list[EntryDoc]:
        await asyncio.sleep(0)
        kept = self._logs[log]
        low, high = bisect_left(kept.order, start), bisect_left(kept.order, stop)
        return [kept.entries[seq] for seq in kept.order[low:high]]

    async def entry_by_id(
        self, log: LogId, scope: bytes, device: DeviceId, id: EntryId
    ) -> EntryDoc | None:
        await asyncio.sleep(0)
        kept = self._logs[log]
        seq = kept.by_id.get((scope, device, id))
        return None if seq is None else kept.entries[seq]

    async def last_seq(self, log: LogId) -> int:
        await asyncio.sleep(0)
        return self._logs[log].order[-1] if self._logs[log].order else -1

    async def put_checkpoint(self, log: LogId, size: int, note: bytes) -> None:
        await asyncio.sleep(0)
        self._keep_note(log, size, note)

    async def checkpoint(self, log: LogId, size: int) -> bytes | None:
        await asyncio.sleep(0)
        return self._logs[log].notes.get(size)

    async def newest_checkpoint(
        self, log: LogId, *, most: int | None = None
    ) -> CheckpointDoc | None:
        await asyncio.sleep(0)
        kept = self._logs[log]
        size = max((size for size in kept.notes if most is None or size <= most), default=None)
        return None if size is None else CheckpointDoc(size, kept.notes[size])

    async def watch_checkpoints(self) -> AsyncIterator[tuple[LogId, int]]:
        await asyncio.sleep(0)
        stored: asyncio.Queue[tuple[LogId, int]] = asyncio.Queue()
        self._watching.add(stored)

        async def follow() -> AsyncIterator[tuple[LogId, int]]:
            while True:
                yield await stored.get()

        return follow()

    async def put_wraps(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, wraps: bytes, shares: bytes
    ) -> None:
        await asyncio.sleep(0)
        doc = WrapsDoc(chan, n, inner, wraps, shares)
        self._logs[log].wraps.setdefault(inner, (doc, self._clock()))

    async def wraps(self, log: LogId, chan: ChannelId, n: int, inner: bytes) -> WrapsDoc | None:
        await asyncio.sleep(0)
        doc, _ = self._logs[log].wraps.get(inner, (None, 0))
        return doc if doc is not None and (doc.chan, doc.n) == (chan, n) else None

    async def put_grant(
        self, log: LogId, chan: ChannelId, n: int, inner: bytes, device: DeviceId, wrap: bytes
    ) -> None:
        await asyncio.sleep(0)
        doc = GrantDoc(chan, n, inner, device, wrap)
        self._logs[log].grants.setdefault(inner, (doc, self._clock()))

    async def grants(self, log: LogId, chan: ChannelId, n: int, device: DeviceId) -> list[GrantDoc]:
        await asyncio.sleep(0)
        wanted = (chan, n, device)
        docs = (doc for doc, _ in self._logs[log].grants.values())
        return [doc for doc in docs if (doc.chan, doc.n, doc.device) == wanted]

    async def drop_orphan_wraps(
        self, log: LogId, known: Collection[bytes], *, min_age_ms: int = 300_000
    ) -> int:
        await asyncio.sleep(0)
        kept, before = self._logs[log], self._clock() - min_age_ms
        wraps = [k for k, (_, put) in kept.wraps.items() if k not in known and put <= before]
        grants = [k for k, (_, put) in kept.grants.items() if k not in known and put <= before]
        for inner in wraps:
            del kept.wraps[inner]
        for inner in grants:
            del kept.grants[inner]
        return len(wraps) + len(grants)

    async def erase_bodies(self, log: LogId, seqs: Collection[int]) -> int:
        await asyncio.sleep(0)
        kept = self._logs[log].entries
        there = [seq for seq in seqs if seq in kept]
        for seq in there:
            kept[seq] = replace(kept[seq], body=None)
        return len(there)

    async def erase_wraps(self, log: LogId) -> int:
        await asyncio.sleep(0)
        kept = self._logs[log]
        erased = len(kept.wraps) + len(kept.grants)
        kept.wraps.clear()
        kept.grants.clear()
        return erased

    def _keep_note(self, log: LogId, size: int, note: bytes) -> None:
        fresh = size not in self._logs[log].notes
        if self._logs[log].notes.setdefault(size, note) != note:
            raise CheckpointConflict(f"another note of size {size} is stored")
        for stored in self._watching if fresh else ():
            stored.put_nowait((log, size))


class MemoryAccounts:
    """AccountStore."""

    def __init__(self) -> None:
        self._accounts: dict[PersonId, AccountDoc] = {}
        self._failures: defaultdict[str, list[int]] = defaultdict(list)
        self._recovery: defaultdict[PersonId, set[bytes]] = defaultdict(set)

    async def create_account(self, doc: AccountDoc) -> None:
        await asyncio.sleep(0)
        if doc.person in self._accounts or self._named(doc.account) is not None:
            raise KeyTaken("this person or this account name has an account")
        self._accounts[doc.person] = doc

    async def account(self, account: str) -> AccountDoc | None:
        await asyncio.sleep(0)
        return self._named(account)

    async def account_of(self, person: PersonId) -> AccountDoc | None:
        await asyncio.sleep(0)
        return self._accounts.get(person)

    async def update_account(self, new: AccountDoc, *, was: AccountDoc) -> bool:
        await asyncio.sleep(0)
        now = self._accounts.get(was.person)
        if now is None or replace(now, totp_last_step=was.totp_last_step) != was:
            return False
        other = self._named(new.account)
        if other is not None and other.person != was.person:
            raise KeyTaken("this account name belongs to another person")
        self._accounts[was.person] = replace(
            new, person=was.person, totp_last_step=now.totp_last_step
        )
        return True

    async def take_totp_step(self, person: PersonId, step: int) -> bool:
        await asyncio.sleep(0)
        now = self._accounts.get(person)
        if now is None or step <= now.totp_last_step:
            return False
        self._accounts[person] = replace(now, totp_last_step=step)
        return True

    async def record_failure(self, who: str, at: int, since: int) -> list[int]:
        await asyncio.sleep(0)
        insort(self._failures[who], at)
        return [time for time in self._failures[who] if time > since]

    async def drop_failure(self, who: str, at: int) -> None:
        await asyncio.sleep(0)
        if at in self._failures[who]:
            self._failures[who].remove(at)

    async def failures(self, who: str, since: int) -> list[int]:
        await asyncio.sleep(0)
        return [time for time in self._failures[who] if time > since]

    async def clear_failures(self, who: str) -> None:
        await asyncio.sleep(0)
        self._failures.pop(who, None)

    async def put_recovery(self, person: PersonId, hashes: Sequence[bytes]) -> None:
        await asyncio.sleep(0)
        self._recovery[person] = set(hashes)

    async def take_recovery(self, person: PersonId, code_hash: bytes) -> bool:
        await asyncio.sleep(0)
        found = code_hash in self._recovery[person]
        self._recovery[person].discard(code_hash)
        return found

    async def count_recovery(self, person: PersonId) -> int:
        await asyncio.sleep(0)
        return len(self._recovery[person])

    def _named(self, account: str) -> AccountDoc | None:
        return next((doc for doc in self._accounts.values() if doc.account == account), None)


class MemorySessions:
    """SessionStore."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, SessionDoc] = {}
        self._challenges: dict[bytes, tuple[DeviceId, int]] = {}
        self._invitations: dict[bytes, InvitationDoc] = {}

    async def put_session(self, doc: SessionDoc) -> None:
        await asyncio.sleep(0)
        if doc.token_hash in self._sessions:
            raise KeyTaken("this token is in use")
        self._sessions[doc.token_hash] = doc

    async def session(self, token_hash: bytes) -> SessionDoc | None:
        await asyncio.sleep(0)
        return self._sessions.get(token_hash)

    async def touch_session(self, token_hash: bytes, last_seen: int) -> bool:
        await asyncio.sleep(0)
        doc = self._sessions.get(token_hash)
        if doc is None:
            return False
        self._sessions[token_hash] = replace(doc, last_seen=max(doc.last_seen, last_seen))
        return True

    async def drop_session(self, token_hash: bytes) -> bool:
        await asyncio.sleep(0)
        return self._sessions.pop(token_hash, None) is not None

    async def drop_sessions_of(
        self, *, device: DeviceId | None = None, person: PersonId | None = None
    ) -> int:
        await asyncio.sleep(0)
        if (device is None) == (person is None):
            raise ValueError("expected a device or a person, not both")
        gone = [
            k for k, doc in self._sessions.items() if device == doc.device or person == doc.person
        ]
        for token_hash in gone:
            del self._sessions[token_hash]
        return len(gone)

    async def put_challenge(self, nonce: bytes, device: DeviceId, expires: int) -> None:
        await asyncio.sleep(0)
        if nonce in self._challenges:
            raise KeyTaken("this nonce is open")
        self._challenges[nonce] = (device, expires)

    async def take_challenge(self, nonce: bytes, now: int) -> DeviceId | None:
        await asyncio.sleep(0)
        device, expires = self._challenges.pop(nonce, (None, 0))
        return device if now < expires else None

    async def put_invitation(self, doc: InvitationDoc) -> None:
        await asyncio.sleep(0)
        if doc.lookup in self._invitations:
            raise KeyTaken("this invitation exists")
        self._invitations[doc.lookup] = doc

    async def invitation(self, lookup: bytes) -> InvitationDoc | None:
        await asyncio.sleep(0)
        return self._invitations.get(lookup)

    async def invitations_by(
        self, person: PersonId, *, after: bytes = b"", limit: int = 1000
    ) -> list[InvitationDoc]:
        await asyncio.sleep(0)
        docs = [d for d in self._invitations.values() if d.by == person and d.lookup > after]
        return sorted(docs, key=lambda doc: doc.lookup)[:limit]

    async def put_enrolment(self, lookup: bytes, doc: EnrolmentDoc) -> bool:
        await asyncio.sleep(0)
        invitation = self._invitations.get(lookup)
        if invitation is None or invitation.closed:
            return False
        if invitation.enrolment is None:
            self._invitations[lookup] = replace(invitation, enrolment=doc)
            return True
        return replace(invitation.enrolment, received=doc.received) == doc

    async def close_invitation(self, lookup: bytes) -> bool:
        await asyncio.sleep(0)
        invitation = self._invitations.get(lookup)
        if invitation is None or invitation.closed:
            return False
        self._invitations[lookup] = replace(invitation, closed=True)
        return True


class MemoryStore(MemoryLogs, MemoryAccounts, MemorySessions):
    """Store; gone with the process."""

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        MemoryLogs.__init__(self, clock)
        MemoryAccounts.__init__(self)
        MemorySessions.__init__(self)

    async def meta(self) -> MetaDoc:
        return MetaDoc(FORMAT)

    async def ping(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)
