"""What this device forgets of an operation once its rules let bodies go (DESIGN 3 Erasure).

Bodies of messages leave the replica, their epoch secrets the vault, names and texts this process.
Headers, control entries and hashes stay, so the log verifies and replays as before. Evidence that
was kept against the server stays too: sealed bytes, without a key. What people copied is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_crypto.public.operation.views import erasable

from cencomm_client.sealing import drop_key_note
from cencomm_client.station import Station
from cencomm_client.view import OperationView


@dataclass(frozen=True, slots=True)
class ForgetDue:
    """Bodies and secrets of this operation are to be forgotten here."""

    wait_s: tuple[float, float] = (0.0, 0.0)

    @property
    def key(self) -> tuple[object, ...]:
        return ("forget",)


def may_forget(station: Station, view: OperationView) -> bool:
    """Whether the verified log lets bodies go. A date has to have come by own clock and by what the
    server has dated since: a clock that is wrong destroys no evidence.

    Read on before, where there is a date: a hold may have come meanwhile.
    """
    state = view.state
    dated = max(state.at, station.directory.at)
    return erasable(state, min(station.now(), dated))


def forget_due(station: Station, view: OperationView) -> bool:
    """Whether there may be something that this process has not forgotten yet."""
    return not view.forgotten and may_forget(station, view)


def forget(station: Station, view: OperationView) -> int:
    """Forget; how many bodies went. Again is fine; a crash in between is made good next time.

    Secrets first: what a crash leaves of the bodies cannot be opened any more.
    """
    vault, log = station.vault, view.log
    for channel in view.state.channels.values():
        for n in tuple(vault.epoch_secrets(log, channel.id)):
            view.keyring.forget(channel.id, n)
    for item in vault.outbox(log):  # a drop that never left: its key would open it still
        vault.drop_note(drop_key_note(item.id))
    vault.save()
    bodies = station.mirror.forget_bodies(log)
    view.forget()
    return bodies
