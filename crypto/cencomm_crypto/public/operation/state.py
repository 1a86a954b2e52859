"""What an operation's log says after so many entries: a persistent value (DESIGN 2 to 5).

A reader that may not see a channel has that channel here as it was created, without epochs;
all else is the same for everybody (DESIGN 3: a channel's entries depend on control entries and
that channel alone).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rpds import HashTrieMap, HashTrieSet

from cencomm_crypto.public.directory.state import Device, DirectoryState, Restored
from cencomm_crypto.public.directory.witness import WitnessPolicy
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import ID_SIZE, AdminId, ChannelId, DeviceId, LogId, PersonId
from cencomm_crypto.public.operation.channel import Channel, Epoch, Ledger, Rule, Window
from cencomm_crypto.public.phases import OVER, Phase
from cencomm_crypto.public.rights import Role

__all__ = [
    "AuditSet",
    "Channel",
    "Epoch",
    "Hold",
    "Ledger",
    "Member",
    "OperationState",
    "Proposal",
    "Release",
    "Request",
    "Rule",
    "Window",
]


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the operation. `chan`: of an expert or bot; `kinds`, `rate`: of a bot."""

    person: PersonId
    admin: AdminId  # a person never changes its administration
    role: Role
    admitted: int  # seq
    watermark: int  # directory size at the admission
    chan: ChannelId | None = None
    kinds: tuple[str, ...] = ()
    rate: int | None = None  # drops per hour


@dataclass(frozen=True, slots=True)
class AuditSet:
    """Who opens the operation after its end: `k` of `persons`, whose places are x = 1, 2, ...

    Empty with k = 0: nothing later opens older epochs.
    """

    persons: tuple[PersonId, ...]
    k: int
    version: int  # 1 in the genesis, one more with each change


@dataclass(frozen=True, slots=True)
class Proposal:
    """An accepted X.propose, named by its leaf hash."""

    leaf: bytes
    subject: str  # the X
    seq: int
    at: int  # ms
    device: DeviceId
    person: PersonId
    admin: AdminId
    body: Mapping[str, Value]
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing is erased before it is lifted."""

    leaf: bytes
    seq: int
    at: int  # ms
    person: PersonId
    admin: AdminId
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """An auditor's request to open a channel, the grants it took, and its report."""

    leaf: bytes
    seq: int
    at: int  # ms
    person: PersonId
    device: DeviceId  # the opening device, to which shares are re-sealed
    chan: ChannelId
    purpose: str
    grants: HashTrieMap[tuple[int, int], bytes] = field(
        default_factory=HashTrieMap
    )  # (epoch, x) -> sealed share
    report: bytes | None = None  # hash


@dataclass(frozen=True, slots=True)
class Release:
    """What an NCP let out of the operation, and the receipt that came back."""

    leaf: bytes
    seq: int
    at: int  # ms
    person: PersonId
    admin: AdminId
    entry: bytes  # leaf hash of the message
    fields: tuple[str, ...]
    use: str
    manifest: bytes
    replaces: bytes | None
    receipt: str | None = None


