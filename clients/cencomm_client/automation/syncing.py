"""Whether a revocation that the operation has not named yet touches a member (DESIGN 3).

The directory enters an operation only through sizes named in its log. Until `directory.sync`
is in, nothing is sealed: it would be wrapped to, or valid for, somebody who is out (A3). A new
governance root is named too, so that the keys before it can call nothing lost any more (A50).
"""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.rights import READING

from cencomm_client.automation.standing import Standing
from cencomm_client.automation.timing import Timing


@dataclass(frozen=True, slots=True)
class SyncDue:
    """`directory.sync` is to be posted; `devices` are those that went out."""

    devices: tuple[DeviceId, ...]
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("sync", *self.devices)


def gone(standing: Standing, named: DirectoryState) -> tuple[DeviceId, ...]:
    """Devices of members that were active at the control watermark (`named`) and no longer are."""
    newest = standing.directory
    if newest.removals == named.removals:
        return ()
    return tuple(
        sorted(
            device.id
            for person in standing.state.members
            for device in named.active_devices(person)
            if not newest.active(device.id)
        )
    )


def sync_due(standing: Standing, named: DirectoryState, timing: Timing) -> SyncDue | None:
    """What to post, if anything; None also for those who may not post control entries."""
    if standing.role not in READING or standing.state.ended(standing.now):
        return None
    devices = gone(standing, named)
    replaced = standing.directory.governance.is_another_than(named.governance)
    return SyncDue(devices, timing.react_s) if devices or replaced else None
