"""How entries travel: as they are submitted, as they are read back, and the author's receipt.

PROTOCOL 9. The inner bytes stay opaque; only the envelope is CBOR of this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import decode, decode_if, encode
from cencomm_crypto.public.entry import MAX_BODY, MAX_HEADER, Entry, leaf_hash, parse, parse_erased
from cencomm_crypto.public.scan import item_end
from cencomm_crypto.public.shape import Array, Bytes, Fixed, Map, Shape, UInt

WHOLE, WITHHELD, ERASED, LOST = 0, 1, 2, 3
MAX_WRAPS = 112 * 16_384  # bytes: five devices each of 3,000 people, and room
MAX_SHARES = 112 * 256  # 16 auditors with 16 devices each
_MAX_ITEM = MAX_HEADER + MAX_BODY + 256
_MAX_SUBMISSION = _MAX_ITEM + MAX_WRAPS + MAX_SHARES
_BYTE_STRING = 2  # major type of CBOR

_HASH = Bytes((32,))
_PLACE = UInt(most=2**53 - 1)
ITEMS: dict[int, Shape] = {
    WHOLE: Fixed(
        (
            UInt(0, 0),
            _PLACE,
            _PLACE,
            Bytes(least=1, most=MAX_HEADER),
            Bytes(most=MAX_BODY),
            Bytes((64,)),
        )
    ),
    WITHHELD: Fixed((UInt(1, 1), _PLACE, _PLACE, Bytes((16,)), _HASH)),
    ERASED: Fixed(
        (UInt(2, 2), _PLACE, _PLACE, Bytes(least=1, most=MAX_HEADER), _HASH, Bytes((64,)))
    ),
    LOST: Fixed((UInt(3, 3), _PLACE, _PLACE, Bytes((16,)), _HASH)),
}
_IS_WHOLE = ITEMS[WHOLE].surely()
SUBMISSION = Fixed(
    (
        Bytes(least=1, most=MAX_HEADER),
        Bytes(most=MAX_BODY),
        Bytes((64,)),
        Bytes(most=MAX_WRAPS),
        Bytes(most=MAX_SHARES),
    )
)
_IS_SUBMISSION = SUBMISSION.surely()
RECEIPT = Map(
    {
        "seq": _PLACE,
        "at": _PLACE,
        "note": Bytes(least=1, most=16 * 1024),
        "proof": Array(_HASH, most=64),
    }
)


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A leaf as the log holds it: place, server time (ms), scope, inner hash and the entry.

    `entry` is None where the content is withheld: another channel's, 56 bytes; or `lost`: nobody
    has it any more, and a log.restored names the place.
    """

    seq: int
    at: int
    scope: bytes
    inner: bytes
    entry: Entry | None
    lost: bool = False
    _leaf: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def leaf(self) -> bytes:
        """The RFC 6962 leaf hash, made once: tree, rules and readers ask for it in turn."""
        if not self._leaf:
            made = leaf_hash(self.seq, self.at, self.scope, self.inner)
            object.__setattr__(self, "_leaf", made)
        return self._leaf


def sequence(seq: int, at: int, entry: Entry) -> Sequenced:
    """Give an entry its place."""
    return Sequenced(seq, at, entry.scope, entry.inner, entry)


def encode_sequenced(item: Sequenced) -> bytes:
    """One item for a reader who may see it whole (or what is left of it)."""
    entry = item.entry
    if item.lost:
        return encode([LOST, item.seq, item.at, item.scope, item.inner])
    if entry is None:
        return encode_withheld(item)
    if entry.body_bytes is None:
        return encode([ERASED, item.seq, item.at, entry.header_bytes, entry.body_hash, entry.sig])
    return encode([WHOLE, item.seq, item.at, entry.header_bytes, entry.body_bytes, entry.sig])


def encode_withheld(item: Sequenced) -> bytes:
    """One item for a reader who may not: place, time, scope and inner hash."""
    return encode([WITHHELD, item.seq, item.at, item.scope, item.inner])


