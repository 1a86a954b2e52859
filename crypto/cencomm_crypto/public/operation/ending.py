"""Rules of the operation's course by one hand: phases, suspension, end, hold, versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, ProtocolError, RuleViolation
from cencomm_crypto.public.operation.act import Act, bad_value, next_phase
from cencomm_crypto.public.operation.decisions import closed
from cencomm_crypto.public.operation.genesis import RULES
from cencomm_crypto.public.operation.state import Hold, OperationState
from cencomm_crypto.public.phases import OVER, SETS, Phase, PhaseEvent
from cencomm_crypto.public.rights import Role


def _set_phase(state: OperationState, act: Act) -> OperationState:
    event = SETS.get(act.body["phase"])
    if event is None:
        raise RuleViolation(ErrorCode.WRONG_PHASE, "no way leads back to draft")
    phase = next_phase(state, event, act.at)
    # the window spans PREP to DEBRIEF, and LIVE has its own (DESIGN 5)
    first, last = state.live if phase is Phase.LIVE else state.window
    if act.at < first or (phase is Phase.LIVE and act.at > last):
        raise RuleViolation(
            ErrorCode.OUT_OF_WINDOW, f"{phase} at {act.at}; between {first} and {last} expected"
        )
    return replace(state, phase=phase)


def _cancel(state: OperationState, act: Act) -> OperationState:
    if act.person.id != state.author:
        raise RuleViolation(ErrorCode.NOT_PERMITTED, "its creator alone cancels an operation")
    return closed(state, act, PhaseEvent.CANCEL)


def _suspend(state: OperationState, act: Act) -> OperationState:
    phase = next_phase(state, PhaseEvent.SUSPEND, act.at)
    return replace(state, phase=phase, interrupted=state.phase)


def _close(state: OperationState, act: Act) -> OperationState:
    """Says in the log what time has done already; before that two coordinators close."""
    if state.phase in OVER:
        raise RuleViolation(ErrorCode.CLOSED, "the operation was closed before")
    return replace(state, phase=Phase.CLOSED, interrupted=None, closed_at=act.at)


def _hold(state: OperationState, act: Act) -> OperationState:
    if state.role_of(act.person.id) is Role.NCP and not act.person.ncp:
        raise RuleViolation(
            ErrorCode.NOT_PERMITTED, f"{act.person.code} is no longer NCP of its administration"
        )
    hold = Hold(act.leaf, act.seq, act.at, act.person.id, act.person.admin, str(act.body["reason"]))
    return replace(state, holds=state.holds.insert(act.leaf, hold))


def _raise_rules(state: OperationState, act: Act) -> OperationState:
    """A version that this code does not know stops the reader; it never skips (DESIGN 3 Skew)."""
    rules = act.body["rules"]
    if rules <= state.rules:
        raise bad_value(f"rules {rules} read, more than {state.rules} expected")
    if rules > RULES:
        raise ProtocolError(
            ErrorCode.UNKNOWN_VERSION, f"rules {rules} are not known here, at most {RULES}"
        )
    return replace(state, rules=rules)


ENDING_RULES: Mapping[str, Callable[[OperationState, Act], OperationState]] = MappingProxyType(
    {
        "phase.set": _set_phase,
        "operation.cancel": _cancel,
        "operation.suspend": _suspend,
        "operation.close": _close,
        "hold": _hold,
        "rules.raise": _raise_rules,
    }
)
