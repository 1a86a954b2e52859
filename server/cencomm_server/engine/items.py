"""One leaf in its three shapes: as the rules read it, as the store keeps it, as readers get it."""

from __future__ import annotations

from dataclasses import dataclass

import cbor2
from cencomm_crypto.public.entry import leaf_hash, parse, parse_erased
from cencomm_crypto.public.wire import (
    ERASED,
    LOST,
    WHOLE,
    WITHHELD,
    Sequenced,
    sequence,
)

from cencomm_server.store.documents import EntryDoc, lost_place


@dataclass(frozen=True, slots=True)
class Item:
    """A committed leaf, encoded once for all readers (PROTOCOL 9)."""

    seq: int
    scope: bytes
    whole: bytes
    withheld: bytes

    @property
    def size_bytes(self) -> int:
        """What it costs to keep."""
        return len(self.whole) + len(self.withheld)

    @classmethod
    def of(cls, sequenced: Sequenced) -> Item:
        """Encode what the rules have just taken."""
        return cls.stored(document(sequenced))

    @classmethod
    def stored(cls, doc: EntryDoc) -> Item:
        """Encode what the store holds."""
        return cls(doc.seq, doc.scope, encode_whole(doc), encode_hidden(doc))


def document(sequenced: Sequenced) -> EntryDoc:
    """What the store keeps of a leaf: a whole entry, or a lost place."""
    entry = sequenced.entry
    if entry is None:
        return lost_place(sequenced.seq, sequenced.at, sequenced.scope, sequenced.inner)
    return EntryDoc(
        seq=sequenced.seq,
        at=sequenced.at,
        scope=sequenced.scope,
        inner=sequenced.inner,
        header=entry.header_bytes,
        body=entry.body_bytes,
        body_hash=entry.body_hash,
        sig=entry.sig,
        device=entry.header.device,
        id=entry.header.id,
    )


def sequenced(doc: EntryDoc) -> Sequenced:
    """Parse what the store kept; raises ProtocolError if it is not what was written.

    Scope and inner hash are computed anew from the bytes, never believed (A36); of a lost place
    the tree, held against the signed head, says whether they are true.
    """
    if doc.lost:
        return Sequenced(doc.seq, doc.at, doc.scope, doc.inner, None, lost=True)
    if doc.body is None:
        entry = parse_erased(doc.header, doc.body_hash, doc.sig)
    else:
        entry = parse(doc.header, doc.body, doc.sig)
    return sequence(doc.seq, doc.at, entry)


def leaf_of(doc: EntryDoc) -> bytes:
    """The leaf hash by what the store says of itself; compare with the tree."""
    return leaf_hash(doc.seq, doc.at, doc.scope, doc.inner)


def encode_whole(doc: EntryDoc) -> bytes:
    """A stored leaf for a reader who may see it, body erased or not; lost is it for everybody."""
    if doc.lost:
        return _array(LOST, doc.seq, doc.at, doc.scope, doc.inner)
    if doc.body is None:
        return _array(ERASED, doc.seq, doc.at, doc.header, doc.body_hash, doc.sig)
    return _array(WHOLE, doc.seq, doc.at, doc.header, doc.body, doc.sig)


def encode_hidden(doc: EntryDoc) -> bytes:
    """A stored leaf for a reader who may not: place, time, scope, inner hash."""
    return _array(LOST if doc.lost else WITHHELD, doc.seq, doc.at, doc.scope, doc.inner)


def _array(*values: int | bytes) -> bytes:
    """What `encoding.encode` gives for integers and byte strings, at a fifth of its cost.

    They have one form in CBOR; there is nothing to walk and to normalise. A test compares.
    """
    return cbor2.dumps(values)
