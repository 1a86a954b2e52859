"""Making an epoch, and recomputing somebody else's (PROTOCOL 8.3).

All that a rotate says follows from E, the log and the directory; so every member finds a
rotator that gives some members garbage (A18) or puts garbage into the escrow (A22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import NO_EPOCH, EpochContext, EpochSecret
from cencomm_crypto.member.escrow import seal_escrow, shares_of, wrap_share
from cencomm_crypto.member.flag import FlagReason, RotationMismatch
from cencomm_crypto.member.links import (
    context_at,
    open_previous_close,
    open_previous_epoch,
)
from cencomm_crypto.member.wrap import wrap
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.ids import ChannelId, DeviceId
from cencomm_crypto.public.operation.recipients import (
    Recipient,
    ShareHolder,
    recipients,
    recips_hash,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.operation.state import AuditSet, Epoch, OperationState
from cencomm_crypto.public.primitives import equal, sha256


@dataclass(frozen=True, slots=True)
class Rotation:
    """What the author of a channel.rotate signs, sends beside it, and keeps."""

    body: Mapping[str, Value]
    wraps: bytes = field(repr=False)  # 112 bytes for each recipient, in order of device id
    shares: bytes = field(repr=False)  # 112 bytes for each auditor's device, by (x, device id)
    secret: EpochSecret

    @property
    def n(self) -> int:
        """The epoch's number: `epoch` of the rotate's header."""
        return self.secret.context.n


def make_rotation(
    state: OperationState,
    chan: ChannelId,
    directory: DirectoryState,
    secret: bytes,
    previous: EpochSecret | None,
) -> Rotation:
    """The next epoch of a channel, wrapped to its recipients at `directory`.

    `secret` is 32 random bytes for this one rotate: if it is not appended, everything here is
    thrown away and a new secret drawn (EPO-2). `previous` is the newest good epoch that the
    author can open. Raises ProtocolError(BAD_EPOCH_LINK) if it is none of this channel's.
    """
    channel = state.channels[chan]
    if previous is not None:
        _expect_good(state, chan, previous)
    commit = NO_EPOCH if previous is None else previous.commit
    epoch = EpochSecret(secret, EpochContext(state.id16, chan, channel.epoch + 1, commit))
    found = recipients(state, chan, directory)
    wraps = [wrap(epoch, row.device, row.box_pk) for row in found]
    body: dict[str, Value] = {
        "p": 0 if previous is None else previous.context.n,
        "commit": epoch.commit,
        "close_commit": epoch.close_commit,
        "wraps_root": _wraps_root(found, wraps),
        "recips": recips_hash(found),
        "count": len(found),
        "drop_pk": epoch.drop_keys.public,
    }
    if previous is not None:
        body["prev_close"] = epoch.close_key.seal_previous(previous.close_key)
        if state.history:
            body["prev_link"] = epoch.seal_link(previous)
    shares: list[bytes] = []
    if state.audit.persons:
        holders = share_holders(state, directory)
        shares = _share_wraps(epoch, state.audit, holders)
        body["escrow"] = seal_escrow(epoch)
        body["shares_root"] = _shares_root(holders, shares)
        body["shares"] = len(holders)
    return Rotation(body, b"".join(wraps), b"".join(shares), epoch)


def wraps_beside(
    rotate: Epoch, state: OperationState, directory: DirectoryState, secret: EpochSecret
) -> tuple[bytes, bytes]:
    """The wraps and share wraps of an accepted rotate, computed anew: a restore may have lost
    them (ADR 0025). `state` and `directory` as for `check_rotation`, which held.
    """
    seen = _Seen(rotate, state, directory, secret, None)
    wraps = [wrap(secret, row.device, row.box_pk) for row in seen.recipients]
    shares = [] if not rotate.escrow else _shares_at(seen)[1]
    return b"".join(wraps), b"".join(shares)


def check_rotation(
    rotate: Epoch,
    state: OperationState,
    directory: DirectoryState,
    secret: EpochSecret,
    previous: EpochSecret | None = None,
) -> None:
    """Recompute all that a member can of an accepted rotate (ROT-4), before it sends.

    `state` is any state of the log around or after the rotate, `directory` the one at
    rotate.watermark; `previous` is E(p) if the member holds it. Raises RotationMismatch: then
    flag it, and rotate from the newest good epoch.
    """
    checks = (
        (FlagReason.COMMIT, _check_commit),
        (FlagReason.CLOSE_COMMIT, _check_close_commit),
        (FlagReason.DROP_KEY, _check_drop_key),
        (FlagReason.PREVIOUS_LINK, _check_previous_link),
        (FlagReason.PREVIOUS_CLOSE, _check_previous_close),
        (FlagReason.ESCROW, _check_escrow),
        (FlagReason.RECIPIENTS, _check_recipients),
        (FlagReason.WRAPS, _check_wraps),
        (FlagReason.SHARES, _check_shares),
    )
    seen = _Seen(rotate, state, directory, secret, previous)
    for reason, check in checks:
        try:
            good = check(seen)
        except (ProtocolError, LookupError) as error:  # an exception on the way is a mismatch
            raise RotationMismatch(reason) from error
        if not good:
            raise RotationMismatch(reason)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a check compares: the rotate as the log has it, and what the member knows."""

    rotate: Epoch
    state: OperationState
    directory: DirectoryState
    secret: EpochSecret
    previous: EpochSecret | None

    @property
    def recipients(self) -> list[Recipient]:
        """The rotate's devices with their keys at its watermark."""
        devices = (self.directory.devices[device] for device in self.rotate.recips)
        return [Recipient(device.id, device.box_pk, device.person) for device in devices]


