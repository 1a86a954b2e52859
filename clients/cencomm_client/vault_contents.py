"""What a vault holds, as typed records, and their bytes inside the sealed file.

No message text is among them: what a device reads is opened anew from the replica. Long lists
of equal records are packed into one byte string each, so that a bot's ten thousand receipts
stay small and quick to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import Value, decode_map, encode
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId, PersonId
from cencomm_crypto.public.primitives import u64
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Map, Shape, Text, UInt

MAX_CONTENTS = 128 * 1024 * 1024
EpochAt = tuple[LogId, ChannelId, int]  # log, channel, n

_B32, _ID = Bytes((32,)), Bytes((16,))
_MANY = 1_000_000
_PACKED = Bytes(most=MAX_CONTENTS)
_SECRET_SIZE, _RECEIPT_SIZE = 16 + 16 + 8 + 32, 16 + 16 + 8 + 32
_SHAPE = Map(
    {
        "url": Text(2048),
        "person": _ID,
        "bot": UInt(0, 1),
        "sign": _B32,
        "boxes": Array(Fixed((_B32, UInt())), least=1, most=10_000),
        "epochs": _PACKED,
        "closes": _PACKED,
        "receipts": _PACKED,
        "outbox": Array(Fixed((_ID, _ID, Bytes(most=2**20), UInt())), most=_MANY),
        "heads": Array(Fixed((_B32, UInt(), _B32, Bytes(most=2**15))), most=_MANY),
        "promises": Array(Fixed((_ID, UInt(), _B32, Bytes(most=2**15))), most=_MANY),
        "invitations": Array(Fixed((_ID, _B32, _ID, Text(64), UInt(0, 1), UInt())), most=_MANY),
        "token": Bytes((0, 32)),
        "token_until": UInt(),
        "client_secret": Bytes(most=256),
    }
)


@dataclass(frozen=True, slots=True)
class BoxSeed:
    """The seed of one box key; `since` is the directory size from which it was the present one."""

    seed: bytes = field(repr=False)
    since: int


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """Signed bytes that have no verified receipt yet; sent again as they are, never signed anew.

    `submission` is `Submission.encode()`; `created_ms` the device's clock.
    """

    log: LogId
    id: EntryId
    submission: bytes = field(repr=False)
    created_ms: int


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """An own entry that the server acknowledged under a verified note: its place and leaf hash."""

    log: LogId
    id: EntryId
    seq: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The newest checkpoint of a log that this device verified entry by entry (never goes back)."""

    log_id32: bytes
    size: int
    root: bytes
    note: bytes

    @property
    def log(self) -> LogId:
        """The log's short id."""
        return LogId(self.log_id32[:16])


