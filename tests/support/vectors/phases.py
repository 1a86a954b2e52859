"""phases.json: PROTOCOL 12.3, every pair of phase and event, and every way through a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cencomm_crypto.public.phases import ALLOWED_TYPES, RUNNING, Phase, PhaseEvent, step
from cencomm_crypto.public.wire import encode_sequenced

from tests.support.operation import CLOSES, GRACE
from tests.support.vectors.notation import Book, Case
from tests.support.vectors.replaying import operation_results, phases
from tests.support.vectors.stage import Stage


def book() -> Book:
    """The table as a function, the types of each phase, and logs that take each way."""
    cases = [*_steps(), *_types()]
    draft = Stage("draft", live=False)
    for name, play in _WAYS.items():
        with draft.rewound():
            play(draft)
            cases.append(_played(draft, name))
    return Book("PROTOCOL 12.3: phases", cases, {draft.name: draft.scene()})


def _steps() -> Iterator[Case]:
    for phase in Phase:
        for event in PhaseEvent:
            inputs = {"phase": phase.value, "event": event.value}
            following = step(phase, event)
            if (phase, event) == (Phase.SUSPENDED, PhaseEvent.RESUME):
                continue
            output = {"phase": None if following is None else following.value}
            yield Case(f"{event.value} in {phase.value}", "PHA-1", "step", inputs, output)
    for phase in RUNNING:
        inputs = {"phase": "suspended", "event": "resume", "interrupted": phase.value}
        yield Case(f"resume after {phase.value}", "PHA-1", "step", inputs, {"phase": phase.value})


def _types() -> Iterator[Case]:
    for phase in Phase:
        types = sorted(ALLOWED_TYPES[phase])
        yield Case(f"types in {phase.value}", "PHA-2", "allowed types", {"phase": phase.value},
                   {"types": types})  # fmt: skip


def _played(stage: Stage, name: str) -> Case:
    items = stage.operation.entries
    skip = len(stage.scene()["operation"])
    directory = stage.directory.log
    return Case(
        name,
        "PHA-1",
        "replay operation",
        {"scene": stage.name, "items": [encode_sequenced(item) for item in items[skip:]]},
        {
            "results": operation_results(directory, items, skip=skip),
            "phases": phases(directory, items, skip=skip),
        },
    )


def _to(phase: Phase) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        if phase is not Phase.DRAFT:
            stage.operation.start(phase.value)

    return play


def _suspended(phase: Phase) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        _to(phase)(stage)
        stage.operation.control("operation.suspend", {})

    return play


def _resumed(phase: Phase) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        _suspended(phase)(stage)
        leaf = stage.operation.propose("resume", {})
        stage.operation.approve("resume", leaf, stage.deputy)

    return play


def _closed(before: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        before(stage)
        leaf = stage.operation.propose("close", {})
        stage.operation.approve("close", leaf, stage.deputy)

    return play


def _ended(before: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """By time alone: the first entry after the end is a hold, then somebody closes."""

    def play(stage: Stage) -> None:
        before(stage)
        stage.operation.wait_until(CLOSES + GRACE + 1)
        stage.operation.control("hold", {"reason": "court"})
        stage.operation.control("operation.close", {})

    return play


def _erased(before: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        before(stage)
        leaf = stage.operation.propose("erase", {})
        stage.operation.approve("erase", leaf, stage.deputy)

    return play


def _cancelled(stage: Stage) -> None:
    stage.operation.control("operation.cancel", {})


_WAYS: dict[str, Callable[[Stage], None]] = {
    **{f"to {phase.value}": _to(phase) for phase in RUNNING[1:]},
    **{f"{phase.value} suspended": _suspended(phase) for phase in RUNNING},
    **{f"{phase.value} resumed": _resumed(phase) for phase in RUNNING},
    **{f"{phase.value} closed early": _closed(_to(phase)) for phase in RUNNING},
    "suspended closed early": _closed(_suspended(Phase.LIVE)),
    **{f"{phase.value} ended by time": _ended(_to(phase)) for phase in RUNNING},
    "suspended ended by time": _ended(_suspended(Phase.LIVE)),
    "draft cancelled": _cancelled,
    "closed early and erased": _erased(_closed(_to(Phase.LIVE))),
    "cancelled and erased": _erased(_cancelled),
}
