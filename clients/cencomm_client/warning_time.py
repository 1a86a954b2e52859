"""Until when warnings are written: after LIVE come late reports, no new warnings (DESIGN 5).

A client rule: what kind a message is stands sealed, so no rule of the log can ask for it. This
client writes none; what another wrote all the same is valid, and flagged for every reader. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.phases import Phase

from cencomm_client.errors import NoNewWarnings
from cencomm_client.kinds import WARNING

WOUND_DOWN = (Phase.POST, Phase.DEBRIEF)


def expect_in_time(state: OperationState, kind: str) -> None:
    """Raise NoNewWarnings for a warning after LIVE, one made of a hit or a message too."""
    if kind == WARNING and state.phase in WOUND_DOWN:
        raise NoNewWarnings(
            f"a warning in phase {state.phase}: until the end of live expected. What came late is"
            " reported as a message, a seizure or a notable detection"
        )


def ends_warnings(type_: str, body: Mapping[str, Any]) -> bool:
    """Whether an accepted control entry is the one after which no warnings are written."""
    return type_ == "phase.set" and body.get("phase") == Phase.POST