def decode_sequenced(data: bytes) -> Sequenced:
    """Read one item strictly."""
    if len(data) <= _MAX_ITEM and (whole := decode_if(_IS_WHOLE, data)) is not None:
        _, seq, at, header, body, sig = whole
        return sequence(seq, at, parse(header, body, sig))
    value = decode(data, max_size=_MAX_ITEM)
    form = value[0] if isinstance(value, list) and value else None
    if type(form) is not int or form not in ITEMS:
        raise ProtocolError(ErrorCode.MALFORMED, "a log item starts with 0, 1, 2 or 3")
    ITEMS[form].check(value, "item")
    if form in (WITHHELD, LOST):
        _, seq, at, scope, inner = value
        return Sequenced(seq, at, scope, inner, None, lost=form == LOST)
    if form == ERASED:
        _, seq, at, header, body_hash, sig = value
        return sequence(seq, at, parse_erased(header, body_hash, sig))
    _, seq, at, header, body, sig = value
    return sequence(seq, at, parse(header, body, sig))


def split_sequence(data: bytes, *, max_item: int = _MAX_ITEM) -> Iterator[bytes]:
    """Cut a CBOR sequence (RFC 8742) into the exact bytes of its items; raises ProtocolError."""
    start = 0
    while start < len(data):
        end = item_end(data, start)
        if end - start > max_item:
            raise ProtocolError(ErrorCode.TOO_LARGE, f"an item of more than {max_item} bytes")
        yield data[start:end]
        start = end


def decode_sequenced_stream(data: bytes) -> list[Sequenced]:
    """Read a whole CBOR sequence of log items."""
    return [decode_sequenced(item) for item in split_sequence(data)]


def _is_row_of_strings(data: bytes, count: int) -> bool:
    """Whether `data` is an array of `count` byte strings, told from their heads alone.

    Wraps make a submission large; a megabyte of small items would cost a second to read (A35).
    """
    place, array = 1, 0x80 | count
    if data[0] != array:
        return False
    for _ in range(count):
        if place >= len(data) or data[place] >> 5 != _BYTE_STRING:
            return False
        place = item_end(data, place)
    return place == len(data)


@dataclass(frozen=True, slots=True)
class Submission:
    """What an author sends: the entry's bytes; with a rotate its wraps and share wraps.

    `wraps` is 112 bytes per recipient in the order of recips; for a grant, its one wrap.
    `shares` is one wrap per share holder in the order of share_holders; empty elsewhere.
    """

    header: bytes
    body: bytes
    sig: bytes
    wraps: bytes = b""
    shares: bytes = b""

    @classmethod
    def of(cls, entry: Entry, wraps: bytes = b"", shares: bytes = b"") -> Submission:
        """Wrap up an entry just authored."""
        if entry.body_bytes is None:
            raise ValueError("an erased entry cannot be submitted")
        return cls(entry.header_bytes, entry.body_bytes, entry.sig, wraps, shares)

    def encode(self) -> bytes:
        """CBOR array of the five byte strings."""
        return encode([self.header, self.body, self.sig, self.wraps, self.shares])

    @classmethod
    def decode(cls, data: bytes) -> Submission:
        """Read strictly; raises ProtocolError."""
        if len(data) <= _MAX_ITEM and (sure := decode_if(_IS_SUBMISSION, data)) is not None:
            return cls(*sure)
        large = _MAX_ITEM < len(data) <= _MAX_SUBMISSION
        if large and not _is_row_of_strings(data, len(SUBMISSION.items)):
            raise ProtocolError(ErrorCode.MALFORMED, "a submission is five byte strings")
        value = decode(data, max_size=_MAX_SUBMISSION)
        SUBMISSION.check(value, "submission")
        return cls(*value)

    def entry(self) -> Entry:
        """Parse the entry strictly; raises ProtocolError."""
        return parse(self.header, self.body, self.sig)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's promise: place and time, the note that covers it, and the inclusion proof."""

    seq: int
    at: int
    note: bytes
    proof: tuple[bytes, ...]

    def encode(self) -> bytes:
        """CBOR map {seq, at, note, proof}."""
        return encode(
            {"seq": self.seq, "at": self.at, "note": self.note, "proof": list(self.proof)}
        )

    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """Read strictly; raises ProtocolError."""
        value = decode(data, max_size=32 * 1024)
        RECEIPT.check(value, "receipt")
        return cls(value["seq"], value["at"], value["note"], tuple(value["proof"]))
