"""Real epochs on an OperationBuilder: every rotate is made by `make_rotation` and kept.

epochs = Epochs(operation)
epochs.rotate(work)                       # by the creator, linking the current epoch
epochs.opened(work, 1, phone)             # what a device gets from its wrap of epoch 1
epochs.forge(work, wraps_root=bytes(32))  # a rotate that passes the public rules only
"""

from __future__ import annotations

from typing import Any

from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.grant import make_grant, open_grant
from cencomm_crypto.member.links import context_at
from cencomm_crypto.member.rotation import Rotation, check_rotation, make_rotation
from cencomm_crypto.member.wrap import WRAP_SIZE, open_wrap
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Epoch
from cencomm_crypto.public.operation.recipients import share_holders

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.operation import OperationBuilder

LATEST: Any = object()


class Epochs:
    """The epochs of an operation with all their secrets, and the wraps that a server stores."""

    def __init__(self, operation: OperationBuilder) -> None:
        self.operation = operation
        self.made: dict[tuple[ChannelId, int], Rotation] = {}
        self.granted: dict[tuple[ChannelId, int, bytes], tuple[dict[str, Any], bytes]] = {}

    def prepare(self, chan: ChannelId, previous: EpochSecret | None = LATEST) -> Rotation:
        """A rotation of the present state; by default it links the current epoch."""
        state = self.operation.state
        if previous is LATEST:
            n = state.channels[chan].epoch
            previous = self.made[chan, n].secret if n else None
        return make_rotation(
            state, chan, self.operation.directory.state, self.operation.draw(), previous
        )

    def rotate(
        self,
        chan: ChannelId,
        by: HeldDevice | HeldPerson | None = None,
        previous: EpochSecret | None = LATEST,
        **forged: Any,
    ) -> EpochSecret:
        """Append a rotate; `forged` replaces fields of its body. Gives its true secret."""
        rotation = self.prepare(chan, previous)
        body = {**rotation.body, **forged}
        entry = self.operation.author(
            "channel.rotate", body, by or self.operation.creator, chan=chan, epoch=rotation.n
        )
        self.operation.append(entry)
        self.made[chan, rotation.n] = rotation
        return rotation.secret

    def epoch(self, chan: ChannelId, n: int) -> Epoch:
        """The epoch as the log has it."""
        return self.operation.state.channels[chan].epochs[n]

    def directory_at(self, epoch: Epoch) -> DirectoryState:
        """The directory at which its recipients were computed."""
        return self.operation.directory.log.at(epoch.watermark)

    def check(
        self, chan: ChannelId, n: int, secret: EpochSecret, previous: EpochSecret | None = None
    ) -> None:
        """check_rotation as a member that holds `secret` does it."""
        epoch = self.epoch(chan, n)
        check_rotation(epoch, self.operation.state, self.directory_at(epoch), secret, previous)

    def wrap_of(self, chan: ChannelId, n: int, device: HeldDevice) -> bytes | None:
        """What the server hands to a device: its own 112 bytes, None if it is no recipient."""
        epoch = self.epoch(chan, n)
        if device.id not in epoch.recips:
            return None
        start = epoch.recips.index(device.id) * WRAP_SIZE
        return self.made[chan, n].wraps[start : start + WRAP_SIZE]

    def opened(self, chan: ChannelId, n: int, device: HeldDevice) -> EpochSecret:
        """E as the device opens it from its wrap or grant; raises ProtocolError."""
        context = context_at(self.operation.state, chan, n)
        commit = self.epoch(chan, n).commit
        if (chan, n, device.id) in self.granted:
            body, w = self.granted[chan, n, device.id]
            return open_grant(body, w, device.box, context, commit)
        return open_wrap(self.wrap_of(chan, n, device) or b"", device.box, context, commit)

    def grant(
        self, chan: ChannelId, n: int, device: HeldDevice, by: HeldDevice | HeldPerson | None = None
    ) -> None:
        """Append a grant of epoch `n` to a device."""
        body, w = make_grant(self.made[chan, n].secret, device.id, device.box.public)
        self.operation.append(
            self.operation.current("channel.grant", body, chan, by or self.operation.creator)
        )
        self.granted[chan, n, device.id] = body, w

    def shares_for(self, chan: ChannelId, n: int, person: HeldPerson) -> list[tuple[int, bytes]]:
        """Place and share wrap of each device of an auditor, as the server hands them out."""
        epoch = self.epoch(chan, n)
        holders = share_holders(self.operation.state, self.directory_at(epoch))
        wraps = self.made[chan, n].shares
        return [
            (row.x, wraps[place * WRAP_SIZE : (place + 1) * WRAP_SIZE])
            for place, row in enumerate(holders)
            if row.person == person.id
        ]
