"""Why an operation does not take a step of its course: the rule by name, and who may (PROTOCOL 7).

The rules decide, here is only said what they said: a refusal of the server gets the words that a
person needs to go on. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cencomm_config.display import shown_time
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.phases import SETS, Phase, PhaseEvent, step
from cencomm_crypto.public.rights import OPERATION_RIGHTS, Role

from cencomm_client.errors import Refused, refusal

RULES: Mapping[str, str] = MappingProxyType(
    {
        "phase.set": "PHA-1, PHA-3",
        "operation.suspend": "END-2",
        "operation.cancel": "END-1",
        "operation.close": "OPS-11",
        "hold": "END-4",
        **dict.fromkeys(("resume.propose", "resume.approve"), "END-2, OPS-9"),
        **dict.fromkeys(("close.propose", "close.approve"), "OPS-11, OPS-9"),
        **dict.fromkeys(("erase.propose", "erase.approve"), "OPS-12, OPS-9"),
        **dict.fromkeys(("unhold.propose", "unhold.approve"), "END-4, OPS-9"),
        **dict.fromkeys(("window.propose", "window.approve"), "OPS-10, OPS-9"),
        **dict.fromkeys(("audit.propose", "audit.approve"), "OPS-13, OPS-9"),
    }
)
"""Entry type of the course -> the rules of PROTOCOL.md that judge it."""

NAMES: Mapping[PhaseEvent, str] = MappingProxyType({event: phase for phase, event in SETS.items()})
MOST_NAMED = 12  # people that an error names


def explained(
    refused: Refused,
    kind: str,
    body: Mapping[str, Any],
    state: OperationState,
    directory: DirectoryState,
    at: int,
) -> Refused:
    """The same refusal with the rule and who may; as it came for entries that are no such step."""
    if kind not in RULES:
        return refused
    said = f"{refused.detail}; {kind} is judged by {RULES[kind]} of the protocol, {_who(kind)}"
    more = _more(str(refused.code), kind, body, state, directory, at)
    return refusal(
        str(refused.code),
        f"{said}. {more}".rstrip(". ") + ".",
        status=refused.status,
        retry_after_s=refused.retry_after_s,
    )


def ways_on(state: OperationState, at: int) -> tuple[str, ...]:
    """What can be asked for from the present phase, as `cencomm operation phase` takes it."""
    present = state.effective_phase(at)
    ways = [name for event, name in NAMES.items() if step(present, event) is not None]
    if step(present, PhaseEvent.SUSPEND) is not None:
        ways.append("suspended")
    if step(present, PhaseEvent.CLOSE) is not None:
        ways.append("closed")
    if step(present, PhaseEvent.ERASE) is not None:
        ways.append("erased")
    return tuple(ways)


def _who(kind: str) -> str:
    if kind == "operation.cancel":
        return "and made by its creator alone"
    roles = " or ".join(sorted(OPERATION_RIGHTS[kind]))
    if kind.endswith(".approve"):
        return "and made by a coordinator of another administration than the proposal"
    if kind.endswith(".propose"):
        return f"and made by a {roles}; one of another administration approves"
    return f"and made by: {roles}"


def _more(
    code: str,
    kind: str,
    body: Mapping[str, Any],
    state: OperationState,
    directory: DirectoryState,
    at: int,
) -> str:
    present = state.effective_phase(at)
    if code in (ErrorCode.WRONG_PHASE, ErrorCode.CLOSED, ErrorCode.NOT_CLOSED):
        if present is Phase.SUSPENDED:
            return "The operation is suspended: resume comes first, by two administrations"
        ways = ", ".join(ways_on(state, at)) or "no other phase"
        return f"From {present} the way leads to: {ways}"
    if code in (ErrorCode.NOT_PERMITTED, ErrorCode.NOT_MEMBER, ErrorCode.SAME_ADMINISTRATION):
        return f"Coordinators here: {coordinators(state, directory)}"
    if code == ErrorCode.OUT_OF_WINDOW and kind == "phase.set":
        span = state.live if body.get("phase") == Phase.LIVE else state.window
        return f"It is taken from {shown_time(span[0])} to {shown_time(span[1])}"
    if code == ErrorCode.HELD:
        holds = [
            f"{hold.leaf.hex()} by {directory.persons[hold.person].code}"
            for hold in state.holds.values()
        ]
        return f"Holds: {', '.join(holds) or 'none'}; each is lifted by unhold, by two sides"
    return ""


def coordinators(state: OperationState, directory: DirectoryState) -> str:
    """Codes of the coordinators, each with its administration."""
    found = sorted(
        f"{directory.persons[member.person].code} ({directory.admins[member.admin].code})"
        for member in state.members.values()
        if member.role is Role.COORDINATOR
    )
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
