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

from cencomm_client.errors import Refused, Sentence, refusal

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
    code = str(refused.code)
    told = (
        Sentence("course_rule", {"step": kind, "rules": RULES[kind]}),
        _who(kind),
        *_later(kind, state, directory, at),
        *_more(code, kind, body, state, directory, at),
    )
    made = refusal(
        code,
        " ".join([f"{refused.detail}.", *(one.text() for one in told)]),
        status=refused.status,
        retry_after_s=refused.retry_after_s,
    )
    made.told = told
    return made


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


def _who(kind: str) -> Sentence:
    if kind == "operation.cancel":
        return Sentence("course_by_creator", {})
    if kind.endswith(".approve"):
        return Sentence("course_approved", {})
    roles = {"roles": ", ".join(sorted(OPERATION_RIGHTS[kind]))}
    return Sentence("course_proposed" if kind.endswith(".propose") else "course_made", roles)


def _later(
    kind: str, state: OperationState, directory: DirectoryState, at: int
) -> tuple[Sentence, ...]:
    """Who else may after the end, when its members may all be gone (PROTOCOL 7)."""
    if not state.ended(at) or Role.COORDINATOR not in OPERATION_RIGHTS[kind]:
        return ()
    founder = directory.admins[state.author_admin].code
    return (Sentence("course_later", {"administration": founder}),)


def _more(
    code: str,
    kind: str,
    body: Mapping[str, Any],
    state: OperationState,
    directory: DirectoryState,
    at: int,
) -> tuple[Sentence, ...]:
    present = state.effective_phase(at)
    if code in (ErrorCode.WRONG_PHASE, ErrorCode.CLOSED, ErrorCode.NOT_CLOSED):
        if present is Phase.SUSPENDED:
            return (Sentence("course_suspended", {}),)
        ways = {"phase": str(present), "ways": ", ".join(ways_on(state, at))}
        return (Sentence("course_ways" if ways["ways"] else "course_no_way", ways),)
    if code in (ErrorCode.NOT_PERMITTED, ErrorCode.NOT_MEMBER, ErrorCode.SAME_ADMINISTRATION):
        return (Sentence("course_coordinators", {"codes": coordinators(state, directory)}),)
    if code == ErrorCode.OUT_OF_WINDOW and kind == "phase.set":
        span = state.live if body.get("phase") == Phase.LIVE else state.window
        times = {"first": shown_time(span[0]), "last": shown_time(span[1])}
        return (Sentence("course_times", times),)
    if kind.startswith("window.") and code in (ErrorCode.BAD_VALUE, ErrorCode.OUT_OF_WINDOW):
        ends = {"last": shown_time(state.window[1]), "live": shown_time(state.live[1])}
        return (Sentence("course_ends", ends),)
    if code == ErrorCode.HELD and state.holds:
        holds = [
            f"{hold.leaf.hex()} ({directory.persons[hold.person].code})"
            for hold in state.holds.values()
        ]
        return (Sentence("course_holds", {"holds": ", ".join(holds)}),)
    return ()


def coordinators(state: OperationState, directory: DirectoryState) -> str:
    """Codes of the coordinators, each with its administration."""
    found = sorted(
        f"{directory.persons[member.person].code} ({directory.admins[member.admin].code})"
        for member in state.members.values()
        if member.role is Role.COORDINATOR
    )
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
