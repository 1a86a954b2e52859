"""Closing by itself, revealing close keys, and when a secret may be forgotten (DESIGN 3 Close).

Own clock and the log's own time must both say that it is over, and cosigned time too where
there is a witness policy (A30, A43). Who lost the role, or was revoked, still reveals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cencomm_crypto.member.closing import to_reveal
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import Channel, OperationState
from cencomm_crypto.public.phases import ALLOWED_TYPES
from cencomm_crypto.public.rights import READING

from cencomm_client.automation.standing import Standing
from cencomm_client.automation.timing import Timing

Secrets = Callable[[OperationState, ChannelId], tuple[EpochSecret, ...]]
"""The epoch secrets of a channel that are here, as `Keyring.secrets`."""


@dataclass(frozen=True, slots=True)
class CloseDue:
    """`operation.close` is to be posted: the time is over."""

    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("close",)


@dataclass(frozen=True, slots=True)
class RevealDue:
    """The close key of one epoch is to be revealed; `closes`: as `channel.close`."""

    chan: ChannelId
    secret: EpochSecret
    closes: bool
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("reveal", self.chan, self.secret.context.n)


def close_due(standing: Standing, timing: Timing) -> CloseDue | None:
    """Whether this client should end the operation. It gives nothing away, so own clock is
    enough to ask: the rules judge the entry by its `at`."""
    state = standing.state
    if state.closed_at is not None or standing.role not in READING:
        return None
    return CloseDue(timing.close_s) if standing.now > state.end else None


def reveals_due(
    standing: Standing, secrets: Secrets, timing: Timing, *, cosigned: int | None = None
) -> tuple[RevealDue, ...]:
    """Close keys that this device can give and the log lacks, each once (CLO-3).

    `cosigned` is the newest cosigned time in ms; needed where the genesis names witnesses.
    """
    due: list[RevealDue] = []
    allowed = ALLOWED_TYPES[standing.state.effective_phase(standing.now)]
    for channel in standing.state.channels.values():
        if not _over(standing, channel, cosigned):
            continue
        for secret in _to_reveal(standing, channel, secrets):
            closes = secret.context.n == channel.epoch and channel.closed_at is None
            if ("channel.close" if closes else "channel.reveal") not in allowed:
                continue  # a suspension ends
            due.append(RevealDue(channel.id, secret, closes, timing.close_s))
    return tuple(due)


def forgettable(standing: Standing, secrets: Secrets) -> tuple[tuple[ChannelId, int], ...]:
    """Secrets whose deletion takes nothing from anybody: (channel, n), only after the end.

    A secret may go only when every reveal that this device could make is in `state`, which a
    verified checkpoint covers. It never goes by itself: reading ends with it.
    """
    state = standing.state
    return tuple(
        (channel.id, secret.context.n)
        for channel in state.channels.values()
        if state.channel_over(channel, state.at) and not _to_reveal(standing, channel, secrets)
        for secret in secrets(state, channel.id)
    )


def _to_reveal(standing: Standing, channel: Channel, secrets: Secrets) -> tuple[EpochSecret, ...]:
    """What only this device's reveal may give; it was in recips or grants of those (CLO-2)."""
    own = [
        secret
        for secret in secrets(standing.state, channel.id)
        if channel.epochs[secret.context.n].received(standing.device)
    ]
    return to_reveal(standing.state, channel.id, own)


def _over(standing: Standing, channel: Channel, cosigned: int | None) -> bool:
    """Over by the log's `at`, by own clock, and by the witnesses where there are any."""
    state = standing.state
    if not state.channel_over(channel, state.at):
        return False
    by_entry = [moment for moment in (channel.closed_at, state.closed_at) if moment is not None]
    end = min([*by_entry, state.window_of(channel)[1] + state.grace, state.end])
    if standing.now <= end:
        return False
    return not state.witness.keys or (cosigned is not None and cosigned > end)