@dataclass(frozen=True, slots=True)
class PromisedHead:
    """A signed head beyond what was read so far (from a receipt or a notice); it must come true."""

    log: LogId
    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation that this person handed out; `secret` proves the keys that come back (A40)."""

    lookup: bytes
    secret: bytes = field(repr=False)
    person: PersonId
    account: str
    bot: bool
    created_ms: int


@dataclass(slots=True)
class Contents:
    """Everything inside the box. `notes` is for the other parts of the client: small sealed values
    under a name of their own ("rotation/..."), never message text."""

    url: str
    person: PersonId
    bot: bool
    sign: bytes = field(repr=False)
    boxes: list[BoxSeed]
    epochs: dict[EpochAt, bytes] = field(default_factory=dict, repr=False)
    closes: dict[EpochAt, bytes] = field(default_factory=dict, repr=False)
    receipts: dict[tuple[LogId, EntryId], StoredReceipt] = field(default_factory=dict)
    outbox: dict[tuple[LogId, EntryId], OutboxItem] = field(default_factory=dict)
    heads: dict[LogId, KnownHead] = field(default_factory=dict)
    promises: dict[tuple[LogId, int], PromisedHead] = field(default_factory=dict)
    invitations: dict[bytes, IssuedInvitation] = field(default_factory=dict)
    token: bytes = field(default=b"", repr=False)
    token_until_ms: int = 0
    client_secret: bytes = field(default=b"", repr=False)
    notes: dict[str, Value] = field(default_factory=dict, repr=False)

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode(
            {
                "url": self.url,
                "person": self.person,
                "bot": int(self.bot),
                "sign": self.sign,
                "boxes": [[box.seed, box.since] for box in self.boxes],
                "epochs": _pack_secrets(self.epochs),
                "closes": _pack_secrets(self.closes),
                "receipts": b"".join(
                    item.log + item.id + u64(item.seq) + item.leaf
                    for item in self.receipts.values()
                ),
                "outbox": [
                    [item.log, item.id, item.submission, item.created_ms]
                    for item in self.outbox.values()
                ],
                "heads": [
                    [head.log_id32, head.size, head.root, head.note] for head in self.heads.values()
                ],
                "promises": [
                    [head.log, head.size, head.root, head.note] for head in self.promises.values()
                ],
                "invitations": [
                    [
                        item.lookup,
                        item.secret,
                        item.person,
                        item.account,
                        int(item.bot),
                        item.created_ms,
                    ]
                    for item in self.invitations.values()
                ],
                "token": self.token,
                "token_until": self.token_until_ms,
                "client_secret": self.client_secret,
                "notes": self.notes,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Contents:
        """Read strictly; raises ProtocolError."""
        value = decode_map(data, max_size=MAX_CONTENTS)
        notes = value.pop("notes", None)
        if type(notes) is not dict:
            raise ProtocolError(ErrorCode.MALFORMED, "vault.notes: a map expected")
        _check(_SHAPE, value)
        outbox = [OutboxItem(LogId(a), EntryId(b), c, d) for a, b, c, d in value["outbox"]]
        heads = [KnownHead(*row) for row in value["heads"]]
        promises = [PromisedHead(*row) for row in value["promises"]]
        receipts = [
            StoredReceipt(LogId(row[:16]), EntryId(row[16:32]), _number(row[32:40]), row[40:])
            for row in _rows(value["receipts"], _RECEIPT_SIZE)
        ]
        invitations = [
            IssuedInvitation(lookup, secret, PersonId(person), account, bool(bot), created)
            for lookup, secret, person, account, bot, created in value["invitations"]
        ]
        return cls(
            url=value["url"],
            person=PersonId(value["person"]),
            bot=bool(value["bot"]),
            sign=value["sign"],
            boxes=[BoxSeed(*row) for row in value["boxes"]],
            epochs=_unpack_secrets(value["epochs"]),
            closes=_unpack_secrets(value["closes"]),
            receipts={(item.log, item.id): item for item in receipts},
            outbox={(item.log, item.id): item for item in outbox},
            heads={head.log: head for head in heads},
            promises={(head.log, head.size): head for head in promises},
            invitations={item.lookup: item for item in invitations},
            token=value["token"],
            token_until_ms=value["token_until"],
            client_secret=value["client_secret"],
            notes=notes,
        )


def _check(shape: Shape, value: Value) -> None:
    shape.check(value, "vault")


def _pack_secrets(secrets: Mapping[EpochAt, bytes]) -> bytes:
    return b"".join(
        log + chan + u64(n) + secret for (log, chan, n), secret in sorted(secrets.items())
    )


def _unpack_secrets(data: bytes) -> dict[EpochAt, bytes]:
    return {
        (LogId(row[:16]), ChannelId(row[16:32]), _number(row[32:40])): row[40:]
        for row in _rows(data, _SECRET_SIZE)
    }


def _rows(data: bytes, size: int) -> Iterator[bytes]:
    if len(data) % size:
        raise ProtocolError(ErrorCode.MALFORMED, f"vault: rows of {size} bytes expected")
    starts: Iterable[int] = range(0, len(data), size)
    return (data[start : start + size] for start in starts)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
