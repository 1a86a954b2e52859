"""Rules of a channel's entries: rotate, grant, flag, message, drop, close, reveal (PROTOCOL 8).

The result of a drop has its own, in `results`.

Each gives the channel as it is afterwards: nothing here touches anything else of the operation,
so whoever may not read the channel misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from rpds import HashTrieMap

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.entry import SUITE
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.operation.act import (
    Act,
    expect_active,
    expect_in_channel,
    expect_open,
    expect_right,
)
from cencomm_crypto.public.operation.channel import Channel, Epoch
from cencomm_crypto.public.operation.recipients import (
    Recipient,
    freshness,
    pending_rotation,
    recipient,
    recipients,
    recips_hash,
    share_holders,
)
from cencomm_crypto.public.operation.results import answer_drop
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import equal, keyed, u16, u64

ZERO32 = bytes(32)


def epoch_context(log: LogId, chan: ChannelId, n: int, previous_commit: bytes) -> bytes:
    """c of PROTOCOL 8.1: u16 suite || log[16] || chan[16] || u64 n || commit of p[32]."""
    return u16(SUITE) + log + chan + u64(n) + previous_commit


def context_of(state: OperationState, channel: Channel, epoch: Epoch) -> bytes:
    """c of an accepted epoch."""
    previous = channel.epochs[epoch.p].commit if epoch.p else ZERO32
    return epoch_context(state.id16, channel.id, epoch.n, previous)


def _rotate(state: OperationState, channel: Channel, act: Act) -> Channel:
    expect_in_channel(state, channel, act)
    expect_open(state, channel, act)
    n, body = act.header.epoch, act.body
    if n != channel.epoch + 1:
        raise RuleViolation(
            ErrorCode.WRONG_EPOCH, f"epoch {n} read, {channel.epoch + 1} expected of a rotate"
        )
    p: int = body["p"]
    if p and p not in channel.epochs:
        raise RuleViolation(ErrorCode.BAD_EPOCH_LINK, f"p is {p}: no such epoch in this channel")
    _expect_links(body, linked=p > 0, history=state.history)
    found = recipients(state, channel.id, act.directory)
    _expect_recipients(body, found, act)
    _expect_shares(state, act)
    epoch = Epoch(
        n=n,
        p=p,
        seq=act.seq,
        at=act.at,
        author=act.device.id,
        watermark=act.watermark,
        recips=_shared(channel, tuple(row.device for row in found)),
        recips_hash=body["recips"],
        commit=body["commit"],
        close_commit=body["close_commit"],
        wraps_root=body["wraps_root"],
        drop_pk=body["drop_pk"],
        has_link="prev_link" in body,
        escrow="escrow" in body,
        audit_version=state.audit.version,
        grants=HashTrieMap(),
        body=body,
    )
    return replace(
        channel,
        epoch=n,
        epochs=channel.epochs.insert(n, epoch),
        lost=False,
        fresh=freshness(state, act.directory),
    )


def _expect_links(body: Mapping[str, object], *, linked: bool, history: bool) -> None:
    """prev_close iff p > 0; prev_link iff p > 0 and history is all (RULES Epochs, A20)."""
    for name, expected in (("prev_close", linked), ("prev_link", linked and history)):
        if (name in body) != expected:
            raise RuleViolation(
                ErrorCode.BAD_EPOCH_LINK, f"{name} {'missing' if expected else 'not expected'}"
            )


def _expect_recipients(body: Mapping[str, object], found: tuple[Recipient, ...], act: Act) -> None:
    """No ghosts, nobody forgotten (A1)."""
    if all(row.device != act.device.id for row in found):
        raise RuleViolation(ErrorCode.BAD_RECIPIENTS, "the author's device is no recipient itself")
    if body["count"] != len(found):
        raise RuleViolation(
            ErrorCode.BAD_COUNT, f"{body['count']} recipients read, {len(found)} expected"
        )
    if body["recips"] != recips_hash(found):
        raise RuleViolation(
            ErrorCode.BAD_RECIPIENTS,
            f"recips is not the hash of the {len(found)} devices and keys at directory size"
            f" {act.watermark}",
        )


def _expect_shares(state: OperationState, act: Act) -> None:
    """escrow, shares_root and shares stand exactly where an audit set does (A21)."""
    audited = bool(state.audit.persons)
    for name in ("escrow", "shares_root", "shares"):
        if (name in act.body) != audited:
            raise RuleViolation(
                ErrorCode.BAD_AUDIT_SET, f"{name} {'missing' if audited else 'not expected'}"
            )
    if audited:
        holders = len(share_holders(state, act.directory))
        if act.body["shares"] != holders:
            raise RuleViolation(
                ErrorCode.BAD_COUNT, f"{act.body['shares']} shares read, {holders} expected"
            )


def _shared(channel: Channel, recips: tuple[DeviceId, ...]) -> tuple[DeviceId, ...]:
    """The last epoch's tuple if it is equal: 3,000 ids a day need not be kept anew."""
    last = channel.current
    return last.recips if last is not None and last.recips == recips else recips