def _check_commit(seen: _Seen) -> bool:
    chan = seen.secret.context.chan
    if seen.secret.context != context_at(seen.state, chan, seen.rotate.n):
        return False
    return equal(seen.secret.commit, seen.rotate.commit)


def _check_close_commit(seen: _Seen) -> bool:
    return equal(seen.secret.close_commit, seen.rotate.close_commit)


def _check_drop_key(seen: _Seen) -> bool:
    return equal(seen.secret.drop_keys.public, seen.rotate.drop_pk)


def _check_previous_link(seen: _Seen) -> bool:
    if not seen.rotate.has_link:
        return True
    opened = open_previous_epoch(seen.state, seen.secret, seen.rotate)
    return seen.previous is None or opened == seen.previous


def _check_previous_close(seen: _Seen) -> bool:
    """Against close_commit of p by everybody; against E(p) too by who has it."""
    if not seen.rotate.p:
        return True
    opened = open_previous_close(seen.state, seen.secret.close_key, seen.rotate)
    previous = seen.previous
    if seen.rotate.has_link:
        previous = open_previous_epoch(seen.state, seen.secret, seen.rotate)
    return previous is None or equal(opened.key, previous.close_key.key)


def _check_escrow(seen: _Seen) -> bool:
    if not seen.rotate.escrow:
        return True
    return equal(seal_escrow(seen.secret), seen.rotate.body["escrow"])


def _check_recipients(seen: _Seen) -> bool:
    return equal(recips_hash(seen.recipients), seen.rotate.recips_hash)


def _check_wraps(seen: _Seen) -> bool:
    found = seen.recipients
    wraps = [wrap(seen.secret, row.device, row.box_pk) for row in found]
    return equal(_wraps_root(found, wraps), seen.rotate.wraps_root)


def _check_shares(seen: _Seen) -> bool:
    if not seen.rotate.escrow:
        return True
    holders, shares = _shares_at(seen)
    return equal(_shares_root(holders, shares), seen.rotate.body["shares_root"])


def _shares_at(seen: _Seen) -> tuple[Sequence[ShareHolder], list[bytes]]:
    """Who holds shares by the audit set of the rotate, and their wraps."""
    version = seen.rotate.audit_version
    audit = next(audit for audit in seen.state.audits if audit.version == version)
    holders = share_holders(replace(seen.state, audit=audit), seen.directory)
    return holders, _share_wraps(seen.secret, audit, holders)


def _expect_good(state: OperationState, chan: ChannelId, previous: EpochSecret) -> None:
    """An epoch whose commitments are false is never linked: nobody could follow (RULES Epochs)."""
    context = previous.context
    before = state.channels[chan].epochs.get(context.n)
    if before is not None and (context.log, context.chan) == (state.id16, chan):
        found = (context, previous.commit, previous.close_commit)
        if found == (context_at(state, chan, context.n), before.commit, before.close_commit):
            return
    raise ProtocolError(
        ErrorCode.BAD_EPOCH_LINK, "the previous epoch is not a good one of this channel"
    )


def _share_wraps(
    secret: EpochSecret, audit: AuditSet, holders: Iterable[ShareHolder]
) -> list[bytes]:
    shares = shares_of(secret, audit.k, len(audit.persons))
    return [wrap_share(secret, shares[row.x - 1], row.device, row.box_pk) for row in holders]


def _wraps_root(found: Iterable[Recipient], wraps: Iterable[bytes]) -> bytes:
    rows = zip(found, wraps, strict=True)
    return wraps_root((DeviceId(row.device), row.box_pk, sha256(w)) for row, w in rows)


def _shares_root(holders: Iterable[ShareHolder], shares: Iterable[bytes]) -> bytes:
    rows = zip(holders, shares, strict=True)
    return shares_root((row.x, row.device, row.box_pk, sha256(w)) for row, w in rows)