@dataclass(frozen=True)  # no slots: see `copying`
class OperationState:
    """The operation after `size` entries.

    Proposals, holds, requests and releases are named by the leaf hash of their entry.
    """

    id32: bytes
    directory_id32: bytes
    genesis: Mapping[str, Value]
    author: PersonId  # of the genesis: the first coordinator
    author_admin: AdminId
    history: bool  # later epochs link earlier ones
    witness: WitnessPolicy
    suite_min: int
    rules: int
    size: int
    at: int  # ms, server time of the last entry
    phase: Phase  # by entries alone; ask effective_phase
    interrupted: Phase | None  # what a suspension interrupted
    window: Window
    grace: int  # ms
    live: Window
    closed_at: int | None  # ms, by an entry
    members: HashTrieMap[PersonId, Member]
    former: HashTrieMap[PersonId, Member]  # removed and not readmitted, as they were
    admins: HashTrieSet[AdminId]  # of every member there ever was
    channels: HashTrieMap[ChannelId, Channel]
    main: ChannelId
    audit: AuditSet
    audits: tuple[AuditSet, ...]  # all there ever were, the present one last
    proposals: HashTrieMap[bytes, Proposal]
    holds: HashTrieMap[bytes, Hold]
    requests: HashTrieMap[bytes, Request]
    releases: HashTrieMap[bytes, Release]
    messages: HashTrieMap[bytes, PersonId]  # leaf hash of a message or drop seen here -> author
    accepted_devices: HashTrieSet[DeviceId]  # by device.accept
    restored: tuple[Restored, ...]
    leavings: int  # accepted entries after which somebody may no longer be a recipient
    control: Ledger
    releasing: Ledger  # of releases and receipts, see rules.ASIDE

    @property
    def id16(self) -> LogId:
        """The log's short id, as headers name it."""
        return LogId(self.id32[:ID_SIZE])

    @property
    def watermark(self) -> int:
        """Greatest dir.size among the accepted control entries."""
        return self.control.watermark

    @property
    def last_control(self) -> int:
        """Seq of the last accepted control entry."""
        return self.control.decided

    @property
    def end(self) -> int:
        """The last millisecond at which the operation takes messages: not_after + grace."""
        return self.window[1] + self.grace

    def effective_phase(self, at: int) -> Phase:
        """The phase at server time `at`: the end counts even without a close entry."""
        return Phase.CLOSED if self.phase not in OVER and at > self.end else self.phase

    def ended(self, at: int) -> bool:
        """Whether the operation is over at `at`, by an entry or by time."""
        return self.effective_phase(at) in OVER

    def window_of(self, channel: Channel) -> Window:
        """A channel's window: the operation's for the main one, the parent's for directed ones."""
        if channel.main:
            return self.window
        return channel.window if channel.parent is None else self.channels[channel.parent].window

    def window_over(self, channel: Channel, at: int) -> bool:
        """Whether time or the operation's end put an end to a channel: what everybody can tell."""
        return at > self.window_of(channel)[1] + self.grace or self.ended(at)

    def channel_over(self, channel: Channel, at: int) -> bool:
        """Whether a channel is over at `at`, also by its own channel.close: for its readers.

        No rule of a control entry asks this: others could not follow.
        """
        return channel.closed_at is not None or self.window_over(channel, at)

    def watermark_of(self, channel: Channel) -> int:
        """Directory size at which the channel's next entry is judged, at least."""
        return max(self.control.watermark, channel.ledger.watermark)

    def role_of(self, person: PersonId) -> Role | None:
        """The person's role, `auditor` for those of the present audit set."""
        member = self.members.get(person)
        if member is not None:
            return member.role
        return Role.AUDITOR if person in self.audit.persons else None

    def was_auditor(self, person: PersonId) -> bool:
        """Whether the person is or was in an audit set: it may hold shares of older epochs."""
        return any(person in audit.persons for audit in self.audits)

    def in_channel(self, person: PersonId, channel: Channel) -> bool:
        """Whether the person is in the channel and may read it: never a bot or an auditor.

        An expert is in the main channel, in its own, and in directed ones within its own that
        list it. Who leaves the parent leaves the directed channel.
        """
        member = self.members.get(person)
        if member is None or member.role is Role.BOT:
            return False
        if channel.main or member.chan == channel.id:
            return True
        if member.role is Role.EXPERT and member.chan != channel.parent:
            return False
        if channel.parent is not None and not self.in_channel(
            person, self.channels[channel.parent]
        ):
            return False
        if channel.members is not None:
            return person in channel.members
        rule = channel.rule
        return rule is not None and (
            rule.everybody or member.admin in rule.admins or member.role in rule.roles
        )

    def channels_of(self, person: PersonId) -> Iterator[Channel]:
        """The channels that the person is in."""
        return (channel for channel in self.channels.values() if self.in_channel(person, channel))

    def channel_named(self, name: str) -> Channel | None:
        """The undirected channel of this name."""
        return next(
            (
                channel
                for channel in self.channels.values()
                if channel.name == name and channel.parent is None
            ),
            None,
        )

    def eligible(self, device: DeviceId, directory: DirectoryState) -> bool:
        """Whether a member's device passes (i) to (iii) of PROTOCOL 7.6; revoked ones too.

        A device that an NCP alone added after the admission does not, before a coordinator's
        device.accept (A52). A device stays eligible when its voucher is revoked (phone swap).
        """
        found = directory.device(device)
        if found is None:
            return False
        member = self.members.get(found.person)
        if member is None:
            return False
        person = found.person
        while found is not None and found.person == person:
            if found.added < member.watermark or found.id in self.accepted_devices:
                return True
            found = None if found.voucher is None else directory.device(found.voucher)
        return False

    def eligible_devices(self, person: PersonId, directory: DirectoryState) -> tuple[Device, ...]:
        """What `eligible` says of all devices of an active member; revoked ones too, oldest first.

        One pass, since a voucher is older than what it vouched for: a member that vouches for
        device after device makes no rotate quadratic (A35).
        """
        member = self.members.get(person)
        if member is None or not directory.active_person(person):
            return ()
        eligible: dict[DeviceId, Device] = {}
        for known in directory.persons[person].devices:
            device = directory.devices[known]
            if (
                device.added < member.watermark
                or device.id in self.accepted_devices
                or (device.voucher is not None and device.voucher in eligible)
            ):
                eligible[device.id] = device
        return tuple(eligible.values())
