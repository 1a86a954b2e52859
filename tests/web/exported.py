"""What a server exported (docs/api.md, The export), replayed by both implementations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cencomm_crypto.public.encoding import decode
from cencomm_crypto.public.entry import log_id32
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import Sequenced, decode_sequenced, encode_sequenced, split_sequence

from tests.support.vectors.replaying import directory_results, operation_results
from tests.web.bridge import Bridge

MAX_RECORD = 64 * 1024 * 1024
ENTRY = 1


def logs_of(export: Path) -> list[list[Sequenced]]:
    """The items of each log, the directory first."""
    logs: dict[bytes, list[Sequenced]] = {}
    for record in split_sequence(export.read_bytes(), max_item=MAX_RECORD):
        value: Any = decode(record, max_size=MAX_RECORD)
        if isinstance(value, list) and value[0] == ENTRY:
            logs.setdefault(value[1], []).append(decode_sequenced(value[2]))
    return sorted(logs.values(), key=_is_operation)


def _is_operation(items: list[Sequenced]) -> bool:
    entry = items[0].entry
    assert entry is not None
    return entry.header.type != "directory.genesis"


def compare(bridge: Bridge, export: Path) -> int:
    """Both give the same state and refusal after each entry; how many there were."""
    directory, *operations = logs_of(export)
    log = DirectoryLog()
    for item in directory:
        log.apply(item)
    _same(bridge, "replay directory", {"items": shown(directory)}, directory_results(directory))
    for items in operations:
        entry = items[0].entry
        assert entry is not None
        name = log_id32(entry).hex()  # the other side keeps what it read of a scene by its name
        scene = {"directory": shown(directory), "operation": shown(items)}
        bridge.ask([("scene", {"name": name, **scene})])
        _same(bridge, "replay operation", {"scene": name}, operation_results(log, items))
    return len(directory) + sum(map(len, operations))


def _same(bridge: Bridge, op: str, inputs: dict[str, Any], rows: list[Any]) -> None:
    (answer,) = bridge.ask([(op, inputs)])
    assert answer["output"]["results"] == [[state.hex(), code] for state, code in rows]


def shown(items: Iterable[Sequenced]) -> list[str]:
    return [encode_sequenced(item).hex() for item in items]
