"""Ops of PROTOCOL 6, 7, 12: logs and the states that the rules give.

A scene is built once and cut back after each case, as a server cuts back what it could not write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cencomm_crypto.errors import ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.operation.views import erasable
from cencomm_crypto.public.phases import ALLOWED_TYPES, Phase, PhaseEvent, step
from cencomm_crypto.public.replay import DirectoryLog, OperationLog, read_log
from cencomm_crypto.public.wire import Sequenced, decode_sequenced

from tests.support.vector_runner.reading import Inputs, Op, Outcome, raw

Scenes = Mapping[str, Mapping[str, list[str]]]


class Logs:
    """The scenes of one file, each built at its first use."""

    def __init__(self, scenes: Scenes) -> None:
        self._scenes = scenes
        self._built: dict[str, tuple[DirectoryLog, OperationLog | None]] = {}

    def items(self, name: str, log: str) -> list[Sequenced]:
        """The items of a scene's log."""
        return _items(self._scenes[name].get(log, ()))

    @contextmanager
    def at(self, inputs: Inputs) -> Iterator[tuple[DirectoryLog, OperationLog | None]]:
        """The scene's logs with what the case adds to them; cut back afterwards."""
        name = inputs["scene"]
        if name not in self._built:
            self._built[name] = self._build(name)
        directory, operation = self._built[name]
        sizes = directory.size, 0 if operation is None else operation.size
        try:
            for item in _items(inputs.get("directory", ())):
                directory.apply(item)
            if operation is not None:
                for item in _items(inputs.get("operation", ())):
                    operation.apply(item)
            yield directory, operation
        finally:
            directory.truncate(sizes[0])
            if operation is not None:
                operation.truncate(sizes[1])

    def _build(self, name: str) -> tuple[DirectoryLog, OperationLog | None]:
        directory = DirectoryLog()
        for item in self.items(name, "directory"):
            directory.apply(item)
        operation = None
        items = self.items(name, "operation")
        if items:
            operation = OperationLog(directory)
            for item in items:
                operation.apply(item)
        return directory, operation


def _items(shown: Any) -> list[Sequenced]:
    return [decode_sequenced(bytes.fromhex(item)) for item in shown]


def _accepted(result: Any) -> Any:
    """The state; raises ProtocolError with the code of a rejection."""
    if isinstance(result, Rejected):
        assert result.detail, "a rejection says what was read and what was expected"
        raise ProtocolError(result.code, result.detail)
    return result


def _pin(inputs: Inputs) -> bytes | None:
    return raw(inputs, "pin") if "pin" in inputs else None


