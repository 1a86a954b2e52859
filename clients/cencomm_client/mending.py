"""Brings back the wraps that a restored server lost beside rotates and grants (A50, ADR 0025).

They are in no log. Who holds an epoch computes all of its wraps anew, byte for byte, and the
server takes only what the entry committed to.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.grant import make_grant
from cencomm_crypto.member.rotation import wraps_beside
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId, DeviceId
from cencomm_crypto.public.wire import Sequenced, Submission

from cencomm_client.errors import Refused
from cencomm_client.station import Station
from cencomm_client.view import OperationView


async def bring_wraps(station: Station, view: OperationView, start: int) -> None:
    """For every rotate and grant from seq `start` on whose epoch this device holds.

    Raises TransportError; what the server refuses is left to others.
    """
    rejected = station.mirror.rejected(view.log)
    found = [
        (item, item.entry)
        for item in station.mirror.items(view.log, start)
        if item.seq not in rejected
        and item.entry is not None
        and item.entry.header.type in ("channel.rotate", "channel.grant")
    ]
    for item, entry in found:
        with suppress(Refused, ProtocolError):
            submission = await asyncio.to_thread(_computed, station, view, item, entry)
            if submission is not None:
                await station.transport.bring_wraps(view.log, submission)


def _computed(
    station: Station, view: OperationView, item: Sequenced, entry: Entry
) -> Submission | None:
    """The entry with what belongs beside it; None where this device does not hold the epoch."""
    state, chan, body = view.state, ChannelId(item.scope), entry.body
    if body is None or chan not in state.channels:
        return None
    epochs = state.channels[chan].epochs
    if entry.header.type == "channel.grant":
        secret = view.keyring.secret(state, chan, body["n"])
        if secret is None:
            return None
        _, wrap = make_grant(secret, DeviceId(body["device"]), body["box_pk"])
        return Submission.of(entry, wrap)
    epoch = epochs.get(entry.header.epoch or 0)
    if epoch is None or epoch.seq != item.seq:
        return None
    secret = view.keyring.secret(state, chan, epoch.n)
    if secret is None:
        return None
    directory = station.mirror.directory.at(epoch.watermark)
    return Submission.of(entry, *wraps_beside(epoch, state, directory, secret))
