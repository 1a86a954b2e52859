"""What a member hands back of a log of which a restore lost signed entries (A50, ADR 0025).

Two things, each checked by itself: the 56-byte forms of the lost places, which must rebuild the
signed root, and whole entries, each of which must then be the leaf of its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import decode, encode
from cencomm_crypto.public.ids import ID_SIZE
from cencomm_crypto.public.lost import LEAF_BYTES
from cencomm_crypto.public.note import MAX_NOTE
from cencomm_crypto.public.shape import Bytes, Fixed, UInt
from cencomm_crypto.public.wire import Sequenced

MAX_PART = 256 * 1024  # bytes of one encoded part
MAX_FORMS = 2_048 * LEAF_BYTES  # bytes of forms in one part
MAX_ITEMS = 128 * 1024  # bytes of whole items in one part, unless the first alone is more
_PART = Fixed(
    (
        Bytes(least=1, most=MAX_NOTE),
        UInt(most=2**53 - 1),
        Bytes(most=MAX_FORMS),
        Bytes(most=MAX_PART),
    )
)


@dataclass(frozen=True, slots=True)
class TailPart:
    """The newest note that a member holds, and some of what lies under it.

    `forms`: the 56-byte forms (u64 at || scope[16] || inner[32]) of the places from `start` on,
    without a gap; `items`: a CBOR sequence of whole items, of any places.
    """

    note: bytes
    start: int = 0
    forms: bytes = b""
    items: bytes = b""

    def encode(self) -> bytes:
        """CBOR [note, start, forms, items]."""
        return encode([self.note, self.start, self.forms, self.items])

    @classmethod
    def decode(cls, data: bytes) -> TailPart:
        """Read strictly; raises ProtocolError."""
        value = decode(data, max_size=MAX_PART)
        _PART.check(value, "tail")
        if len(value[2]) % LEAF_BYTES:
            raise ProtocolError(ErrorCode.MALFORMED, "forms of 56 bytes each expected")
        return cls(*value)


def form_of(item: Sequenced) -> bytes:
    """The 56-byte form of a leaf: u64 at || scope[16] || inner[32]."""
    return item.at.to_bytes(8, "big") + item.scope + item.inner


def leaf_of_form(seq: int, form: bytes) -> bytes:
    """The RFC 6962 leaf hash of a 56-byte form at its place."""
    return lost_item(seq, form).leaf


def lost_item(seq: int, form: bytes) -> Sequenced:
    """The item of a place of which nothing but its 56-byte form is left (PROTOCOL 9.1)."""
    at, scope, inner = form[:8], form[8 : 8 + ID_SIZE], form[8 + ID_SIZE :]
    return Sequenced(seq, int.from_bytes(at, "big"), scope, inner, None, lost=True)


def forms_in(data: bytes) -> Iterator[bytes]:
    """Cut concatenated forms."""
    return (data[place : place + LEAF_BYTES] for place in range(0, len(data), LEAF_BYTES))