def ops(scenes: Scenes) -> dict[str, Op]:
    """The ops over the scenes of one file."""
    logs = Logs(scenes)

    def offer_to_directory(inputs: Inputs) -> Outcome:
        with logs.at(inputs) as (directory, _):
            state = _accepted(directory.check(decode_sequenced(raw(inputs, "item"))))
            return {"state": directory_hash(state)}

    def found_directory(inputs: Inputs) -> Outcome:
        state = _accepted(DirectoryLog(_pin(inputs)).check(decode_sequenced(raw(inputs, "item"))))
        return {"state": directory_hash(state), "id": state.id32}

    def offer_to_operation(inputs: Inputs) -> Outcome:
        with logs.at(inputs) as (_, operation):
            assert operation is not None
            state = _accepted(operation.check(decode_sequenced(raw(inputs, "item"))))
            return {"state": state_hash(state)}

    def found_operation(inputs: Inputs) -> Outcome:
        with logs.at(inputs) as (directory, _):
            log = OperationLog(directory, _pin(inputs))
            state = _accepted(log.check(decode_sequenced(raw(inputs, "item"))))
            return {"state": state_hash(state), "id": state.id32, "main": state.main}

    def replay_directory(inputs: Inputs) -> Outcome:
        log, rows = DirectoryLog(), []
        for item in _items(inputs["items"]):
            result = log.apply(item)
            code = str(result.code) if isinstance(result, Rejected) else ""
            rows.append([directory_hash(log.state), code])
        return {"results": rows}

    def replay_operation(inputs: Inputs) -> Outcome:
        """From the scene's end if the case has items, else the scene's own from its genesis."""
        if "items" in inputs:
            with logs.at({**inputs, "operation": ()}) as (_, operation):
                assert operation is not None
                return _replayed(operation, _items(inputs["items"]), None)
        channels = None
        if "channels" in inputs:
            channels = {ChannelId(bytes.fromhex(chan)) for chan in inputs["channels"]}
        with logs.at(inputs) as (directory, _):
            items = logs.items(inputs["scene"], "operation")
            return _replayed(OperationLog(directory), items, channels)

    def log_root(inputs: Inputs) -> Outcome:
        channels = None
        if "channels" in inputs:
            channels = {ChannelId(bytes.fromhex(chan)) for chan in inputs["channels"]}
        with logs.at(inputs) as (directory, _):
            log = OperationLog(directory)
            for item in logs.items(inputs["scene"], "operation"):
                log.apply(_shown_to(channels, item))
            return {"size": log.size, "root": log.tree.root()}

    def is_erasable(inputs: Inputs) -> Outcome:
        with logs.at(inputs) as (_, operation):
            assert operation is not None
            return {"erasable": erasable(operation.state, inputs["at"])}

    def read(inputs: Inputs) -> Outcome:
        """A whole directory, or an operation over one, read anew as often as it asks for."""
        items = _items(inputs["directory"])
        log, rejected = read_log(lambda losses: DirectoryLog(None, losses), lambda: items)
        if "operation" not in inputs:
            return _read(log, directory_hash(log.state), rejected, items)
        channels = set[ChannelId]() if "channels" in inputs else None
        own = _items(inputs["operation"])
        held, refused = read_log(lambda losses: OperationLog(log, None, losses), lambda: own)
        return _read(held, state_hash(held.state, channels), refused, own)

    return {
        "read log": read,
        "offer to directory": offer_to_directory,
        "found directory": found_directory,
        "offer to operation": offer_to_operation,
        "found operation": found_operation,
        "replay directory": replay_directory,
        "replay operation": replay_operation,
        "log root": log_root,
        "erasable": is_erasable,
        "step": _step,
        "allowed types": lambda inputs: {"types": sorted(ALLOWED_TYPES[Phase(inputs["phase"])])},
    }


def _read(
    log: DirectoryLog | OperationLog,
    state: bytes,
    rejected: dict[int, Rejected],
    items: list[Sequenced],
) -> Outcome:
    codes = [str(rejected[item.seq].code) if item.seq in rejected else "" for item in items]
    return {"state": state, "codes": codes, "unnamed": log.unnamed}


def _shown_to(channels: set[ChannelId] | None, item: Sequenced) -> Sequenced:
    if channels is None or item.scope == bytes(16) or item.scope in channels:
        return item
    return Sequenced(item.seq, item.at, item.scope, item.inner, None)


def _replayed(
    log: OperationLog, items: list[Sequenced], channels: set[ChannelId] | None
) -> Outcome:
    """With `channels`: as their readers get the log, 56 bytes of each entry of another channel."""
    rows, phases = [], []
    for item in items:
        result = log.apply(_shown_to(channels, item))
        code = str(result.code) if isinstance(result, Rejected) else ""
        rows.append([state_hash(log.state, channels), code])
        phases.append(str(log.state.effective_phase(item.at)))
    return {"results": rows, "phases": phases}


def _step(inputs: Inputs) -> Outcome:
    interrupted = Phase(inputs["interrupted"]) if "interrupted" in inputs else None
    found = step(Phase(inputs["phase"]), PhaseEvent(inputs["event"]), interrupted)
    return {"phase": None if found is None else found.value}


def whole_log(logs: Logs, name: str, channels: set[bytes]) -> bytes:
    """Hash of what the readers of `channels` have, computed by who reads everything."""
    with logs.at({"scene": name}) as (_, operation):
        assert operation is not None
        return state_hash(operation.state, {ChannelId(chan) for chan in channels})
