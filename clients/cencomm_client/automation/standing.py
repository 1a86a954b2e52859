"""What one device knows when it decides: verified state, directory, its own clock and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cencomm_crypto.member.flag import FlagReason
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ChannelId, DeviceId, PersonId
from cencomm_crypto.public.operation.state import Channel, OperationState
from cencomm_crypto.public.rights import Role


class Verdict(StrEnum):
    """What this device found when it recomputed an epoch's rotate (A18)."""

    GOOD = "good"
    BAD = "bad"
    NO_KEY = "no_key"  # nothing was wrapped to this device, or not yet fetched


@dataclass(frozen=True, slots=True)
class EpochNote:
    """What this device knows of the current epoch of a channel beyond the shared state."""

    n: int
    verdict: Verdict = Verdict.NO_KEY
    messages: int = 0  # messages and drops in it so far
    reason: FlagReason | None = None  # what is wrong with a bad one
    flagged: bool = False  # some member said so in the log


@dataclass(frozen=True, slots=True)
class Standing:
    """One device's view of one operation at one moment; `now` is its own clock in ms."""

    state: OperationState
    directory: DirectoryState  # the newest verified one
    device: DeviceId
    person: PersonId
    now: int
    epochs: Mapping[ChannelId, EpochNote] = field(default_factory=dict)
    keys: Mapping[ChannelId, frozenset[int]] = field(default_factory=dict)  # n whose E is here
    bad_grants: frozenset[tuple[ChannelId, int, DeviceId]] = frozenset()  # recomputed wrongly (A44)

    @property
    def role(self) -> Role | None:
        """The person's role in the operation, None for one who is no member (any more)."""
        member = self.state.members.get(self.person)
        return None if member is None else member.role

    def holds(self, chan: ChannelId) -> frozenset[int]:
        """Epochs of a channel whose secret this device has."""
        return self.keys.get(chan, frozenset())

    def note(self, channel: Channel) -> EpochNote:
        """What is known of the channel's current epoch."""
        found = self.epochs.get(channel.id)
        return found if found is not None and found.n == channel.epoch else EpochNote(channel.epoch)
