"""Which late wraps to hand out, and what to do with own entries that lost a race (DESIGN 3).

A new device of somebody whom an epoch knows reads it after a `channel.grant`, and only then
(A44). A message whose epoch was superseded before it was in is sealed anew: new id, same `mid`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cencomm_crypto.public.entry import Header
from cencomm_crypto.public.ids import ChannelId, DeviceId, PersonId
from cencomm_crypto.public.operation.recipients import Recipient, recipients
from cencomm_crypto.public.operation.state import Channel

from cencomm_client.automation.rotation import authoring_open, blocking, may_rotate
from cencomm_client.automation.standing import Standing, Verdict
from cencomm_client.automation.timing import Timing


@dataclass(frozen=True, slots=True)
class GrantDue:
    """Epoch `n` of `chan` is to be wrapped to a recipient that cannot reach it."""

    chan: ChannelId
    n: int
    recipient: Recipient
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("grant", self.chan, self.n, self.recipient.device, self.recipient.box_pk)


def grants_due(standing: Standing, channel: Channel, timing: Timing) -> tuple[GrantDue, ...]:
    """One grant for each device that needs one, its newest missing epoch first.

    Own devices are not left out: that is how a person's phone heals from the laptop.
    """
    if channel.epoch == 0 or not may_rotate(standing, channel):
        return ()
    if blocking(standing, channel) is not None:
        return ()
    held = standing.holds(channel.id)
    due: list[GrantDue] = []
    for recipient in recipients(standing.state, channel.id, standing.directory):
        reached = reachable(channel, recipient.device, standing.bad_grants)
        for n in sorted(held, reverse=True):
            if n in channel.epochs and n not in reached and _knows(standing, channel, n, recipient):
                due.append(GrantDue(channel.id, n, recipient, timing.heal_s))
                break
    return tuple(due)


def reachable(
    channel: Channel,
    device: DeviceId,
    bad_grants: frozenset[tuple[ChannelId, int, DeviceId]] = frozenset(),
) -> frozenset[int]:
    """Epochs that a device opens: wrapped or granted to it, and all that links lead back to."""
    found: set[int] = set()
    for n in sorted(channel.epochs, reverse=True):
        epoch = channel.epochs[n]
        received = epoch.received(device) and (channel.id, n, device) not in bad_grants
        if n in found or received:
            found.add(n)
            if epoch.has_link:
                found.add(epoch.p)
    return frozenset(found)


def _knows(standing: Standing, channel: Channel, n: int, recipient: Recipient) -> bool:
    """GRA-1, and that no rotation for joins will serve this person anyway."""
    if recipient.person in _persons(standing, channel, n):
        return True
    if not standing.state.history:
        return False
    return n != channel.epoch and channel.epochs[channel.epoch].received(recipient.device)


def _persons(standing: Standing, channel: Channel, n: int) -> frozenset[PersonId]:
    devices = map(standing.directory.device, channel.epochs[n].recips)
    return frozenset(device.person for device in devices if device is not None)


class Fate(StrEnum):
    """What becomes of own signed bytes that have no receipt yet."""

    SEND = "send"  # again, the same bytes
    HOLD = "hold"  # not now: a rotation or a sync comes first
    RESEAL = "reseal"  # the log shows the epoch superseded and does not hold them
    LATE = "late"  # the window is over: kept as evidence, told to the person


def fate(standing: Standing, channel: Channel, header: Header) -> Fate:
    """Judge an outbox message of `channel` against the verified log (RULES Headers).

    Old bytes are given up only for what the log itself shows; as long as their epoch is current
    they may still go in (the grace is there for them), so they are never signed anew.
    """
    if superseded(standing, channel, header):
        return Fate.RESEAL if authoring_open(standing, channel, header.type) else Fate.LATE
    if standing.state.channel_over(channel, max(standing.now, standing.state.at)):
        return Fate.LATE
    if blocking(standing, channel) is not None:
        return Fate.HOLD
    return Fate.SEND


def superseded(standing: Standing, channel: Channel, header: Header) -> bool:
    """Whether the verified log excludes that these bytes are ever accepted: their epoch is over,
    or this device has said since that it had seen more (OPS-4)."""
    device = header.device
    said = max(standing.state.control.seen.get(device) or 0, channel.ledger.seen.get(device) or 0)
    return header.seen.size < said or (header.epoch or 0) < channel.epoch


def sealable(standing: Standing, channel: Channel) -> bool:
    """Whether this device may seal a message in the current epoch now (ROT-4, A18, A19)."""
    return (
        channel.epoch > 0
        and authoring_open(standing, channel, "message")
        and blocking(standing, channel) is None
        and standing.note(channel).verdict is Verdict.GOOD
    )


def own_channels(standing: Standing) -> Iterator[Channel]:
    """Channels in whose present epoch this device could take part."""
    return standing.state.channels_of(standing.person)
