"""Entries near to sound ones: fields of header and body changed, and signed anew by who may sign.

What is signed anew passes every check of bytes and reaches the rules, where two readers of the
specification can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.keys import SigningKey, SigType, root_message
from cencomm_crypto.public.primitives import sha256

MAX_UINT = 2**64 - 1
WORDS = (
    "coordinator", "officer", "analyst", "observer", "expert", "bot", "auditor", "ncp", "human",
    "draft", "prep", "live", "post", "debrief", "operations", "work", "main", "aside", "FR", "BE",
    "FR-1", "B0T-2", "warn", "strict", "x" * 65, "a+b", "all", "none",
)  # fmt: skip
ADDED = (
    "chan", "kinds", "rate", "parent", "members", "rule", "all", "admins", "roles", "not_after",
    "live", "channels", "replaces", "prev_close", "prev_link", "escrow", "shares_root", "shares",
    "previous", "epoch", "re", "to", "prio",
)  # fmt: skip

JUDGED = ("seen", "seen", "dir", "dir", "device", "device", "id", "chan", "epoch")


@dataclass
class Pool:
    """What values are changed to: ids, hashes, keys, times and heads that mean something here."""

    random: Random
    octets: dict[int, list[bytes]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    heads: Sequence[tuple[int, bytes]] = ()
    directory_heads: Sequence[tuple[int, bytes]] = ()

    def add(self, *values: bytes) -> None:
        """Bytes that others of their length may be changed to."""
        for value in values:
            self.octets.setdefault(len(value), []).append(value)

    def bytes_like(self, value: bytes) -> bytes:
        """Others of the same length, or nearly the same."""
        known = self.octets.get(len(value), [])
        if known and self.random.random() < 0.8:
            return self.random.choice(known)
        if self.random.random() < 0.1:
            return self.random.choice((value[:-1], value + b"\0", b""))
        place = self.random.randrange(len(value)) if value else 0
        return value[:place] + bytes(b ^ 1 for b in value[place : place + 1]) + value[place + 1 :]

    def number_like(self, value: int) -> int:
        """Another that is next to it, at a bound, or a time that matters."""
        near = (value + 1, max(value - 1, -1), 0, 1, 2, 2**53 - 1, 2**53, MAX_UINT)
        if value > 10**12 and self.numbers and self.random.random() < 0.8:
            return self.random.choice(self.numbers) + self.random.choice((-1, 0, 0, 1))
        return self.random.choice(near)

    def value_like(self, value: Any) -> Any:
        """One step away from `value`, whatever it is."""
        match value:
            case bool():
                return not value
            case int():
                return self.number_like(value)
            case bytes():
                return self.bytes_like(value)
            case str():
                return self.random.choice(WORDS)
            case list():
                return self._list_like(value)
            case dict():
                return self._map_like(value)
        raise TypeError(type(value))

    def _list_like(self, value: list[Any]) -> list[Any]:
        place = self.random.randrange(len(value)) if value else 0
        match self.random.randrange(5 if value else 1):
            case 0:
                return [*value, self.anything() if not value else self.value_like(value[place])]
            case 1:
                return value[:place] + value[place + 1 :]
            case 2:
                return [*value, value[place]]
            case 3:
                return value[::-1]
        return [*value[:place], self.value_like(value[place]), *value[place + 1 :]]

    def _map_like(self, value: dict[str, Any]) -> dict[str, Any]:
        changed = dict(value)
        if not value or self.random.random() < 0.1:
            changed[self.random.choice(ADDED)] = self.anything()
        elif self.random.random() < 0.1:
            del changed[self.random.choice(sorted(value))]
        else:
            name = self.random.choice(sorted(value))
            changed[name] = self.value_like(value[name])
        return changed

    def anything(self) -> Any:
        """A value of any kind."""
        makers: tuple[Callable[[], Any], ...] = (
            lambda: self.random.choice(self.numbers or [0]),
            lambda: self.random.choice(self.octets.get(16) or [bytes(16)]),
            lambda: self.random.choice(self.octets.get(32) or [bytes(32)]),
            lambda: [self.random.choice(self.octets.get(16) or [bytes(16)])],
            lambda: self.random.choice(WORDS),
            lambda: [self.random.choice(WORDS)],
            lambda: self.random.randrange(40),
            lambda: True,
            lambda: bytes(48),
        )
        return self.random.choice(makers)()

    def head_like(self, name: str) -> list[Any]:
        """An earlier head, or one that is none."""
        size, root = self.random.choice(self.heads if name == "seen" else self.directory_heads)
        match self.random.randrange(6):
            case 0:
                return [size + 1, root]
            case 1:
                return [size, bytes(32)]
        return [size, root]


Resign = Callable[[dict[str, Any]], dict[str, Any]]


def changed(
    pool: Pool, entry: Entry, keys: Mapping[bytes, SigningKey], resign: Resign
) -> tuple[bytes, bytes, bytes] | None:
    """Header, body and signature of an entry near to `entry`; None if it cannot be written down."""
    random = pool.random
    header = decode_map(entry.header_bytes, max_size=4096)
    opaque = entry.body is None
    body: Any = entry.body_bytes if opaque else decode_map(entry.body_bytes or b"", max_size=57_344)
    if random.random() < (0.9 if opaque else 0.4):
        header = _changed_header(pool, header, keys)
    if not opaque:
        for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
            body = pool.value_like(body)
        if isinstance(body, dict) and "sigs" in body and random.random() < 0.9:
            body = resign(body)
    try:
        header_bytes = encode(header)
        body_bytes = body if opaque else encode(body)
    except ProtocolError:
        return None
    device = header.get("device")
    key = keys.get(device) if isinstance(device, bytes) else None
    if key is None or random.random() < 0.02:
        key = random.choice([*keys.values()])
    signature = key.sign(SigType.ENTRY, sha256(header_bytes) + sha256(body_bytes))
    return header_bytes, body_bytes, signature


def _changed_header(
    pool: Pool, header: dict[str, Any], keys: Mapping[bytes, SigningKey]
) -> dict[str, Any]:
    random, made = pool.random, dict(header)
    judged = [name for name in JUDGED if name in header]  # by the rules; the others by the parser
    name = random.choice(judged if random.random() < 0.7 else sorted(header))
    match name:
        case "seen" | "dir":
            if name in header:
                made[name] = pool.head_like(name)
        case "device":
            made[name] = random.choice([*keys])
        case _:
            if random.random() < 0.1:
                del made[name]
            else:
                made[name] = pool.value_like(made[name])
    return made


def resigned(
    body: dict[str, Any], kind: SigType, signers: Mapping[int, SigningKey], directory: bytes
) -> dict[str, Any]:
    """`body` with sound signatures of `signers` over what it says now."""
    signed = {name: value for name, value in body.items() if name != "sigs"}
    try:
        message = root_message(directory, signed)
    except ProtocolError:
        return body
    return {**signed, "sigs": [[place, key.sign(kind, message)] for place, key in signers.items()]}
