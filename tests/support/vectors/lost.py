"""lost.json: logs of which a restore from backup lost places for good (PROTOCOL 11.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cencomm_crypto.errors import ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.ids import ZERO_SCOPE
from cencomm_crypto.public.lost import Losses
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.replay import DirectoryLog, OperationLog, read_log
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from tests.support.directory import restoring
from tests.support.vectors.notation import Book, Case, Json
from tests.support.vectors.stage import DirectoryStage, Stage

Items = list[Sequenced]


def book() -> Book:
    """Each log as it is read by who holds what was lost, and by who does not."""
    return Book("PROTOCOL 11.2: lost places", [*_directories(), *_operations()])


def lost(items: Iterable[Sequenced], *seqs: int) -> Items:
    """The items as they travel once these places are lost."""
    return [replace(item, entry=None, lost=True) if item.seq in seqs else item for item in items]


def _directories() -> Iterator[Case]:
    stage = DirectoryStage("lost")
    directory = stage.directory
    directory.person(stage.france)
    device = directory.entries[-1]
    directory.person(stage.france)
    entry = directory.by_governance("log.restored", restoring(directory.log.id16, [device]))
    items = [*directory.entries, directory.sequenced(entry)]
    yield from _both("a device", items, device.seq)
    person = device.seq - 1
    yield from _both("a person, whom a device was added to", [
        *directory.entries,
        directory.sequenced(directory.by_governance(
            "log.restored", restoring(directory.log.id16, [directory.entries[person]])
        )),
    ], person)  # fmt: skip
    yield _case("a place that nobody named", lost(directory.entries, device.seq))
    decided = next(
        i for i in directory.entries[1:] if i.entry and i.entry.header.type == "admin.add"
    )
    entry = directory.by_governance("log.restored", restoring(directory.log.id16, [decided]))
    yield from _both(
        "a decision of the root, after which it decided more",
        [*directory.entries, directory.sequenced(entry)],
        decided.seq,
    )
    key = directory.signing_key("another log")
    directory.append(directory.by_governance("logkey.set", {"log_key": key.public}))
    changed = directory.entries[-1]
    one = directory.restore(device)
    two = directory.restore(changed)
    yield from _both("two, each named by one", directory.entries, device.seq, changed.seq)
    directory.restore(one)
    yield from _both("what was lost first, then its log.restored", directory.entries, one.seq)
    yield _case("what a lost log.restored named", lost(directory.entries, one.seq, device.seq))
    assert two.seq < directory.log.size
    stage = DirectoryStage("lost root")
    directory = stage.directory
    keys = [directory.signing_key("new") for _ in range(2)]
    body = {"keys": [key.public for key in keys], "k": 2}
    directory.append(directory.by_governance("governance.rekey", body))
    rekey = directory.entries[-1]
    own, directory.governance = directory.governance, keys
    named = restoring(directory.log.id16, [rekey])
    for name, signers in (
        ("a re-key, by the keys that it brought", keys),
        ("a re-key, by the keys before it", own),
    ):
        directory.governance = signers
        entry = directory.by_governance("log.restored", named)
        items = [*directory.entries, directory.sequenced(entry)]
        yield from _both(name, items, rekey.seq, rule="RES-4")


def _operations() -> Iterator[Case]:
    stage = Stage("lost")
    operation, directory = stage.operation, stage.directory
    operation.message(stage.work, stage.officer)
    admission = operation.admit(directory.person(stage.france), "officer")
    operation.rotate(stage.work)
    operation.message(stage.work, stage.officer)
    body = directory.signed_restoring(operation.log.id16, [admission])
    operation_items = [
        *operation.entries,
        operation.sequenced(operation.author("log.restored", body, directory.poster)),
    ]
    hidden = [
        item if item.scope == ZERO_SCOPE else replace(item, entry=None) for item in operation_items
    ]
    rotate = admission.seq + 1
    epoch = directory.signed_restoring(operation.log.id16, operation.entries[rotate : rotate + 1])
    without_epoch = [
        *operation.entries,
        operation.sequenced(operation.author("log.restored", epoch, directory.poster)),
    ]
    for name, items in (
        ("an epoch, held", without_epoch),
        ("an epoch, lost", lost(without_epoch, rotate)),
        ("an admission, held, read by who reads no channel", hidden),
        ("an admission, held", operation_items),
        ("an admission, lost", lost(operation_items, admission.seq)),
        ("an admission, lost, read by who reads no channel", lost(hidden, admission.seq)),
    ):
        yield _case(name, directory.entries, items)


def _both(name: str, items: Items, *seqs: int, rule: str = "RES-2") -> Iterator[Case]:
    yield _case(f"{name}, held", items, rule=rule)
    yield _case(f"{name}, lost", lost(items, *seqs), rule=rule)


def _case(name: str, directory: Items, operation: Items | None = None, rule: str = "RES-2") -> Case:
    inputs: dict[str, Json] = {"directory": [encode_sequenced(item) for item in directory]}
    if operation is not None:
        inputs["operation"] = [encode_sequenced(item) for item in operation]
        if not all(item.entry or item.lost for item in operation):
            inputs["channels"] = []
    try:
        return Case(name, rule, "read log", inputs, _read(directory, operation, inputs))
    except ProtocolError as error:
        return Case(name, rule, "read log", inputs, failure=error.code)


def _read(directory: Items, operation: Items | None, inputs: dict[str, Json]) -> dict[str, Json]:
    log, rejected = read_log(lambda losses: DirectoryLog(None, losses), lambda: directory)
    if operation is None:
        return _outcome(directory_hash(log.state), log, rejected, directory)

    def new(losses: Losses) -> OperationLog:
        return OperationLog(log, None, losses)

    held, refused = read_log(new, lambda: operation)
    state = state_hash(held.state, () if "channels" in inputs else None)
    return _outcome(state, held, refused, operation)


def _outcome(
    state: bytes,
    log: DirectoryLog | OperationLog,
    rejected: dict[int, Rejected],
    items: Items,
) -> dict[str, Json]:
    codes: list[Json] = [
        str(rejected[item.seq].code) if item.seq in rejected else "" for item in items
    ]
    return {"state": state, "codes": codes, "unnamed": list[Json](log.unnamed)}
