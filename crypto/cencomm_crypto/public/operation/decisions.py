"""Rules of what two administrations decide: `X.propose`, then `X.approve {leaf hash}` (DESIGN 4).

What a decision does is judged against the state at the propose, so that an author hears at once,
and again, with effect, at the approve (A55).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, RuleViolation
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.operation.act import (
    Act,
    bad_value,
    expect_active,
    expect_right,
    expect_window,
    known_channel,
    next_phase,
    unknown_reference,
)
from cencomm_crypto.public.operation.audit_set import read_audit_set
from cencomm_crypto.public.operation.channel import Channel, Window
from cencomm_crypto.public.operation.state import OperationState, Proposal
from cencomm_crypto.public.phases import PhaseEvent

PROPOSAL_LIFE_MS = 72 * 3_600_000

Effect = Callable[[OperationState, Act, Mapping[str, Value]], OperationState]


def _propose(state: OperationState, act: Act) -> OperationState:
    subject = act.type.removesuffix(".propose")
    EFFECTS[subject](state, act, act.body)
    proposal = Proposal(
        leaf=act.leaf,
        subject=subject,
        seq=act.seq,
        at=act.at,
        device=act.device.id,
        person=act.person.id,
        admin=act.person.admin,
        body=act.body,
    )
    return replace(state, proposals=state.proposals.insert(act.leaf, proposal))


def _approve(state: OperationState, act: Act) -> OperationState:
    subject = act.type.removesuffix(".approve")
    proposal = state.proposals.get(act.body["proposal"])
    if proposal is None or proposal.subject != subject:
        raise RuleViolation(
            ErrorCode.UNKNOWN_PROPOSAL, f"no {subject}.propose {act.body['proposal'].hex()} here"
        )
    if proposal.spent:
        raise RuleViolation(ErrorCode.PROPOSAL_SPENT, "the proposal was approved before")
    if act.at - proposal.at > PROPOSAL_LIFE_MS:
        raise RuleViolation(ErrorCode.PROPOSAL_EXPIRED, "the proposal is older than 72 hours")
    if act.person.admin == proposal.admin:
        raise RuleViolation(
            ErrorCode.SAME_ADMINISTRATION, "a coordinator of another administration expected"
        )
    _expect_proposer_still_may(state, act, proposal)
    spent = replace(
        state, proposals=state.proposals.insert(proposal.leaf, replace(proposal, spent=True))
    )
    decided = EFFECTS[subject](spent, act, proposal.body)
    return _without_resumes(decided) if subject == "resume" else decided


def _without_resumes(state: OperationState) -> OperationState:
    """Consent to lift one suspension is none to lift a later one: spend what was left over."""
    proposals = state.proposals
    for leaf, proposal in state.proposals.items():
        if proposal.subject == "resume" and not proposal.spent:
            proposals = proposals.insert(leaf, replace(proposal, spent=True))
    return replace(state, proposals=proposals)


def _expect_proposer_still_may(state: OperationState, act: Act, proposal: Proposal) -> None:
    """A proposal falls with its proposer's right, and with a device that was revoked since."""
    device = act.directory.devices[proposal.device]
    expect_active(act, device)
    proposer = act.directory.persons[proposal.person]
    expect_right(state, f"{proposal.subject}.propose", act, device, proposer)


# -- what each decision does -------------------------------------------------------------------


def _extend_window(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    """Only longer, only while the old one runs; LIVE and channels move only if named (RULES)."""
    if not body:
        raise bad_value("not_after, live or channels expected")
    if act.at > state.window[1]:
        raise RuleViolation(ErrorCode.OUT_OF_WINDOW, "the window has ended; it is not reopened")
    window = state.window
    if "not_after" in body:
        if body["not_after"] <= window[1]:
            raise bad_value(f"not_after {body['not_after']} read, after {window[1]} expected")
        window = (window[0], body["not_after"])
    live = state.live
    if "live" in body:
        live = _longer(state.live, body["live"], window, act.at, "live")
    channels = state.channels
    for chan, span in body.get("channels", ()):
        channel = known_channel(state, chan)
        _expect_own_window(channel, act)
        longer = _longer(channel.window, span, window, act.at, channel.name)
        channels = channels.insert(channel.id, replace(channel, window=longer))
    return replace(state, window=window, live=live, channels=channels)


def _expect_own_window(channel: Channel, act: Act) -> None:
    if channel.main or channel.parent is not None:
        raise bad_value("the main channel follows the operation, a directed one its parent")
    if act.at > channel.window[1]:
        # its members may have revealed what they held: an end is final
        raise RuleViolation(ErrorCode.OUT_OF_WINDOW, f"channel {channel.name!a} has ended")


def _longer(old: Window, new: list[int], outer: Window, at: int, what: str) -> Window:
    """`new` as a window: inside `outer`, not ending before `old`, its start fixed once it came."""
    window = (new[0], new[1])
    expect_window(window, outer, what)
    if window[1] < old[1]:
        raise bad_value(f"{what} would end at {window[1]}, before its {old[1]}; only longer")
    if window[0] != old[0] and at >= old[0]:
        raise bad_value(f"{what} has begun; its start stays {old[0]}")
    return window


def _change_audit_set(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    """Every epoch becomes stale: the next rotate is for the new set (A21)."""
    audit = read_audit_set(body["audit"], state.audit.version + 1, act.directory, state.members)
    return replace(state, audit=audit, audits=(*state.audits, audit))


def _close_early(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    return closed(state, act, PhaseEvent.CLOSE)


def closed(state: OperationState, act: Act, event: PhaseEvent) -> OperationState:
    """End the operation by an entry: every channel is over from its time on."""
    phase = next_phase(state, event, act.at)
    return replace(state, phase=phase, interrupted=None, closed_at=act.at)


def _resume(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    return replace(state, phase=next_phase(state, PhaseEvent.RESUME, act.at), interrupted=None)


def _erase(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    expect_erasable(state)
    return replace(state, phase=next_phase(state, PhaseEvent.ERASE, act.at), interrupted=None)


def expect_erasable(state: OperationState) -> None:
    """Raise HELD under a legal hold or an open audit request."""
    if len(state.holds):
        raise RuleViolation(ErrorCode.HELD, "a legal hold stands; it is lifted by unhold.propose")
    if any(request.report is None for request in state.requests.values()):
        raise RuleViolation(ErrorCode.HELD, "an audit request is open; its report comes first")


def _lift_hold(state: OperationState, act: Act, body: Mapping[str, Value]) -> OperationState:
    if body["hold"] not in state.holds:
        raise unknown_reference("hold", body["hold"])
    return replace(state, holds=state.holds.remove(body["hold"]))


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "window": _extend_window,
        "audit": _change_audit_set,
        "close": _close_early,
        "resume": _resume,
        "erase": _erase,
        "unhold": _lift_hold,
    }
)
DECISION_RULES: Mapping[str, Callable[[OperationState, Act], OperationState]] = MappingProxyType(
    {
        **{f"{subject}.propose": _propose for subject in EFFECTS},
        **{f"{subject}.approve": _approve for subject in EFFECTS},
    }
)
