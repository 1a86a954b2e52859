"""What members do with entries that stand: correct, withdraw, forward, export (client rules).

Refuses to change what another administration said, and to let out what handling forbids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_crypto.errors import ErrorCode, ProtocolError

from cencomm_client.channel import Channel
from cencomm_client.directing import adds_content, expect_directed
from cencomm_client.errors import HandlingForbids
from cencomm_client.handling import Way
from cencomm_client.items import Message
from cencomm_client.kinds import CORRECTION, WITHDRAWAL
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.reaching import expect_reached
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING
from cencomm_client.work.gate import Gate

Exported = tuple[list[tuple[Message, Mapping[str, Any]]], list[HandlingForbids]]
"""What may leave with its content, and what must stay with the reason."""


async def correct(
    operation: Operation, leaf: bytes, changed: Mapping[str, Any], reason: str
) -> Posted:
    """Give fields of an own administration's entry anew; the old entry stays.

    The entry with the new fields must still be a right form. Raises NotTheAuthor, FormInvalid,
    NotChangeable, NotDirected for more about what stands where too many read,
    ProtocolError(UNKNOWN_REFERENCE) for an entry that this device cannot read.
    """
    message = await _read(operation, leaf)
    place = _channel_of(operation, message)
    if adds_content(changed):
        stands = operation.attend().refresh().present(message).content
        made = {**(stands or {}), **changed}
        expect_directed(operation.state, place.state, message.kind or "", made, message.to)
        if changed.keys() & {"recipients", "assignee"}:
            directory, own = operation.directory, operation.person
            expect_reached(operation.state, directory, place.state, own, message.kind or "", made)
    content = {"target": message.place.leaf, "fields": dict(changed), "reason": reason}
    return await place.post(CORRECTION, content, re=message)


async def withdraw(operation: Operation, leaf: bytes, reason: str) -> Posted:
    """Withdraw an own administration's entry, or a correction; it stays in the history, for good.

    Raises NotTheAuthor, NotChangeable, ProtocolError(UNKNOWN_REFERENCE).
    """
    message = await _read(operation, leaf)
    content = {"target": message.place.leaf, "reason": reason}
    return await _channel_of(operation, message).post(WITHDRAWAL, content, re=message)


async def forward(operation: Operation, leaf: bytes, channel: str) -> Posted:
    """Quote an entry as it stands into another channel, with its caveats.

    Raises HandlingForbids; a forwarding under a grant is logged. NotDirected for a channel that
    more read than it is for, ProtocolError(UNKNOWN_CHANNEL, UNKNOWN_REFERENCE).
    """
    gate = Gate(operation)
    message = _readable(gate.message(leaf), leaf)
    place = operation.channel(channel)
    stands = gate.standing(message)
    if stands is None:
        raise ProtocolError(ErrorCode.BAD_VALUE, f"entry {message.place.seq} is withdrawn")
    gate.check(message, Way.FORWARD)  # what forbids every channel is said first
    about = gate.message(reading.target(stands) or b"") if message.kind in CHANGING else message
    kind = message.kind if about is None else about.kind
    expect_directed(operation.state, place.state, kind or "", stands, message.to)
    content = await gate.let_out(message, Way.FORWARD, stands)
    words = json.dumps(_plain(content), ensure_ascii=False, indent=1)
    source = f"{message.kind} of {message.author.code}, entry {message.place.seq}"
    text = f"{reading.FORWARDED}{source} in {message.channel_name}\n{words}"
    return await place.post(reading.MESSAGE, {"text": text, **reading.caveats(content)}, re=message)


async def export(operation: Operation, leaves: Iterable[bytes] | None = None) -> Exported:
    """Content of entries for a file; everything that this device reads where none is named.

    A named one that must stay raises HandlingForbids before anything leaves. The use of grants is
    in the log when this returns.
    """
    gate = Gate(operation)
    desk = operation.attend().refresh()
    named = leaves is not None
    messages = (
        [_readable(gate.message(leaf), leaf) for leaf in leaves]
        if leaves is not None
        else [one for one in desk.messages() if one.content is not None]
    )
    stays: list[HandlingForbids] = []
    passing: list[Message] = []
    for message in messages:
        try:
            gate.check(message, Way.EXPORT)
            passing.append(message)
        except HandlingForbids as refused:
            if named:
                raise
            stays.append(refused)
    return [(one, await gate.let_out(one, Way.EXPORT)) for one in passing], stays


async def _read(operation: Operation, leaf: bytes) -> Message:
    await operation.refresh()
    return _readable(operation.attend().refresh().message(leaf), leaf)


def _readable(message: Message | None, leaf: bytes) -> Message:
    if message is None or message.content is None:
        raise ProtocolError(
            ErrorCode.UNKNOWN_REFERENCE, f"no entry {leaf.hex()} that this device can read"
        )
    return message


def _channel_of(operation: Operation, message: Message) -> Channel:
    return operation.channel(message.channel.hex())


def _plain(value: Any) -> Any:
    """JSON's types: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
