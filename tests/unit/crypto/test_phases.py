"""An operation goes one way through its phases, and each phase takes what it should (DESIGN 5)."""

from __future__ import annotations

import pytest
from cencomm_crypto.public.bodies import CHANNEL_TYPES, CONTROL_TYPES
from cencomm_crypto.public.phases import (
    ALLOWED_TYPES,
    OVER,
    RUNNING,
    SETS,
    TRANSITIONS,
    Phase,
    PhaseEvent,
    step,
)

ROWS = {
    (Phase.DRAFT, PhaseEvent.PREPARE): Phase.PREP,
    (Phase.DRAFT, PhaseEvent.CANCEL): Phase.CLOSED,
    (Phase.PREP, PhaseEvent.GO_LIVE): Phase.LIVE,
    (Phase.LIVE, PhaseEvent.WIND_DOWN): Phase.POST,
    (Phase.POST, PhaseEvent.DEBRIEF): Phase.DEBRIEF,
    (Phase.DRAFT, PhaseEvent.SUSPEND): Phase.SUSPENDED,
    (Phase.PREP, PhaseEvent.SUSPEND): Phase.SUSPENDED,
    (Phase.LIVE, PhaseEvent.SUSPEND): Phase.SUSPENDED,
    (Phase.POST, PhaseEvent.SUSPEND): Phase.SUSPENDED,
    (Phase.DEBRIEF, PhaseEvent.SUSPEND): Phase.SUSPENDED,
    (Phase.DRAFT, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.PREP, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.LIVE, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.POST, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.DEBRIEF, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.SUSPENDED, PhaseEvent.CLOSE): Phase.CLOSED,
    (Phase.CLOSED, PhaseEvent.ERASE): Phase.ERASED,
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", PhaseEvent)
def test_each_pair_of_phase_and_event_leads_where_the_table_says(
    phase: Phase, event: PhaseEvent
) -> None:
    assert step(phase, event) == ROWS.get((phase, event))


@pytest.mark.parametrize("phase", RUNNING)
def test_a_suspended_operation_resumes_where_it_was_interrupted(phase: Phase) -> None:
    assert step(Phase.SUSPENDED, PhaseEvent.RESUME, phase) is phase


def test_only_a_suspended_operation_resumes() -> None:
    for phase in set(Phase) - {Phase.SUSPENDED}:
        assert step(phase, PhaseEvent.RESUME, Phase.LIVE) is None


def test_nothing_leads_out_of_erased_and_only_erasure_out_of_closed() -> None:
    assert {(old, new) for (old, _), new in TRANSITIONS.items() if old in OVER} == {
        (Phase.CLOSED, Phase.ERASED)
    }


def test_phase_set_never_asks_for_draft_or_an_end() -> None:
    assert set(SETS) == {"prep", "live", "post", "debrief"}


def test_every_phase_has_its_list_of_known_types() -> None:
    assert set(ALLOWED_TYPES) == set(Phase)
    for allowed in ALLOWED_TYPES.values():
        assert allowed <= CONTROL_TYPES | CHANNEL_TYPES


def test_a_draft_takes_no_entry_of_a_channel() -> None:
    assert not ALLOWED_TYPES[Phase.DRAFT] & CHANNEL_TYPES


def test_a_suspended_operation_takes_rotates_and_grants_alone_of_a_channels_entries() -> None:
    assert ALLOWED_TYPES[Phase.SUSPENDED] & CHANNEL_TYPES == {"channel.rotate", "channel.grant"}


def test_a_closed_operation_takes_nothing_sealed() -> None:
    assert ALLOWED_TYPES[Phase.CLOSED] & CHANNEL_TYPES == {"channel.close", "channel.reveal"}
