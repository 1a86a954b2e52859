"""Which results are to be sealed back to bots: what people made of a hit (PROTOCOL 8.11, DRR-4).

Who decided posts at once; the others wait, so that a client that went away meanwhile is not missed
and one decision costs one result. A dismissal's reason is free text and stays in the operation:
what leaves it towards a national system would be a release.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cencomm_crypto.public.ids import ChannelId, DeviceId
from cencomm_crypto.public.operation.results import result_place
from cencomm_crypto.public.rights import SENDING

from cencomm_client.automation.rotation import authoring_open
from cencomm_client.automation.standing import Standing
from cencomm_client.automation.timing import Timing
from cencomm_client.triage import DECIDED, Triaged


@dataclass(frozen=True, slots=True)
class ResultDue:
    """`outcome` of `drop` is to be sealed to the device that made it."""

    chan: ChannelId
    drop: bytes
    device: DeviceId
    outcome: str
    wait_s: tuple[float, float]

    @property
    def key(self) -> tuple[object, ...]:
        return ("result", self.chan, self.drop, self.device)


def results_due(
    standing: Standing, hits: Iterable[Triaged], timing: Timing
) -> tuple[ResultDue, ...]:
    """One for each decided hit whose device has no result yet, in the log's order.

    None where metadata are minimal: who reads the log would learn which hits were decided.
    """
    state, directory = standing.state, standing.directory
    if standing.role not in SENDING or state.genesis["metadata"] == "minimal":
        return ()
    due: list[ResultDue] = []
    for one in hits:
        if one.outcome is None:
            continue
        channel, drop = state.channels[one.hit.channel], one.hit.place.leaf
        device = one.hit.author.device
        if drop not in channel.drops or result_place(drop, device) in channel.answered:
            continue
        if not directory.active(device) or not state.eligible(device, directory):
            continue  # nobody could take it any more
        if not state.in_channel(standing.person, channel):
            continue
        if not authoring_open(standing, channel, "drop.result"):
            continue
        own = one.outcome.entry.author.device == standing.device
        wait_s = (0.0, 0.0) if own else timing.result_s
        outcome = DECIDED[one.outcome.decision]
        due.append(ResultDue(channel.id, drop, device, outcome, wait_s))
    return tuple(due)
