"""directory.json: PROTOCOL 6, rule by rule; one module per subject."""

from __future__ import annotations

from tests.support.vectors.directory.faults import NOTHING, log_damage
from tests.support.vectors.directory.geneses import geneses, witnesses
from tests.support.vectors.directory.governance import GOVERNANCE
from tests.support.vectors.directory.heads import CONFLICTS, HEADS, ROOTS
from tests.support.vectors.directory.people import PEOPLE
from tests.support.vectors.notation import Book
from tests.support.vectors.stage import DirectoryStage


def book() -> Book:
    """Geneses, then each rule on one directory."""
    stage = DirectoryStage()
    cases = [*geneses(), *witnesses()]
    for tried in RULES:
        for name, rule, make, code in tried:
            with stage.rewound():
                cases.append(stage.judged(name, rule, make(stage), code))
    cases += log_damage(stage)
    return Book("PROTOCOL 6: the directory", cases, {stage.name: stage.scene()})


RULES = (HEADS, ROOTS, CONFLICTS, GOVERNANCE, PEOPLE, NOTHING)
