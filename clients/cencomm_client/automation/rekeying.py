"""When an old box key may go after `device.rekey` (DESIGN 3): nothing is wrapped to it any more,
and nothing that was is still outside the vault."""

from __future__ import annotations

from cencomm_client.automation.standing import Standing


def passed(standing: Standing, *, missing: bool) -> bool:
    """Whether this operation needs the device's earlier box keys no more.

    `missing`: some epoch that was wrapped to this device is not in the vault yet. An auditor
    keeps its keys: its shares are opened only when it acts (RULES Shares).
    """
    state, device = standing.state, standing.directory.device(standing.device)
    if device is None or missing or state.was_auditor(standing.person):
        return False
    if device.rekeyed is None or state.ended(max(state.at, standing.now)):
        return True
    if state.role_of(standing.person) is None:
        return True  # no member: nothing new is wrapped to any key of this device
    channels = list(state.channels_of(standing.person))
    marks = [state.watermark, *(state.watermark_of(channel) for channel in channels)]
    return min(marks) > device.rekeyed
