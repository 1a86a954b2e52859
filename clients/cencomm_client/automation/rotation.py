"""When a channel needs its next epoch, by whom and how soon (DESIGN 3 "Due", PROTOCOL 8.3).

Without a rotate no message is valid after an opening, a removal, a revocation or a change of
the audit set; age, count and waiting joins are this client's own rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_crypto.member.flag import FlagReason
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.recipients import (
    Recipient,
    pending_rotation,
    recipient,
    recipients,
)
from cencomm_crypto.public.operation.state import Channel, Epoch
from cencomm_crypto.public.phases import ALLOWED_TYPES
from cencomm_crypto.public.rights import SENDING

from cencomm_client.automation.standing import Standing, Verdict
from cencomm_client.automation.timing import Timing
from cencomm_client.directing import closed_at

MISMATCH, AGE, COUNT, JOIN = "mismatch", "age", "count", "join"


@dataclass(frozen=True, slots=True)
class RotationDue:
    """Channel `chan` needs epoch `n`; `reason` is why."""

    chan: ChannelId
    n: int
    reason: str
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("rotate", self.chan, self.n, self.reason)


@dataclass(frozen=True, slots=True)
class FlagDue:
    """The rotate of epoch `n` does not recompute: `channel.flag` is to be posted (A18, A22)."""

    chan: ChannelId
    n: int
    reason: FlagReason
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("flag", self.chan, self.n)


def blocking(standing: Standing, channel: Channel) -> str | None:
    """Why nothing may be sealed in the channel's current epoch, or None (ROT-4, OPS-14)."""
    pending = pending_rotation(standing.state, channel.id, standing.directory)
    if pending is not None:
        return str(pending)
    return MISMATCH if standing.note(channel).verdict is Verdict.BAD else None


def rotation_due(
    standing: Standing,
    channel: Channel,
    timing: Timing,
    *,
    sending: bool = False,
    own_decision: bool = False,
) -> RotationDue | None:
    """Whether this device should rotate the channel, and after which wait.

    `sending`: something waits to be posted, so an idle channel catches up and nobody waits.
    Else others than who decided wait, so that one removal, or one bad rotate, costs one rotate.
    `own_decision`: this device signed the decision that makes it necessary, so it goes first.
    """
    if not may_rotate(standing, channel):
        return None
    reason = blocking(standing, channel)
    if reason is not None:
        at_once = sending or own_decision
        return _due(channel, reason, (0.0, 0.0) if at_once else timing.react_s)
    epoch = channel.epochs[channel.epoch]  # there is one: nothing blocks
    if sending and standing.now - epoch.at >= timing.epoch_age_ms:
        return _due(channel, AGE, (0.0, 0.0))
    if sending and standing.note(channel).messages >= timing.epoch_messages:
        return _due(channel, COUNT, (0.0, 0.0))
    if waiting(standing, channel, epoch):
        return _due(channel, JOIN, timing.join_s)
    return None


def flag_due(standing: Standing, channel: Channel, timing: Timing) -> FlagDue | None:
    """Whether this device has to say in the log that the current epoch is bad.

    Everybody finds it at once and one word is enough: each waits a little, less than anybody
    waits with the next rotate, so that the word comes first.
    """
    note = standing.note(channel)
    if note.verdict is not Verdict.BAD or note.flagged or note.reason is None:
        return None
    if not authoring_open(standing, channel, "channel.flag"):
        return None
    inside = standing.state.in_channel(standing.person, channel)
    wait_s = (0.0, timing.react_s[0])
    return FlagDue(channel.id, channel.epoch, note.reason, wait_s) if inside else None


def may_rotate(standing: Standing, channel: Channel) -> bool:
    """Whether this device may author a rotate of the channel now, by its own clock too."""
    if standing.role not in SENDING:
        return False
    if not authoring_open(standing, channel, "channel.rotate"):
        return False
    state, directory = standing.state, standing.directory
    return recipient(state, channel.id, directory, standing.device) is not None


def authoring_open(standing: Standing, channel: Channel, kind: str) -> bool:
    """Whether the channel takes entries of this type by own clock and by the log's time.

    Clients stop at not_after; the grace is for what is under way then (A30). Nothing more is said
    in a directed channel whose parent was closed: it is part of it.
    """
    state, now = standing.state, max(standing.now, standing.state.at)
    if kind in OPAQUE_TYPES and closed_at(state, channel) is not None:
        return False
    start, end = state.window_of(channel)
    if not start <= now <= end or state.channel_over(channel, now):
        return False
    return kind in ALLOWED_TYPES[state.effective_phase(now)]


def waiting(standing: Standing, channel: Channel, epoch: Epoch) -> tuple[Recipient, ...]:
    """Recipients of persons that the epoch does not know: they read on after the next rotate.

    A new device of a person whom the epoch knows is healed by a grant instead.
    """
    known = set(epoch.recips) | set(epoch.grants)
    devices = (standing.directory.device(device) for device in known)
    persons = {device.person for device in devices if device is not None}
    return tuple(
        found
        for found in recipients(standing.state, channel.id, standing.directory)
        if found.device not in known and found.person not in persons
    )


def _due(channel: Channel, reason: str, wait_s: tuple[float, float]) -> RotationDue:
    return RotationDue(channel.id, channel.epoch + 1, reason, wait_s)
