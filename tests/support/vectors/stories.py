"""stories.json: whole logs, entry by entry, right and wrong entries mixed (PROTOCOL 6.3, 7.13).

The logs come from a fixed stream of numbers: every type, every role, as it falls. After each
item stands the hash of the state, and the code where the rules reject the item. Operations are
told once whole, and once as readers of some channels get them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import shake_256
from typing import Any

from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.views import erasable
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from tests.support.directory import HeldPerson
from tests.support.operation import CLOSES, DAY, GRACE, HOUR
from tests.support.vectors.directory import RULES as DIRECTORY_RULES
from tests.support.vectors.notation import Book, Case, Json
from tests.support.vectors.replaying import directory_results, operation_results
from tests.support.vectors.rights.attempts import ATTEMPTS
from tests.support.vectors.stage import DirectoryStage, Stage

_TURNS = 160  # of an operation's story
_LATE = {"audit.request", "audit.grant", "audit.report", "operation.close", "channel.reveal",
         "erase.propose", "erase.approve", "operation.cancel",
         "close.approve", "channel.close"}  # fmt: skip
_ENDING = {  # rows of the directory's rules after which its builder holds no good keys
    "governance.rekey", "governance.rekey that keeps a key", "after governance.rekey the old root",
    "suite.raise", "an entry below the minimum suite", "admin.rekey",
    "the old root after admin.rekey", "admin.rekey of a suspended one",
    "a change of an administration, and its root",
}  # fmt: skip


def book() -> Book:
    """One directory, three operations, and when bodies may be missing."""
    scenes: dict[str, Json] = {}
    cases = [_directory(), *_operations(scenes), *_erasable(scenes)]
    return Book("PROTOCOL 6.6 and 7.13: whole logs", cases, scenes)


class _Numbers:
    """A fixed stream of choices."""

    def __init__(self, seed: str) -> None:
        self._stream = shake_256(seed.encode()).digest(1 << 16)
        self._place = 0

    def below(self, count: int) -> int:
        """The next number below `count`."""
        number = int.from_bytes(self._stream[self._place : self._place + 4], "big")
        self._place += 4
        return number % count


def _directory() -> Case:
    """Every row of the directory's rules, one after the other on one log, accepted or not."""
    stage = DirectoryStage("story")
    for rows in DIRECTORY_RULES:
        for name, _rule, make, _code in rows:
            if name in _ENDING:
                continue
            _mend_directory(stage)
            try:
                entry = make(stage)
            except AssertionError:  # what the row appends first does not fit any more
                continue
            item = entry if isinstance(entry, Sequenced) else stage.directory.sequenced(entry)
            if item.entry is not None and item.entry.header.log == stage.directory.log.id16:
                stage.directory.force(item.entry)
    items = stage.directory.entries
    return Case(
        "a directory",
        "DIR-23",
        "replay directory",
        {"items": [encode_sequenced(item) for item in items]},
        {"results": directory_results(items)},
    )


def _mend_directory(stage: DirectoryStage) -> None:
    """Lift suspensions, replace revoked devices and dismissed NCPs, so that the story goes on."""
    directory, state = stage.directory, stage.directory.state
    if state.admins[stage.france.id].suspended:
        if state.administration_by_code("FR") is not None:  # its code was given to another one
            taken = state.active_codes["FR"]
            directory.append(directory.by_governance("admin.suspend", {"admin": taken}))
        directory.resume_administration(stage.france)
    if not directory.state.persons[stage.france.ncp.id].ncp:
        directory.ncp(stage.france)
        stage.france.ncps.reverse()
    if directory.state.persons[stage.agent.id].suspended:
        directory.resume(stage.agent)
    if directory.state.persons[stage.agent.id].may_create:
        role = {"person": stage.agent.id, "role": "operations"}
        directory.append(directory.by_governance("role.withdraw", role))
    for place, device in enumerate(stage.agent.devices):
        if directory.state.devices[device.id].revoked is not None:
            directory.device(stage.agent)
            stage.agent.devices[place] = stage.agent.devices.pop()


def _operations(scenes: dict[str, Json]) -> Iterator[Case]:
    variants: tuple[dict[str, Any], ...] = ({}, {"history": "none"}, {"audit": False})
    for number, genesis in enumerate(variants):
        stage = Stage(f"story {number}", **genesis)
        aside = tell(stage, f"vectors/story {number}")
        stage.settle()
        scenes[stage.name] = stage.scene()
        items, log = stage.operation.entries, stage.directory.log
        yield Case(f"operation {number}", "OPS-21", "replay operation", {"scene": stage.name},
                   {"results": operation_results(log, items)})  # fmt: skip
        grown = {"size": len(items), "root": stage.operation.log.tree.root()}
        yield Case(f"root of operation {number}", "TREE-2", "log root", {"scene": stage.name},
                   grown)  # fmt: skip
        yield Case(f"root of operation {number}, read by who reads no channel", "TREE-2",
                   "log root", {"scene": stage.name, "channels": []}, grown)  # fmt: skip
        readers: dict[str, list[ChannelId]] = {
            "no channel": [],
            "work": [stage.work],
            "the others": [aside, stage.operation.main],
        }
        for name, channels in readers.items():
            yield Case(
                f"operation {number}, read by who reads {name}",
                "OPS-20",
                "replay operation",
                {"scene": stage.name, "channels": channels},
                {"results": operation_results(log, items, channels)},
            )


