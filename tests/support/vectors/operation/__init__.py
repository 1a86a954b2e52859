"""operation.json: PROTOCOL 7, rule by rule; one module per subject."""

from __future__ import annotations

from tests.support.operation import CLOSES, DAY, OPENS
from tests.support.vectors.notation import Book
from tests.support.vectors.operation.channels import CHANNELS
from tests.support.vectors.operation.course import DRAFT, EARLY, TIME
from tests.support.vectors.operation.decisions import DECISIONS
from tests.support.vectors.operation.disclosure import DISCLOSURE
from tests.support.vectors.operation.epochs import EPOCHS, PLAIN
from tests.support.vectors.operation.faults import NOTHING, behind, log_damage
from tests.support.vectors.operation.geneses import geneses
from tests.support.vectors.operation.heads import HEADS
from tests.support.vectors.operation.members import MEMBERS
from tests.support.vectors.stage import Stage


def book() -> Book:
    """Geneses, then each rule on a live operation, then faults of the server."""
    live, draft = Stage("live"), Stage("draft", live=False)
    plain = Stage("no-history", audit=False, history="none")
    early = Stage("early", live=False, at=OPENS - DAY, live_window=[OPENS + DAY, CLOSES - DAY])
    cases = [*geneses(live)]
    for stage, tried in (
        (live, HEADS),
        (live, TIME),
        (live, MEMBERS),
        (live, CHANNELS),
        (live, DECISIONS),
        (live, DISCLOSURE),
        (live, EPOCHS),
        (live, NOTHING),
        (draft, DRAFT),
        (early, EARLY),
        (plain, PLAIN),
    ):
        for name, rule, make, code in tried:
            with stage.rewound():
                cases.append(stage.judged(name, rule, make(stage), code))
    cases += behind(live)
    cases += log_damage(live)
    scenes = {stage.name: stage.scene() for stage in (live, draft, early, plain)}
    return Book("PROTOCOL 7: operations", cases, scenes)
