"""Sound inputs to begin with: `python -m tests.fuzz seeds` writes them into the corpus.

All come from fixed seeds, so that a run writes the same files again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import author
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.note import Checkpoint, cosign, sign_checkpoint
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    Submission,
    encode_sequenced,
    encode_withheld,
)

from tests.fuzz.targets import KEY, KINDS, ORIGIN, WITNESS, cast, ids, placeholder

ENTRIES = 16  # place of the route by which entries come, among the sorted ones
CORPUS = Path(__file__).resolve().parent / "corpus"


def write() -> int:
    """Write every seed; gives how many."""
    made = 0
    for target, number, data in _seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed-{number:03}").write_bytes(data)
        made += 1
    return made


def _seeds() -> Iterator[tuple[str, int, bytes]]:
    for target, make in (
        ("decoder", _decoder),
        ("entry", _entries),
        ("note", _notes),
        ("rules", _rules),
        ("wire", _wire),
        ("http", _http),
        ("live", _live),
    ):
        for number, data in enumerate(make()):
            yield target, number, data


def _one_of_each() -> list[Sequenced]:
    """The first entry of each type in the cast's two logs."""
    found: dict[str, Sequenced] = {}
    for item in (*cast().directory.entries, *cast().operation.entries):
        assert item.entry is not None
        found.setdefault(item.entry.header.type, item)
    operation = cast().operation
    message = operation.current("message", bytes(328), cast().work, cast().officer)
    found["message"] = operation.sequenced(message)
    return list(found.values())


def _decoder() -> Iterator[bytes]:
    deep: list[Any] = [[[[[[[[]]]]]]]]
    values: tuple[Any, ...] = (0, -1, 2**64 - 1, -(2**64), b"", "", "\u00e9", True, [], {}, deep)
    for value in values:
        yield encode(value)
    yield encode({"a": 1, "bb": b"\x01", "z" * 23: ["x", {"y": False}]})
    for text in ("f97e00", "9fff", "a2616100616100", "c100", "fb7ff8000000000000", "f6", "5fff"):
        yield bytes.fromhex(text)


def _entries() -> Iterator[bytes]:
    for item in _one_of_each():
        entry = item.entry
        assert entry is not None
        signed = author(entry.header, entry.body or entry.body_bytes or b"", KEY)
        size = len(signed.header_bytes).to_bytes(2, "big")
        yield size + signed.header_bytes + (signed.body_bytes or b"") + signed.sig


def _notes() -> Iterator[bytes]:
    for size in (0, 7, 2**53 - 1):
        head = Checkpoint(ORIGIN, size, sha256(b"root"))
        yield head.text()
        yield sign_checkpoint(head, KEY)
        yield cosign(sign_checkpoint(head, KEY), WITNESS, KEY, 1_767_225_600)


def _rules() -> Iterator[bytes]:
    numbers = {value: number for number, value in reversed(list(enumerate(ids())))}
    for item in _one_of_each():
        entry = item.entry
        assert entry is not None
        operation = item in cast().operation.entries or entry.header.type == "message"
        body = entry.body_bytes or b""
        if entry.body is not None:
            body = encode(_emptied(dict(entry.body), numbers))
        for who in range(3):
            yield bytes([KINDS.index(entry.header.type), who, int(operation) | who << 1]) + body


def _emptied(value: Any, numbers: dict[bytes, int]) -> Any:
    if isinstance(value, bytes) and value in numbers:
        return placeholder(numbers[value], len(value))
    if isinstance(value, dict):
        return {key: _emptied(item, numbers) for key, item in value.items()}
    return [_emptied(item, numbers) for item in value] if isinstance(value, list | tuple) else value


def _wire() -> Iterator[bytes]:
    items = cast().operation.entries[:3]
    note = sign_checkpoint(Checkpoint(ORIGIN, 3, sha256(b"root")), KEY)
    yield b"\x00" + b"".join(encode_sequenced(item) for item in items)
    yield b"\x00" + encode_withheld(items[1])
    assert items[1].entry is not None
    yield b"\x01" + Submission.of(items[1].entry, bytes(112), bytes(112)).encode()
    yield b"\x02" + Receipt(3, 5, note, (bytes(32), bytes(32))).encode()
    yield b"\x03" + encode([bytes(16), 3, note]) + encode_sequenced(items[2])
    yield b"\x04" + encode({"wrap": bytes(112), "share": [[1, bytes(112)]]})
    yield b"\x05" + b'{"code":"too_busy","detail":"later","size":3,"logs":[{"size":3}]}'
    invitation = Invitation(
        bytes(32), PersonId(bytes(16)), bytes(32), "FR-014", "human", "http://127.0.0.1:8470"
    )
    yield b"\x06" + invitation.text().encode()


def _http() -> Iterator[bytes]:
    for route in range(24):  # more than there are: they wrap around
        for how in (0, 0x80):
            query = b"" if how else b"after=0&limit=9"
            body = b'{"device":"%032d"}' % 0 if how else b""
            for who in (0, 1):
                yield bytes([route, who, how, len(query)]) + query + body
    for item in _one_of_each():
        assert item.entry is not None
        header = encode({"type": item.entry.header.type, **_beside(item)})
        signed = len(header).to_bytes(2, "big") + header + (item.entry.body_bytes or b"")
        for who in (1, 2):
            yield bytes([ENTRIES, who, 0xC0, 0]) + signed


def _beside(item: Sequenced) -> dict[str, Any]:
    assert item.entry is not None
    header = item.entry.header
    given: dict[str, Any] = {} if header.chan is None else {"chan": b""}
    return given if header.epoch is None else {**given, "epoch": header.epoch}


def _live() -> Iterator[bytes]:
    entry = cast().operation.entries[1].entry
    assert entry is not None
    submission = Submission.of(entry).encode()
    for who in range(5):
        yield (
            bytes([who])
            + _frame(1, b'451-1["append",{"_placeholder":true,"num":0}]')
            + _frame(2, submission)
        )
        yield bytes([who]) + _frame(1, b'421["append",{}]')
        yield bytes([who]) + _frame(1, b"40{}") + _frame(1, b"3") + _frame(0, b"\x00")
        yield bytes([who]) + _frame(1, b'42["nothing"]') + _frame(1, b"41")


def _frame(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(2, "big") + content
