"""What counts for nothing, and where a reader stops (PROTOCOL 7.1, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cencomm_crypto.public.entry import Entry, author
from cencomm_crypto.public.wire import Sequenced

from tests.support.operation import OPENS
from tests.support.vectors.notation import Case
from tests.support.vectors.operation.acts import Row, hold, message
from tests.support.vectors.stage import Stage


def _after_rejected(stage: Stage) -> Entry:
    """The rejected entry used an id, a head and a directory, and would have been a decision."""
    seen, old = stage.operation.head, stage.directory.head
    stage.directory.person(stage.france)
    rejected = hold(stage, stage.officer)
    stage.operation.force(rejected)
    return hold(stage, stage.officer.device, id=rejected.header.id, seen=seen, dir=old)


def _free_after_rejected(stage: Stage) -> Entry:
    seen, old = stage.operation.head, stage.directory.head
    stage.directory.person(stage.france)
    stage.operation.force(hold(stage, stage.officer))
    return hold(stage, seen=seen, dir=old)


def _same_id_after_rejected(stage: Stage) -> Entry:
    rejected = message(stage, epoch=7)
    stage.operation.force(rejected)
    return message(stage, id=rejected.header.id)


NOTHING: list[Row] = [
    ("no conflict and no watermark by a rejected entry", "OPS-17", _free_after_rejected, None),
    ("an id in a rejected entry is free", "OPS-17", _same_id_after_rejected, None),
    ("a rejected entry again", "OPS-17", _after_rejected, "not_permitted"),
]


def behind(stage: Stage) -> Iterator[Case]:
    """The reader has less of the directory than the entry names: it waits (OPS-1)."""
    with stage.rewound():
        size = len(stage.directory.entries)
        stage.directory.person(stage.france)
        yield stage.judged("a directory that has not come yet", "OPS-1", hold(stage),
                           "directory_behind", directory=size)  # fmt: skip
        yield stage.judged("the same once it has come", "OPS-1", hold(stage))


def log_damage(stage: Stage) -> Iterator[Case]:
    """Faults of the server: the reader stops (PROTOCOL 3.3, 4)."""
    operation = stage.operation
    item = operation.sequenced(message(stage))
    control = operation.sequenced(hold(stage))
    first = operation.entries[0].entry
    if first is None:
        raise ValueError("builders keep whole entries")
    second = author(first.header, first.body or {}, stage.chief.device.sign)

    def moved(**changed: Any) -> Sequenced:
        place = {"seq": item.seq, "at": item.at, **changed}
        return Sequenced(place["seq"], place["at"], item.scope, item.inner, item.entry)

    def withheld(whole: Sequenced) -> Sequenced:
        return Sequenced(whole.seq, whole.at, whole.scope, whole.inner, None)

    yield stage.judged("a gap in seq", "TREE-1", moved(seq=item.seq + 1), "log_damaged")
    yield stage.judged("time goes back", "TREE-1", moved(at=OPENS), "log_damaged")
    yield stage.judged("a second genesis", "TREE-1", operation.sequenced(second), "log_damaged")
    yield stage.judged("a control entry withheld", "ENT-3", withheld(control), "log_damaged")
    yield stage.judged("a channel's entry withheld", "OPS-20", withheld(item))
