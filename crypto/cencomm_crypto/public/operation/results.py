"""What became of a bot's drop: the rule of drop.result (PROTOCOL 8.11, DRR-1).

A result is no message: no epoch seals it, so neither a pending rotate nor the epoch's number
says anything about it, and it decides nothing that a compare-and-set would have to guard.
"""

from __future__ import annotations

from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.operation.act import (
    Act,
    expect_in_channel,
    expect_open,
    unknown_reference,
)
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState


def answer_drop(state: OperationState, channel: Channel, act: Act) -> Channel:
    """The channel with one more drop answered to one more device; the first result counts."""
    expect_in_channel(state, channel, act)
    expect_open(state, channel, act)
    drop: bytes = act.body["re"]
    bot = channel.drops.get(drop)
    if bot is None:
        raise unknown_reference("drop of this channel", drop)
    _expect_reader(state, act, DeviceId(act.body["device"]), bot)
    place = result_place(drop, act.body["device"])
    if place in channel.answered:
        raise RuleViolation(
            ErrorCode.ALREADY_EXISTS, f"the device has the result of drop {drop.hex()}"
        )
    return replace(channel, answered=channel.answered.insert(place))


def result_place(drop: bytes, device: bytes) -> bytes:
    """What a channel remembers of an accepted result: leaf hash of the drop[32] || device[16]."""
    return drop + device


def _expect_reader(state: OperationState, act: Act, device: DeviceId, bot: bytes) -> None:
    """Raise unless the device is the bot's own, active, and not added by an NCP alone (A52)."""
    found = act.directory.device(device)
    if found is None or found.person != bot:
        raise RuleViolation(
            ErrorCode.UNKNOWN_DEVICE, f"{device.hex()} is no device of the bot that made the drop"
        )
    if not act.directory.active(device):
        raise RuleViolation(ErrorCode.INACTIVE, "the bot's device is revoked, or its bot suspended")
    if not state.eligible(device, act.directory):
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED,
            "the bot is no member, or an NCP alone added its device after the admission",
        )
