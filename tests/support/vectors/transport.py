"""wire.json: PROTOCOL 9."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.entry import author
from cencomm_crypto.public.note import Checkpoint, sign_checkpoint
from cencomm_crypto.public.primitives import sha256
from cencomm_crypto.public.tree import Tree
from cencomm_crypto.public.wire import (
    Receipt,
    Sequenced,
    Submission,
    encode_sequenced,
    encode_withheld,
    sequence,
)

from tests.support.vectors.entries import BODY, CONTROL, KEY, MESSAGE, NOW
from tests.support.vectors.notation import Book, Case, Json, fixed
from tests.support.vectors.trees import LOG, ORIGIN

MESSAGE_ENTRY = author(MESSAGE, b"sealed", KEY)
CONTROL_ENTRY = author(CONTROL, BODY, KEY)
ITEMS = [sequence(4, NOW, CONTROL_ENTRY), sequence(5, NOW + 3, MESSAGE_ENTRY)]


def book() -> Book:
    """Envelopes, both ways, and those that are refused."""
    return Book("PROTOCOL 9: transport", [*_items(), *_submissions(), *_receipts()])


def _items() -> Iterator[Case]:
    control, message = ITEMS
    for name, item, data in (
        ("whole control entry", control, encode_sequenced(control)),
        ("whole message", message, encode_sequenced(message)),
        ("withheld", message, encode_withheld(message)),
        ("lost", message, encode_sequenced(replace(message, entry=None, lost=True))),
    ):
        yield Case(f"item: {name}", "WIRE-1", "item", {"data": data}, _place(item))
    parts = (MESSAGE_ENTRY.header_bytes, MESSAGE_ENTRY.body_hash, MESSAGE_ENTRY.sig)
    erased = encode([2, 5, NOW + 3, *parts])
    yield Case("item: erased", "WIRE-1", "item", {"data": erased}, _place(message))
    stream = b"".join(encode_sequenced(item) for item in ITEMS) + encode_withheld(
        Sequenced(6, NOW + 9, fixed("chan", 16), fixed("inner"), None)
    )
    yield Case("three items in a row", "WIRE-1", "items", {"data": stream}, {"seqs": [4, 5, 6]})
    yield Case("no item", "WIRE-1", "items", {"data": b""}, {"seqs": []})
    whole = encode_sequenced(message)
    bad: dict[str, tuple[bytes, str]] = {
        "of form 4": (encode([4, 5, NOW, bytes(16), bytes(32)]), "malformed"),
        "lost with a field too many": (encode([3, 5, NOW, bytes(16), bytes(32), 0]), "malformed"),
        "an empty array": (encode([]), "malformed"),
        "a map": (encode({}), "malformed"),
        "withheld with a field too many": (
            encode([1, 5, NOW, bytes(16), bytes(32), 0]), "malformed"),
        "withheld with a scope of 15": (encode([1, 5, NOW, bytes(15), bytes(32)]), "malformed"),
        "negative seq": (encode([1, -1, NOW, bytes(16), bytes(32)]), "malformed"),
        "seq of 2^53": (encode([1, 2**53, NOW, bytes(16), bytes(32)]), "malformed"),
        "true as form": (encode([True, 5, NOW, bytes(16), bytes(32)]), "malformed"),
        "signature of 63": (
            encode([0, 5, NOW, MESSAGE_ENTRY.header_bytes, b"", bytes(63)]), "malformed"),
        "empty header": (encode([0, 5, NOW, b"", b"", bytes(64)]), "malformed"),
        "header that is none": (encode([0, 5, NOW, b"\xa0", b"", bytes(64)]), "malformed"),
        "erased control entry": (
            encode([2, 5, NOW, CONTROL_ENTRY.header_bytes, bytes(32), bytes(64)]), "malformed"),
        "not canonical": (whole[:1] + b"\x18\x00" + whole[2:], "not_canonical"),
        "cut short": (whole[:-1], "malformed"),
        "with a byte after it": (whole + b"\x00", "malformed"),
    }  # fmt: skip
    for name, (data, code) in bad.items():
        yield Case(f"item: {name}", "WIRE-1", "item", {"data": data}, failure=code)
    for name, data, code in (
        ("cut in the second", stream[: len(whole) + 90], "malformed"),
        ("a null between", encode_sequenced(control) + b"\xf6", "wrong_type"),
    ):
        yield Case(f"items: {name}", "WIRE-1", "items", {"data": data}, failure=code)
    for name, data, zeros, code in (  # bytes of this size, then so many zeros
        ("one over its limit", b"\x85\x01\x05\x00\x40\x59\xf1\x00", 61_696, "too_large"),
        ("one over its limit that is cut short", b"\x85\x01\x05\x00\x40\x59\xf1\x00", 61_695,
         "malformed"),
        ("one over its limit with a null", b"\x85\x01\x05\xf6\x40\x59\xf1\x00", 61_696,
         "wrong_type"),
    ):  # fmt: skip
        inputs = {"data": data, "zeros": zeros}
        yield Case(f"items: {name}", "WIRE-1", "items", inputs, failure=code)


def _place(item: Sequenced) -> dict[str, Json]:
    return {
        "seq": item.seq,
        "at": item.at,
        "scope": item.scope,
        "inner": item.inner,
        "leaf": item.leaf,
    }


def _submissions() -> Iterator[Case]:
    wraps, shares = fixed("wraps", 224), fixed("shares", 112)
    for name, submission in (
        ("without wraps", Submission.of(MESSAGE_ENTRY)),
        ("with wraps and shares", Submission.of(MESSAGE_ENTRY, wraps, shares)),
    ):
        yield Case(
            f"submission {name}",
            "WIRE-1",
            "submission",
            {"data": submission.encode()},
            {
                "header": submission.header,
                "body": submission.body,
                "sig": submission.sig,
                "wraps": submission.wraps,
                "shares": submission.shares,
            },
        )
    parts = [MESSAGE_ENTRY.header_bytes, b"sealed", MESSAGE_ENTRY.sig]
    for name, value in (
        ("of four fields", [*parts, b""]),
        ("with text as body", [parts[0], "sealed", parts[2], b"", b""]),
        ("with a signature of 63", [*parts[:2], bytes(63), b"", b""]),
        ("as a map", {"header": parts[0]}),
    ):
        yield Case(f"submission {name}", "WIRE-1", "submission", {"data": encode(value)},
                   failure="malformed")  # fmt: skip


def _receipts() -> Iterator[Case]:
    leaves = [sha256(f"leaf {n}".encode()) for n in range(7)]
    leaves[5] = ITEMS[1].leaf
    tree = Tree(leaves)
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, tree.root()), LOG)
    receipt = Receipt(5, NOW + 3, note, tree.inclusion(5, 7))
    yield Case("receipt", "WIRE-1", "receipt", {"data": receipt.encode()},
               {"seq": 5, "at": NOW + 3, "note": note.decode(),
                "proof": receipt.proof})  # fmt: skip
    author_side = {"data": receipt.encode(), "origin": ORIGIN, "public": LOG.public,
                   "scope": MESSAGE_ENTRY.scope, "inner": MESSAGE_ENTRY.inner}  # fmt: skip
    yield Case("a receipt that holds", "WIRE-3", "verify receipt", author_side, {"size": 7})
    later = Receipt(5, NOW + 4, note, receipt.proof)
    moved = Receipt(4, NOW + 3, note, receipt.proof)
    beyond = Receipt(7, NOW + 3, note, receipt.proof)
    stranger = sign_checkpoint(Checkpoint(ORIGIN, 7, fixed("root")), LOG)
    rows: list[tuple[str, Receipt, str]] = [
        ("with another time", later, "bad_proof"),
        ("with another place", moved, "bad_proof"),
        ("beyond its note", beyond, "bad_proof"),
        ("with another head", Receipt(5, NOW + 3, stranger, receipt.proof), "bad_proof"),
        ("with a broken note", Receipt(5, NOW + 3, note[:-2] + b"\n", receipt.proof), "bad_note"),
    ]
    for name, forged, code in rows:
        yield Case(f"a receipt {name}", "WIRE-3", "verify receipt",
                   {**author_side, "data": forged.encode()}, failure=code)  # fmt: skip
    other = {**author_side, "inner": CONTROL_ENTRY.inner}
    yield Case("a receipt of another entry", "WIRE-3", "verify receipt", other,
               failure="bad_proof")  # fmt: skip
    extra = encode({"seq": 5, "at": NOW, "note": note, "proof": [], "more": 1})
    yield Case("a receipt with an unknown key", "WIRE-1", "receipt", {"data": extra},
               failure="malformed")  # fmt: skip
