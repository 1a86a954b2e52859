"""What counts for nothing, and where a reader stops (PROTOCOL 6.2, 4)."""

from __future__ import annotations

from collections.abc import Iterator

from cencomm_crypto.public.entry import Entry, author
from cencomm_crypto.public.wire import Sequenced

from tests.support.directory import START_AT
from tests.support.vectors.directory.acts import Row, about_agent, device, france, own_entry
from tests.support.vectors.directory.heads import unseen
from tests.support.vectors.notation import Case
from tests.support.vectors.stage import DirectoryStage


def _rejected_serial(stage: DirectoryStage) -> Entry:
    """A rejected entry used serial, entry id and head; the next takes them again."""
    directory = stage.directory
    bad = directory.by_governance("admin.suspend", {"admin": bytes(16)})
    directory.force(bad)
    return directory.by_governance(
        "admin.suspend",
        france(stage),
        id=bad.header.id,
        serial=directory.state.governance.serial + 1,
    )


def _rejected_claim(stage: DirectoryStage) -> Entry:
    """A key in a rejected entry is not used up."""
    directory = stage.directory
    body = device(stage)
    directory.force(directory.author("device.add", body, stage.colleague.device))
    return directory.author("device.add", body, stage.france.ncp.device)


NOTHING: list[Row] = [
    ("what a rejected entry used is free", "DIR-11", _rejected_serial, None),
    ("what a rejected entry claimed is free", "DIR-11", _rejected_claim, None),
    ("no conflict with a rejected entry", "DIR-11",
     unseen(lambda s: s.directory.force(
                 s.directory.author("person.suspend", about_agent(s), s.colleague.device)),
             lambda s, head: s.directory.author(
                 "person.suspend", about_agent(s), s.france.ncp.device, seen=head)), None),
]  # fmt: skip


def log_damage(stage: DirectoryStage) -> Iterator[Case]:
    """Faults of the server: the reader stops (PROTOCOL 3.3, 4)."""
    directory = stage.directory
    entry = own_entry(stage)
    item = directory.sequenced(entry)
    first = directory.entries[0].entry
    if first is None:
        raise ValueError("builders keep whole entries")
    second = author(first.header, first.body or {}, directory.poster.sign)
    yield stage.judged("a gap in seq", "TREE-1", _moved(item, seq=item.seq + 1), "log_damaged")
    yield stage.judged("a seq again", "TREE-1", _moved(item, seq=item.seq - 1), "log_damaged")
    yield stage.judged("time goes back", "TREE-1", _moved(item, at=START_AT), "log_damaged")
    yield stage.judged("time stands still", "TREE-1",
                       _moved(item, at=directory.entries[-1].at), None)  # fmt: skip
    yield stage.judged("a withheld item", "ENT-3", Sequenced(
        item.seq, item.at, item.scope, item.inner, None), "log_damaged")  # fmt: skip
    yield stage.judged("a second genesis", "TREE-1", directory.sequenced(second), "log_damaged")


def _moved(item: Sequenced, **changed: int) -> Sequenced:
    place = {"seq": item.seq, "at": item.at, **changed}
    return Sequenced(place["seq"], place["at"], item.scope, item.inner, item.entry)
