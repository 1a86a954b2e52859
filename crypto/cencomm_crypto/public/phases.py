"""Life-cycle of an operation as data (DESIGN 5): two enums, one table, one pure step.

A later phase is a row here, not a code path elsewhere. The table's version stands in the
genesis of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from cencomm_crypto.public.bodies import CHANNEL_TYPES, CONTROL_TYPES, GENESIS_TYPES

PHASES_VERSION = 1


class Phase(StrEnum):
    """Where an operation stands."""

    DRAFT = "draft"
    PREP = "prep"
    LIVE = "live"
    POST = "post"  # late reports; no new warnings is a client rule
    DEBRIEF = "debrief"
    SUSPENDED = "suspended"
    CLOSED = "closed"  # read-only
    ERASED = "erased"


class PhaseEvent(StrEnum):
    """What moves an operation."""

    PREPARE = "prepare"
    GO_LIVE = "go-live"
    WIND_DOWN = "wind-down"
    DEBRIEF = "debrief"
    SUSPEND = "suspend"
    RESUME = "resume"
    CLOSE = "close"
    CANCEL = "cancel"
    ERASE = "erase"


RUNNING = (Phase.DRAFT, Phase.PREP, Phase.LIVE, Phase.POST, Phase.DEBRIEF)
OVER = frozenset({Phase.CLOSED, Phase.ERASED})

TRANSITIONS: Mapping[tuple[Phase, PhaseEvent], Phase] = MappingProxyType(
    {
        (Phase.DRAFT, PhaseEvent.PREPARE): Phase.PREP,
        (Phase.PREP, PhaseEvent.GO_LIVE): Phase.LIVE,
        (Phase.LIVE, PhaseEvent.WIND_DOWN): Phase.POST,
        (Phase.POST, PhaseEvent.DEBRIEF): Phase.DEBRIEF,
        (Phase.DRAFT, PhaseEvent.CANCEL): Phase.CLOSED,
        **{(phase, PhaseEvent.SUSPEND): Phase.SUSPENDED for phase in RUNNING},
        **{(phase, PhaseEvent.CLOSE): Phase.CLOSED for phase in (*RUNNING, Phase.SUSPENDED)},
        (Phase.CLOSED, PhaseEvent.ERASE): Phase.ERASED,
    }
)

# body of phase.set -> the event that it asks for; no way leads back to draft
SETS: Mapping[str, PhaseEvent] = MappingProxyType(
    {
        "prep": PhaseEvent.PREPARE,
        "live": PhaseEvent.GO_LIVE,
        "post": PhaseEvent.WIND_DOWN,
        "debrief": PhaseEvent.DEBRIEF,
    }
)


def step(phase: Phase, event: PhaseEvent, interrupted: Phase | None = None) -> Phase | None:
    """The phase after `event`, or None where the table has no such row.

    A suspended operation resumes in the phase that the suspension interrupted.
    """
    if phase is Phase.SUSPENDED and event is PhaseEvent.RESUME:
        return interrupted
    return TRANSITIONS.get((phase, event))


ONLY_AFTER_CLOSE = frozenset(
    {
        "operation.close",  # before the end a close needs two coordinators: close.propose
        "audit.request",
        "audit.grant",
        "audit.report",
        "erase.propose",
        "erase.approve",
    }
)
_ONLY_SUSPENDED = frozenset({"resume.propose", "resume.approve"})
_CONTROL = CONTROL_TYPES - GENESIS_TYPES - ONLY_AFTER_CLOSE - _ONLY_SUSPENDED - {"operation.cancel"}
_ALIVE = _CONTROL | CHANNEL_TYPES

ALLOWED_TYPES: Mapping[Phase, frozenset[str]] = MappingProxyType(
    {
        Phase.DRAFT: _CONTROL | {"operation.cancel"},
        Phase.PREP: _ALIVE,
        Phase.LIVE: _ALIVE,
        Phase.POST: _ALIVE,
        Phase.DEBRIEF: _ALIVE,
        Phase.SUSPENDED: (_CONTROL - {"phase.set", "operation.suspend"})
        | _ONLY_SUSPENDED
        | {"channel.rotate", "channel.grant"},
        Phase.CLOSED: ONLY_AFTER_CLOSE
        | {
            "channel.close",
            "channel.reveal",
            "release",
            "release.receipt",
            "hold",
            "unhold.propose",
            "unhold.approve",
            "log.restored",
        },
        Phase.ERASED: frozenset({"release.receipt", "log.restored"}),
    }
)
