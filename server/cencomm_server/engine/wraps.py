"""Wraps beside rotates and grants: checked against what the entry committed to, kept, handed out.

The server can open none of them; it holds count, order and hashes (PROTOCOL ROT-3, GRA-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, DeviceId
from cencomm_crypto.public.operation.channel import Epoch
from cencomm_crypto.public.operation.recipients import (
    ShareHolder,
    share_holders,
    shares_root,
    wraps_root,
)
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import equal, sha256
from cencomm_crypto.public.wire import Submission

from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.store.port import LogStore

WRAP_BYTES = 112


@dataclass(frozen=True, slots=True)
class OwnWraps:
    """What was wrapped to one device in one epoch; `shares` are (x, wrap) of an auditor."""

    wrap: bytes | None
    shares: tuple[tuple[int, bytes], ...]


def check_wraps(
    submission: Submission, entry: Entry, after: OperationState, directory: DirectoryState
) -> None:
    """Hold what travels beside an entry against the entry; call with the state that it gave.

    `directory` is the directory at the entry's watermark. Raises ProtocolError: BAD_COUNT for
    another number of wraps, BAD_COMMIT for other wraps, MALFORMED where none belong.
    """
    if entry.header.type == "channel.rotate":
        _check_rotate(submission, _epoch_of(entry, after), after, directory)
    elif entry.header.type == "channel.grant":
        _expect_nothing(submission.shares, "share wraps")
        if len(submission.wraps) != WRAP_BYTES:
            raise _bad_count(len(submission.wraps), 1, "wraps")
        if entry.body is None or not equal(sha256(submission.wraps), entry.body["wrap"]):
            raise _bad_commit("the wrap is not the one whose hash the grant names")
    else:
        expect_no_wraps(submission)


def expect_no_wraps(submission: Submission) -> None:
    """Raise MALFORMED if wraps travel beside an entry that has none."""
    _expect_nothing(submission.wraps, "wraps")
    _expect_nothing(submission.shares, "share wraps")


async def keep_wraps(
    store: LogStore, runtime: OperationRuntime, submission: Submission, entry: Entry
) -> None:
    """Store checked wraps before their entry is written (DESIGN 3 Wrap)."""
    header, body = entry.header, entry.body
    if header.chan is None or body is None:
        return
    log = runtime.log_id
    if header.type == "channel.rotate" and header.epoch is not None:
        await store.put_wraps(
            log, header.chan, header.epoch, entry.inner, submission.wraps, submission.shares
        )
    elif header.type == "channel.grant":
        device = DeviceId(body["device"])
        await store.put_grant(log, header.chan, body["n"], entry.inner, device, submission.wraps)


async def own_wraps(
    store: LogStore, runtime: OperationRuntime, device: DeviceId, chan: ChannelId, n: int
) -> OwnWraps:
    """The wrap and share wraps of epoch `n` for one device, nobody else's.

    Raises ProtocolError: UNKNOWN_CHANNEL, WRONG_EPOCH.
    """
    state = runtime.state
    channel = None if state is None else state.channels.get(chan)
    if state is None or channel is None:
        raise ProtocolError(ErrorCode.UNKNOWN_CHANNEL, f"no channel {chan.hex()} in this log")
    epoch = channel.epochs.get(n)
    if epoch is None:
        raise ProtocolError(ErrorCode.WRONG_EPOCH, f"no epoch {n} in this channel")
    holders = _holders(state, epoch, runtime.directory.at(epoch.watermark))
    places = [place for place, holder in enumerate(holders) if holder.device == device]
    listed = device in epoch.recips
    granted = epoch.grants.get(device)
    wrap, shares = None, list[tuple[int, bytes]]()
    inner = runtime.wrapped_by(epoch.seq)
    if inner is not None and (places or (listed and granted is None)):
        kept = await store.wraps(runtime.log_id, chan, n, inner)
        if kept is not None:
            shares = [(holders[place].x, _nth(kept.shares, place)) for place in places]
            if listed and granted is None:
                wrap = _nth(kept.wraps, epoch.recips.index(device))
    if granted is not None:
        for grant in await store.grants(runtime.log_id, chan, n, device):
            if equal(sha256(grant.wrap), granted):
                wrap = grant.wrap
    return OwnWraps(wrap, tuple(shares))


def _check_rotate(
    submission: Submission, epoch: Epoch, after: OperationState, directory: DirectoryState
) -> None:
    wraps = _split(submission.wraps, len(epoch.recips), "wraps")
    rows = [
        (device, directory.devices[device].box_pk, sha256(wrap))
        for device, wrap in zip(epoch.recips, wraps, strict=True)
    ]
    if not equal(wraps_root(rows), epoch.wraps_root):
        raise _bad_commit("the wraps do not rebuild the rotate's wraps_root")
    if not epoch.escrow:
        _expect_nothing(submission.shares, "share wraps")
        return
    holders = _holders(after, epoch, directory)
    shares = _split(submission.shares, len(holders), "share wraps")
    root = shares_root(
        [
            (holder.x, holder.device, holder.box_pk, sha256(share))
            for holder, share in zip(holders, shares, strict=True)
        ]
    )
    if not equal(root, epoch.body["shares_root"]):
        raise _bad_commit("the share wraps do not rebuild the rotate's shares_root")


def _epoch_of(entry: Entry, state: OperationState) -> Epoch:
    if entry.header.chan is None or entry.header.epoch is None:
        raise ProtocolError(ErrorCode.MALFORMED, "a rotate names its channel and epoch")
    return state.channels[entry.header.chan].epochs[entry.header.epoch]


def _holders(
    state: OperationState, epoch: Epoch, directory: DirectoryState
) -> tuple[ShareHolder, ...]:
    """Who holds shares of an epoch: by the audit set and the directory of its rotate."""
    if not epoch.escrow:
        return ()
    return share_holders(replace(state, audit=state.audits[epoch.audit_version - 1]), directory)


def _split(wraps: bytes, count: int, what: str) -> Sequence[bytes]:
    if len(wraps) != WRAP_BYTES * count:
        raise _bad_count(len(wraps), count, what)
    return [_nth(wraps, place) for place in range(count)]


def _nth(wraps: bytes, place: int) -> bytes:
    return wraps[WRAP_BYTES * place : WRAP_BYTES * (place + 1)]


def _expect_nothing(wraps: bytes, what: str) -> None:
    if wraps:
        raise ProtocolError(ErrorCode.MALFORMED, f"{len(wraps)} bytes of {what} where none belong")


def _bad_count(size: int, count: int, what: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.BAD_COUNT, f"{size} bytes of {what}, {count} of {WRAP_BYTES} bytes expected"
    )


def _bad_commit(detail: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_COMMIT, detail)
