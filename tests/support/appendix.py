"""Write the generated parts of crypto/PROTOCOL.md: `python -m tests.support.appendix`.

The grammar of Appendix A comes from the shapes that the parsers use, the tables of section 12
from the rights and phases that the rules run on; so what is printed and what is enforced cannot
part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cencomm_crypto.member.payload import PAYLOAD
from cencomm_crypto.member.profile import CONTENT
from cencomm_crypto.member.result import RESULT
from cencomm_crypto.public.cddl import render
from cencomm_crypto.public.directory.rights import DIRECTORY_RIGHTS, Authority
from cencomm_crypto.public.phases import ALLOWED_TYPES, TRANSITIONS, Phase, PhaseEvent
from cencomm_crypto.public.rights import OPERATION_RIGHTS, Role

PROTOCOL = Path(__file__).parents[2] / "crypto" / "PROTOCOL.md"
YES = "yes"
NO = "-"

# what a row needs besides its role, and where it is said
_NOTES: Mapping[str, str] = {
    "operation.genesis": "who may create operations in the directory (OPS-15)",
    "log.restored": "the governance root (RES-1)",
    "channel.create": "without a parent: a coordinator (CHN-1)",
    "operation.cancel": "the author of the genesis alone (END-1)",
    "operation.close": "after the end (OPS-11)",
    "release": "of its own administration's entries (REL-1)",
    "release.receipt": "of its own administration's releases (REL-2)",
    "audit.grant": "past auditors too (AUD-2)",
    "audit.report": "the requester (AUD-3)",
    "drop": "into its own channel (DRP-3)",
    "drop.result": "to a device of the drop's bot (DRR-1)",
    "channel.close": "once the channel is over: whoever received the epoch (CLO-2)",
    "channel.reveal": "whoever received the epoch (CLO-2)",
}
_APPROVE = "of another administration than the proposer (OPS-9)"


def current(name: str = "cddl") -> str:
    """What stands in the specification between the marks of a generated part."""
    start, end = _marks(name)
    text = PROTOCOL.read_text(encoding="utf-8")
    if start not in text or end not in text:
        raise ValueError(f"no marks {name} in PROTOCOL.md")
    return text.partition(start)[2].partition(end)[0]


def write() -> None:
    """Replace each generated part by what the data say."""
    text = PROTOCOL.read_text(encoding="utf-8")
    for name, make in PARTS.items():
        start, end = _marks(name)
        before, _, rest = text.partition(start)
        text = before + start + make() + end + rest.partition(end)[2]
    PROTOCOL.write_text(text, encoding="utf-8")


def _marks(name: str) -> tuple[str, str]:
    fence = "```" if name.startswith("cddl") else ""
    opening = f"{fence}cddl\n" if fence else ""
    return f"<!-- {name} -->\n{opening}", f"{fence and fence + chr(10)}<!-- /{name} -->\n"


def sealed_grammar() -> str:
    """Shapes of what only members read."""
    return (
        f"payload = {PAYLOAD.cddl()}\n\n"
        f"; content of a payload of kind PRF\nprofiles = {CONTENT.cddl()}\n\n"
        f"; in the box of a drop.result\nresult = {RESULT.cddl()}\n"
    )


def directory_rights() -> str:
    """Type by authority."""
    rows = (
        [kind, *(YES if authority in granted else NO for authority in Authority)]
        for kind, granted in DIRECTORY_RIGHTS.items()
    )
    return _table(["type", *Authority], rows)


def operation_rights() -> str:
    """Type by role, with what a row needs besides."""
    rows = []
    for kind, allowed in OPERATION_RIGHTS.items():
        note = _NOTES.get(kind, _APPROVE if kind.endswith(".approve") else "")
        rows.append([kind, *(YES if role in allowed else NO for role in Role), note or NO])
    return _table(["type", *Role, "and"], rows)


def phases() -> str:
    """Phase by event."""
    events = [event for event in PhaseEvent if event is not PhaseEvent.RESUME]
    rows = (
        [phase, *(str(TRANSITIONS.get((phase, event), NO)) for event in events)] for phase in Phase
    )
    return _table(["from", *events], rows)


def phase_types() -> str:
    """Type by phase."""
    rows = (
        [kind, *(YES if kind in ALLOWED_TYPES[phase] else NO for phase in Phase)]
        for kind in OPERATION_RIGHTS
        if kind != "operation.genesis"
    )
    return _table(["type", *Phase], rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


PARTS: Mapping[str, Callable[[], str]] = {
    "rights-directory": directory_rights,
    "rights-operation": operation_rights,
    "phases": phases,
    "phase-types": phase_types,
    "cddl": render,
    "cddl-sealed": sealed_grammar,
}


if __name__ == "__main__":
    write()
