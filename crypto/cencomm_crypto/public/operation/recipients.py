"""Who gets an epoch's secret, and whether the present epoch still fits (PROTOCOL 7.6).

Functions of signed entries alone: the same in the server, which checks a rotate, and in the
member that makes one (A1).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ChannelId, DeviceId, PersonId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tree import root_of


class Recipient(NamedTuple):
    """A device that a rotate is wrapped to; sorts by device id."""

    device: DeviceId
    box_pk: bytes
    person: PersonId


class ShareHolder(NamedTuple):
    """A device of the auditor in place `x`; sorts by (x, device id)."""

    x: int
    device: DeviceId
    box_pk: bytes
    person: PersonId


class Reason(StrEnum):
    """Why no message or drop is valid before the next rotate."""

    OPEN = "open"  # no epoch yet
    REMOVAL = "removal"  # somebody left the channel
    REVOCATION = "revocation"  # a device was revoked, a person or administration suspended
    AUDIT = "audit"  # the audit set changed
    RESTORED = "restored"  # a restore from backup lost an entry of the channel


def recipients(
    state: OperationState, chan: ChannelId, directory: DirectoryState
) -> tuple[Recipient, ...]:
    """All recipients of a channel, in order of device id."""
    channel = state.channels[chan]
    found = [
        Recipient(device.id, device.box_pk, person)
        for person in state.members
        if state.in_channel(person, channel)
        for device in state.eligible_devices(person, directory)
        if device.revoked is None
    ]
    found.sort()
    return tuple(found)


def recipient(
    state: OperationState, chan: ChannelId, directory: DirectoryState, device: DeviceId
) -> Recipient | None:
    """The device as a recipient of the channel, or None."""
    if _no_recipient(state, state.channels[chan], directory, device) is not None:
        return None
    found = directory.devices[device]
    return Recipient(device, found.box_pk, found.person)


def share_holders(state: OperationState, directory: DirectoryState) -> tuple[ShareHolder, ...]:
    """Every active device of every auditor, in order of (x, device id)."""
    return tuple(
        sorted(
            ShareHolder(x, device.id, device.box_pk, person)
            for x, person in enumerate(state.audit.persons, start=1)
            for device in directory.active_devices(person)
        )
    )


def recips_hash(found: Iterable[Recipient]) -> bytes:
    """H(device id || box_pk of each); 32 bytes."""
    return sha256(*(part for row in found for part in (row.device, row.box_pk)))


def wraps_root(rows: Iterable[tuple[DeviceId, bytes, bytes]]) -> bytes:
    """Root over device id || box_pk || H(w), rows in order of device id."""
    return root_of([device + box_pk + wrap_hash for device, box_pk, wrap_hash in rows])


def shares_root(rows: Iterable[tuple[int, DeviceId, bytes, bytes]]) -> bytes:
    """Root over device id || box_pk || H(w), rows in order of (x, device id)."""
    return wraps_root((device, box_pk, wrap_hash) for _, device, box_pk, wrap_hash in rows)


def pending_rotation(
    state: OperationState, chan: ChannelId, directory: DirectoryState
) -> Reason | None:
    """Why no message or drop is valid in the channel now; None if one is (A3, A19).

    Constant time unless somebody left an operation or lost a device since the last look, which
    the two counters of `Channel.fresh` tell.
    """
    channel = state.channels[chan]
    epoch = channel.current
    if epoch is None:
        return Reason.OPEN
    if channel.lost:
        return Reason.RESTORED
    if epoch.audit_version != state.audit.version:
        return Reason.AUDIT
    if channel.fresh == freshness(state, directory):
        return None
    present = {row.device for row in recipients(state, chan, directory)}
    for devices in (epoch.recips, epoch.grants):
        for device in devices:
            if device not in present:
                return _no_recipient(state, channel, directory, device)
    return None


def freshness(state: OperationState, directory: DirectoryState) -> tuple[int, int]:
    """Two counters: while neither moves, nobody stops being a recipient."""
    return directory.removals, state.leavings


def _no_recipient(
    state: OperationState, channel: Channel, directory: DirectoryState, device: DeviceId
) -> Reason | None:
    """Why the device is no recipient; None if it is one."""
    if not directory.active(device):
        return Reason.REVOCATION
    person = directory.devices[device].person
    if state.in_channel(person, channel) and state.eligible(device, directory):
        return None
    return Reason.REMOVAL