def tell(stage: Stage, seed: str, turns: int = _TURNS) -> ChannelId:
    """A story of its own for each seed, or its first turns; a channel that some people are in."""
    return _play(stage, _Numbers(seed), turns)


def _play(stage: Stage, numbers: _Numbers, turns: int) -> ChannelId:
    """Random turns while the operation runs, then past its end."""
    operation = stage.operation
    aside = operation.channel("aside", [stage.chief, stage.deputy, stage.officer])
    operation.rotate(aside)
    people: list[HeldPerson] = [*stage.by_role.values(), stage.deputy, stage.stranger]
    early = sorted(set(ATTEMPTS) - _LATE)
    for turn in range(turns):
        if turn == _TURNS - 30:
            operation.wait_until(CLOSES + GRACE + 1)
        late = turn >= _TURNS - 30
        if not late:
            _mend_operation(stage, numbers)
        kinds = sorted(ATTEMPTS) if late else early
        kind, by = kinds[numbers.below(len(kinds))], people[numbers.below(len(people))]
        before = operation.clock
        entry = _attempt(stage, kind, by)
        if operation.clock > CLOSES and not late:
            operation.clock = before  # an attempt that waits for the end; not yet
            continue
        if entry is not None:
            operation.force(entry)
        if numbers.below(4) == 0:
            _around(stage, numbers, aside)
        if numbers.below(6) == 0:
            operation.wait(numbers.below(3 * HOUR))
    return aside


def _mend_operation(stage: Stage, numbers: _Numbers) -> None:
    """Keep a second coordinator; lift a suspension before long."""
    operation, deputy = stage.operation, stage.deputy
    member = operation.state.members.get(deputy.id)
    if member is None:
        operation.admit(deputy, "coordinator")
    elif member.role != "coordinator":
        operation.control("role.set", {"person": deputy.id, "role": "coordinator"})
    suspended = operation.state.effective_phase(operation.clock) == "suspended"
    if suspended and not numbers.below(4):
        operation.approve("resume", operation.propose("resume", {}), deputy)


def _attempt(stage: Stage, kind: str, by: HeldPerson) -> Entry | None:
    try:
        return ATTEMPTS[kind](stage, by)
    except (AssertionError, KeyError):  # what the attempt appends first does not fit any more
        return None


def _around(stage: Stage, numbers: _Numbers, aside: ChannelId) -> None:
    """What happens besides: the directory moves, epochs begin, people write and hold back."""
    operation, directory = stage.operation, stage.directory
    head, old = operation.head, directory.head
    acts: list[Callable[[], Any]] = [
        lambda: directory.device(stage.officer, voucher=stage.officer.device),
        lambda: directory.rekey(stage.analyst.device),
        lambda: operation.rotate(stage.work, stage.officer),
        lambda: operation.rotate(aside, stage.officer),
        lambda: operation.message(stage.work, stage.analyst),
        lambda: operation.message(aside, stage.officer),
        lambda: operation.rotate(operation.main, stage.deputy),
        lambda: operation.control("directory.sync", {}),
        lambda: operation.admit(directory.person(stage.belgium), "officer"),
    ]
    try:
        acts[numbers.below(len(acts))]()
    except AssertionError:
        return
    if numbers.below(2):  # somebody who had not seen it
        operation.force(
            operation.author("hold", {"reason": "late"}, stage.deputy, seen=head, dir=old)
        )


def _erasable(scenes: dict[str, Json]) -> Iterator[Case]:
    """When a missing body is no alarm (A49)."""
    dated = Stage("dated", retention={"erase_at": CLOSES + DAY})
    for name, at, expected in (
        ("before its date", CLOSES + DAY - 1, False),
        ("at its date", CLOSES + DAY, True),
    ):
        yield _missing(dated, name, at, expected)
    with dated.rewound():
        dated.operation.control("hold", {"reason": "court"})
        yield _missing(dated, "at its date under a hold", CLOSES + DAY, False)
    with dated.rewound():
        dated.operation.wait_until(CLOSES + GRACE + 1)
        body = {"chan": dated.work, "purpose": "audit"}
        dated.operation.control("audit.request", body, dated.auditors[0])
        yield _missing(dated, "at its date under an open request", CLOSES + DAY, False)
    with dated.rewound():
        dated.operation.wait_until(CLOSES + GRACE + 1)
        leaf = dated.operation.propose("erase", {})
        dated.operation.approve("erase", leaf, dated.deputy)
        yield _missing(dated, "once erased, before its date", CLOSES + GRACE + HOUR, True)
    plain = Stage("undated")
    scenes.update({stage.name: stage.scene() for stage in (dated, plain)})
    yield _missing(plain, "without a date", CLOSES + 400 * DAY, False)


def _missing(stage: Stage, name: str, at: int, expected: bool) -> Case:
    found = erasable(stage.operation.state, at)
    if found != expected:
        raise ValueError(f"{name}: {found} came out")
    return Case(
        f"a missing body {name}",
        "ERA-1",
        "erasable",
        {
            "scene": stage.name,
            "operation": [
                encode_sequenced(item) for item in stage.operation.entries[stage.base_operation :]
            ],
            "at": at,
        },
        {"erasable": expected},
    )
