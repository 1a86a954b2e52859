"""A channel and its epochs, as the rules keep them: persistent values (DESIGN 3)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from rpds import HashTrieMap, HashTrieSet

from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import AdminId, ChannelId, DeviceId, EntryId, PersonId
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.rights import Role

Window = tuple[int, int]  # [not_before, not_after], ms, both inclusive


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one scope remembers of its accepted entries; rejected ones leave no trace."""

    watermark: int = 0  # greatest dir.size
    decided: int = -1  # seq of the last control entry; of the last rotate or grant in a channel
    seen: HashTrieMap[DeviceId, int] = field(
        default_factory=HashTrieMap
    )  # greatest seen.size per device
    ids: HashTrieSet[bytes] = field(default_factory=HashTrieSet)  # device || entry id
    trail: bytes = bytes(32)  # H(trail before || leaf hash): which entries counted, in order

    def advance(
        self,
        *,
        device: DeviceId,
        entry_id: EntryId,
        seen: int,
        directory: int,
        leaf: bytes,
        decided: int | None,
    ) -> Ledger:
        """The ledger after one more accepted entry; `decided` is its seq if it is a decision."""
        return Ledger(
            max(self.watermark, directory),
            self.decided if decided is None else decided,
            self.seen.insert(device, seen),
            self.ids.insert(device + entry_id),
            sha256(self.trail, leaf),
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Membership by rule, where a list would be long; one of the three is set."""

    everybody: bool = False
    admins: frozenset[AdminId] = frozenset()
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Epoch:
    """An accepted channel.rotate, and the grants about it."""

    n: int
    p: int  # the earlier epoch that it links, 0 if none
    seq: int
    at: int  # ms
    author: DeviceId
    watermark: int  # directory size at which its recipients were computed
    recips: tuple[DeviceId, ...]  # sorted
    recips_hash: bytes
    commit: bytes
    close_commit: bytes
    wraps_root: bytes
    drop_pk: bytes
    has_link: bool
    escrow: bool
    audit_version: int  # of the audit set that its shares are for
    grants: HashTrieMap[DeviceId, bytes]  # device -> H(w); the last one wins
    body: Mapping[str, Value]  # of the rotate, as its author signed it

    def received(self, device: DeviceId) -> bool:
        """Whether the device is in its recips or grants."""
        place = bisect_left(self.recips, device)
        listed = place < len(self.recips) and self.recips[place] == device
        return listed or device in self.grants


@dataclass(frozen=True)  # no slots: see `copying`
class Channel:
    """A group of members with epochs of its own.

    `members` is a list of persons, or None where `rule` decides; the main channel has neither.
    A directed channel has a `parent`: it takes the parent's window and lives within its members.
    """

    id: ChannelId
    name: str
    creator: PersonId
    created: int  # seq
    window: Window  # its own; ask OperationState.window_of
    parent: ChannelId | None = None
    members: HashTrieSet[PersonId] | None = None
    rule: Rule | None = None
    main: bool = False
    epoch: int = 0  # the current one, 0 before the first rotate
    epochs: HashTrieMap[int, Epoch] = field(default_factory=HashTrieMap)
    flagged: HashTrieSet[int] = field(
        default_factory=HashTrieSet
    )  # epochs that a member said to be bad
    closed_at: int | None = None  # ms, by channel.close
    reveals: HashTrieMap[int, bytes] = field(default_factory=HashTrieMap)  # n -> KC
    lost: bool = False  # a log.restored came since its last rotate: it rotates first
    fresh: tuple[int, int] | None = None  # recipients.freshness when the epoch was not stale
    drops: HashTrieMap[bytes, PersonId] = field(
        default_factory=HashTrieMap
    )  # leaf hash of an accepted drop -> its bot
    answered: HashTrieSet[bytes] = field(
        default_factory=HashTrieSet
    )  # leaf hash of a drop || device that has its result
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def watermark(self) -> int:
        """Greatest dir.size among its own accepted entries."""
        return self.ledger.watermark

    @property
    def last_decision(self) -> int:
        """Seq of its last rotate or grant, -1 before the first."""
        return self.ledger.decided

    @property
    def current(self) -> Epoch | None:
        """The current epoch."""
        return self.epochs.get(self.epoch)

    def heads(self) -> tuple[int, ...]:
        """Epochs that no later one links: what has to be revealed once the channel is over."""
        linked = {epoch.p for epoch in self.epochs.values()}
        return tuple(sorted(n for n in self.epochs if n not in linked))
