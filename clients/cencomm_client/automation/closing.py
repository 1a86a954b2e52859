"""Closing by itself, revealing close keys, and when a secret may be forgotten (DESIGN 3 Close).

Own clock and the log's own time must both say that it is over, and cosigned time too where
there is a witness policy (A30, A43). Who lost the role, or was revoked, still reveals.
"""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_client.automation.standing import Standing
from cencomm_client.automation.timing import Timing
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import Channel
from cencomm_crypto.public.rights import READING


@dataclass(frozen=True, slots=True)
class CloseDue:
    """`operation.close` is to be posted: the time is over."""

    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("close",)


@dataclass(frozen=True, slots=True)
class RevealDue:
    """The close key of epoch `n` is to be revealed; `closes`: as `channel.close`."""

    chan: ChannelId
    n: int
    closes: bool
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("reveal", self.chan, self.n)


def close_due(standing: Standing, timing: Timing) -> CloseDue | None:
    """Whether this client should end the operation. It gives nothing away, so own clock is
    enough to ask: the rules judge the entry by its `at`."""
    state = standing.state
    if state.closed_at is not None or standing.role not in READING:
        return None
    return CloseDue(timing.close_s) if standing.now > state.end else None


def reveals_due(
    standing: Standing, timing: Timing, *, cosigned: int | None = None
) -> tuple[RevealDue, ...]:
    """Close keys that this device can give and the log lacks, each once.

    `cosigned` is the newest cosigned time in ms; needed where the genesis names witnesses.
    """
    state = standing.state
    due: list[RevealDue] = []
    for channel in state.channels.values():
        if not _over(standing, channel, cosigned):
            continue
        for n in heads(channel):
            held = n in standing.holds(channel.id)
            if held and n not in channel.reveals and _was_in(standing, channel, n):
                closes = n == channel.epoch and channel.closed_at is None
                due.append(RevealDue(channel.id, n, closes, timing.close_s))
    return tuple(due)


def heads(channel: Channel) -> tuple[int, ...]:
    """Epochs that no later one links: their close keys open all others' (CLO-3)."""
    linked = {epoch.p for epoch in channel.epochs.values()}
    return tuple(sorted(n for n in channel.epochs if n not in linked))


def forgettable(standing: Standing, covered: int) -> tuple[tuple[ChannelId, int], ...]:
    """Secrets whose deletion takes nothing from anybody: (channel, n), only after the end.

    A secret may go only when every reveal that this device could make is in the log below
    `covered`, the size of a verified checkpoint. It never goes by itself: reading ends with it.
    """
    found: list[tuple[ChannelId, int]] = []
    for channel in standing.state.channels.values():
        held = standing.holds(channel.id)
        if not held or not standing.state.channel_over(channel.id):
            continue
        could = [n for n in heads(channel) if n in held and _was_in(standing, channel, n)]
        if all(n in channel.reveals and channel.reveals[n].seq < covered for n in could):
            found.extend((channel.id, n) for n in sorted(held))
    return tuple(found)


def _over(standing: Standing, channel: Channel, cosigned: int | None) -> bool:
    """Over by the log's `at`, by own clock, and by the witnesses where there are any."""
    state = standing.state
    if not state.channel_over(channel.id):
        return False
    end = state.channel_end(channel.id)
    if channel.closed_at is None and state.closed_at is None and standing.now <= end:
        return False
    needs_witness = bool(state.genesis["witness"]["keys"])
    return not needs_witness or (cosigned is not None and cosigned > end)


def _was_in(standing: Standing, channel: Channel, n: int) -> bool:
    epoch = channel.epochs[n]
    return standing.device in epoch.recips or standing.device in epoch.grants