def _grant(state: OperationState, channel: Channel, act: Act) -> Channel:
    expect_in_channel(state, channel, act)
    expect_open(state, channel, act)
    _expect_current(channel, act)
    body = act.body
    epoch = _known_epoch(channel, body["n"])
    if recipient(state, channel.id, act.directory, act.device.id) is None:
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "the author's device is no recipient itself")
    device = DeviceId(body["device"])
    granted = recipient(state, channel.id, act.directory, device)
    if granted is None:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"device {device.hex()} is no recipient of the channel (A44)"
        )
    if granted.box_pk != body["box_pk"]:
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "box_pk is not the device's present box key")
    if not state.history and not any(
        epoch.received(other) for other in act.directory.persons[granted.person].devices
    ):
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED,
            "history is none, and the person was not among that epoch's recipients (A20, A44)",
        )
    epoch = replace(epoch, grants=epoch.grants.insert(device, body["wrap"]))
    return replace(channel, epochs=channel.epochs.insert(epoch.n, epoch))


def _flag(state: OperationState, channel: Channel, act: Act) -> Channel:
    expect_in_channel(state, channel, act)
    expect_open(state, channel, act)
    _expect_current(channel, act)
    epoch = _known_epoch(channel, act.body["n"])
    return replace(channel, flagged=channel.flagged.insert(epoch.n))


def _message(state: OperationState, channel: Channel, act: Act) -> Channel:
    expect_in_channel(state, channel, act)
    return _expect_sealable(state, channel, act)


def _drop(state: OperationState, channel: Channel, act: Act) -> Channel:
    if state.members[act.person.id].chan != channel.id:
        raise RuleViolation(ErrorCode.NOT_MEMBER, "the bot drops into another channel")
    channel = _expect_sealable(state, channel, act)
    return replace(channel, drops=channel.drops.insert(act.leaf, act.person.id))


def _expect_sealable(state: OperationState, channel: Channel, act: Act) -> Channel:
    """The channel takes sealed content now, under its current epoch (A3, A19)."""
    expect_open(state, channel, act)
    if channel.epoch:
        _expect_current(channel, act)
    reason = pending_rotation(state, channel.id, act.directory)
    if reason is not None:
        raise RuleViolation(
            ErrorCode.STALE_EPOCH, f"a rotate is due ({reason}) before anything is sealed"
        )
    fresh = freshness(state, act.directory)
    return channel if channel.fresh == fresh else replace(channel, fresh=fresh)


def _close(state: OperationState, channel: Channel, act: Act) -> Channel:
    if not state.channel_over(channel, act.at):
        expect_active(act, act.device)
        expect_right(state, act.type, act, act.device, act.person)
        expect_open(state, channel, act)
    elif channel.closed_at is not None:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, "the channel was closed before")
    if act.body["n"] != channel.epoch:
        raise RuleViolation(
            ErrorCode.WRONG_EPOCH,
            f"epoch {act.body['n']} read, the current {channel.epoch} expected",
        )
    return replace(_revealed(state, channel, act), closed_at=act.at)


def _reveal(state: OperationState, channel: Channel, act: Act) -> Channel:
    if not state.channel_over(channel, act.at):
        raise RuleViolation(ErrorCode.NOT_CLOSED, "the channel is not over; nothing is revealed")
    return _revealed(state, channel, act)


def _revealed(state: OperationState, channel: Channel, act: Act) -> Channel:
    """The channel with one more close key, which proves itself (DESIGN 3 Close)."""
    epoch = _known_epoch(channel, act.body["n"])
    if not epoch.received(act.device.id):
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"the author's device never received epoch {epoch.n}"
        )
    if epoch.n in channel.reveals:
        raise RuleViolation(ErrorCode.ALREADY_EXISTS, f"epoch {epoch.n} was revealed before")
    kc = act.body["kc"]
    if not equal(keyed(kc, "close", context_of(state, channel, epoch)), epoch.close_commit):
        raise RuleViolation(ErrorCode.BAD_COMMIT, "kc does not give the epoch's close_commit")
    return replace(channel, reveals=channel.reveals.insert(epoch.n, kc))


# -- what several of them ask ------------------------------------------------------------------


def _expect_current(channel: Channel, act: Act) -> None:
    if act.header.epoch != channel.epoch:
        raise RuleViolation(
            ErrorCode.WRONG_EPOCH,
            f"epoch {act.header.epoch} read, the current {channel.epoch} expected",
        )


def _known_epoch(channel: Channel, n: int) -> Epoch:
    epoch = channel.epochs.get(n)
    if epoch is None:
        raise RuleViolation(ErrorCode.WRONG_EPOCH, f"no epoch {n} in this channel")
    return epoch


EPOCH_RULES: Mapping[str, Callable[[OperationState, Channel, Act], Channel]] = MappingProxyType(
    {
        "channel.rotate": _rotate,
        "channel.grant": _grant,
        "channel.flag": _flag,
        "message": _message,
        "drop": _drop,
        "drop.result": answer_drop,
        "channel.close": _close,
        "channel.reveal": _reveal,
    }
)
