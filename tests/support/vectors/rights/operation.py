"""operation-rights.json: one case per cell of PROTOCOL 12.2."""

from __future__ import annotations

from collections.abc import Iterator

from cencomm_crypto.public.rights import OPERATION_RIGHTS, Role

from tests.support.directory import HeldPerson
from tests.support.vectors.notation import Book, Case
from tests.support.vectors.operation.geneses import founded
from tests.support.vectors.rights.attempts import ATTEMPTS
from tests.support.vectors.rights.cells import cell
from tests.support.vectors.stage import Stage

NOBODY = "nobody"  # a person of the directory who holds no role in the operation


def operation_rights() -> Book:
    """Every type of an operation, tried by every role and by who holds none."""
    live, draft = Stage("live"), Stage("draft", live=False)
    cases: list[Case] = []
    for kind, attempt in sorted(ATTEMPTS.items()):
        stage = draft if kind == "operation.cancel" else live
        people: dict[str, HeldPerson] = {str(role): who for role, who in stage.by_role.items()}
        people[NOBODY] = stage.stranger
        for who, person in people.items():
            with stage.rewound():
                entry = attempt(stage, person)
                code = _refused_role(kind, who)
                cases.append(
                    cell(stage.judged(f"{kind} by {who}", "RGT-2", entry, code), kind, who)
                )
    cases += _geneses(live)
    scenes = {stage.name: stage.scene() for stage in (live, draft)}
    return Book("PROTOCOL 12.2: rights in an operation", cases, scenes)


def _refused_role(kind: str, who: str) -> str | None:
    if kind == "log.restored":
        return None if who == "governance" else "bad_threshold"
    if kind == "channel.reveal" and who not in OPERATION_RIGHTS[kind]:
        return "not_permitted"  # by possession: it asks for the epoch, not for a role
    if who == NOBODY:
        return "not_member"
    if who in OPERATION_RIGHTS[kind]:
        return "bad_value" if kind == "rules.raise" else None  # no version above the first
    if (kind, who) == ("erase.approve", Role.NCP):
        return None  # after the end the second side lies also with an NCP
    return "not_permitted"


def _geneses(stage: Stage) -> Iterator[Case]:
    """operation.genesis: by who may create operations in the directory, whatever else it is."""
    directory = stage.directory
    body = stage.operation.genesis_body
    for who, person, code in (
        ("holder of the role", stage.chief, None),
        ("coordinator elsewhere", stage.deputy, "not_permitted"),
        ("NCP", stage.ncp, "not_permitted"),
        ("bot", stage.bot, "not_permitted"),
    ):
        entry = stage.operation.author("operation.genesis", body, person, dir=directory.head)
        case = founded(stage, f"operation.genesis by {who}", "RGT-2", entry, code)
        yield cell(case, "operation.genesis", who)
