"""tree.json and notes.json: PROTOCOL 4 and 5."""

from __future__ import annotations

import base64

from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.note import Checkpoint, cosign, origin, sign_checkpoint
from cencomm_crypto.public.primitives import EMPTY_ROOT, sha256, u64
from cencomm_crypto.public.tree import Tree

from tests.support.vectors.notation import Book, Case, Json, fixed

COUNT = 17
LEAVES = [sha256(f"leaf {n}".encode()) for n in range(COUNT)]
TREE = Tree(LEAVES)

LOG = SigningKey.from_seed(fixed("log key"))
OTHER_LOG = SigningKey.from_seed(fixed("other log key"))
WITNESSES = {
    name: SigningKey.from_seed(fixed(name)) for name in ("witness.example/1", "witness.example/2")
}
ORIGIN = origin("cencomm.example", bytes(range(16)))
HEAD = Checkpoint(ORIGIN, 123_456, fixed("head root"))
NOTE = sign_checkpoint(HEAD, LOG)
TIME_S = 1_767_225_600


def trees() -> Book:
    """Roots, inclusion and consistency of the first 17 sizes, and proofs that do not hold."""
    cases = [
        Case(f"root of {size}", "TREE-4", "roots", {"leaves": LEAVES[:size]},
             {"root": TREE.root(size)})
        for size in range(COUNT + 1)
    ]  # fmt: skip
    for index, size in (
        (0, 1),
        (0, 2),
        (1, 2),
        (2, 3),
        (4, 5),
        (6, 8),
        (7, 11),
        (10, 11),
        (16, 17),
    ):
        cases.append(
            Case(f"inclusion of {index} in {size}", "TREE-3", "inclusion",
                 {"leaves": LEAVES[:size], "index": index, "size": size},
                 {"proof": TREE.inclusion(index, size), "root": TREE.root(size)})
        )  # fmt: skip
    for old, new in ((0, 5), (1, 2), (3, 7), (4, 8), (6, 6), (6, 8), (8, 17), (13, 17), (16, 17)):
        cases.append(
            Case(f"consistency of {old} and {new}", "TREE-3", "consistency",
                 {"leaves": LEAVES[:new], "old": old, "new": new},
                 {"proof": TREE.consistency(old, new), "old_root": TREE.root(old),
                  "new_root": TREE.root(new)})
        )  # fmt: skip
    return Book("PROTOCOL 4: tree", [*cases, *_bad_inclusions(), *_bad_consistencies()])


def _bad_inclusions() -> list[Case]:
    proof = TREE.inclusion(5, 11)
    base = {"leaf": LEAVES[5], "index": 5, "size": 11, "proof": proof, "root": TREE.root(11)}
    changes: dict[str, dict[str, Json]] = {
        "another leaf": {"leaf": LEAVES[6]},
        "another index": {"index": 4},
        "index not below the size": {"index": 11},
        "another root": {"root": TREE.root(10)},
        "proof too short": {"proof": proof[:-1]},
        "proof too long": {"proof": [*proof, bytes(32)]},
        "proof in another order": {"proof": proof[::-1]},
        "empty proof": {"proof": []},
    }
    return [
        Case(f"inclusion: {name}", "TREE-3", "verify inclusion", {**base, **changed},
             failure="bad_proof")
        for name, changed in changes.items()
    ]  # fmt: skip


def _bad_consistencies() -> list[Case]:
    proof = TREE.consistency(6, 13)
    base = {
        "old": 6,
        "old_root": TREE.root(6),
        "new": 13,
        "new_root": TREE.root(13),
        "proof": proof,
    }
    changes: dict[str, dict[str, Json]] = {
        "another old root": {"old_root": TREE.root(5)},
        "another new root": {"new_root": TREE.root(12)},
        "a tree that shrinks": {"old": 13, "new": 6},
        "proof too short": {"proof": proof[:-1]},
        "proof too long": {"proof": [*proof, bytes(32)]},
        "empty proof": {"proof": []},
        "equal sizes with two roots": {"old": 13, "proof": []},
        "equal sizes with a proof": {"old": 13, "old_root": TREE.root(13)},
        "from nothing, with a proof": {"old": 0, "old_root": EMPTY_ROOT},
        "from nothing, with a root": {"old": 0, "proof": []},
    }
    return [
        Case(f"consistency: {name}", "TREE-3", "verify consistency", {**base, **changed},
             failure="bad_proof")
        for name, changed in changes.items()
    ]  # fmt: skip


def notes() -> Book:
    """Checkpoints, cosignatures, and what is no note."""
    one = cosign(NOTE, "witness.example/1", WITNESSES["witness.example/1"], TIME_S)
    two = cosign(one, "witness.example/2", WITNESSES["witness.example/2"], TIME_S + 60)
    known = {name: key.public for name, key in WITNESSES.items()}
    opened = {"origin": ORIGIN, "size": HEAD.size, "root": HEAD.root}
    cases = [
        Case("checkpoint", "NOTE-1", "sign checkpoint",
             {"deployment": "cencomm.example", "log": bytes(range(16)), "size": HEAD.size,
              "root": HEAD.root, "seed": LOG.seed},
             {"note": _text(NOTE)},
             intermediate={"text": HEAD.text().decode(), "origin": ORIGIN,
                           "key_id": _blob(NOTE)[:4], "public": LOG.public}),
        Case("checkpoint of size 0", "NOTE-1", "sign checkpoint",
             {"deployment": "d", "log": bytes(16), "size": 0, "root": EMPTY_ROOT,
              "seed": LOG.seed},
             {"note": _text(sign_checkpoint(Checkpoint(origin("d", bytes(16)), 0, EMPTY_ROOT),
                                            LOG))}),
        Case("opened", "NOTE-1", "open checkpoint", _to_open(NOTE), opened),
        Case("opened with cosignatures", "NOTE-3", "open checkpoint", _to_open(two), opened),
        Case("cosignature", "NOTE-3", "cosign",
             {"note": _text(NOTE), "name": "witness.example/1", "time_s": TIME_S,
              "seed": WITNESSES["witness.example/1"].seed},
             {"note": _text(one)}),
        Case("two cosignatures", "NOTE-3", "cosignatures",
             {"note": _text(two), "witnesses": known},
             {"times": {"witness.example/1": TIME_S, "witness.example/2": TIME_S + 60}}),
        Case("a witness that is not known", "NOTE-3", "cosignatures",
             {"note": _text(two), "witnesses": {"witness.example/2": known["witness.example/2"]}},
             {"times": {"witness.example/2": TIME_S + 60}}),
        Case("a known name with another key", "NOTE-3", "cosignatures",
             {"note": _text(one), "witnesses": {"witness.example/1": OTHER_LOG.public}},
             {"times": {}}),
        Case("no cosignature", "NOTE-3", "cosignatures",
             {"note": _text(NOTE), "witnesses": known}, {"times": {}}),
        Case("a witness that is not known, of another script", "NOTE-3", "cosignatures",
             {"note": _text(cosign(one, "t\u00e9moin\u2003\u0001/1", OTHER_LOG, TIME_S)),
              "witnesses": known},
             {"times": {"witness.example/1": TIME_S}}),
    ]  # fmt: skip
    moved = sign_checkpoint(Checkpoint(ORIGIN, 123_457, HEAD.root), LOG) + one[len(NOTE) :]
    later = _line("witness.example/1", _blob(one)[:4] + u64(TIME_S + 1) + _blob(one)[12:])
    short = _line("witness.example/1", _blob(one)[:-1])
    for name, note in (
        ("moved to another head", moved),
        ("with another time", NOTE + later),
        ("of another size", NOTE + short),
    ):
        inputs = {"note": _text(note), "witnesses": known}
        cases.append(
            Case(f"cosignature {name}", "NOTE-3", "cosignatures", inputs, failure="bad_note")
        )
    return Book("PROTOCOL 5: notes", [*cases, *_bad_notes()])


def _bad_notes() -> list[Case]:
    stranger = sign_checkpoint(HEAD, OTHER_LOG)
    elsewhere = origin("cencomm.example", bytes(16))
    changed: dict[str, bytes] = {
        "empty": b"",
        "without a signature": HEAD.text() + b"\n",
        "signed by another key": stranger,
        "of another log": sign_checkpoint(Checkpoint(elsewhere, 1, HEAD.root), LOG),
        "of another log under this name": _signed(
            Checkpoint(elsewhere, 1, HEAD.root).text(), name=ORIGIN
        ),
        "another root": Checkpoint(ORIGIN, HEAD.size, bytes(32)).text() + NOTE[len(HEAD.text()) :],
        "cut by its last newline": NOTE[:-1],
        "with an extension line": _signed(HEAD.text() + b"extension\n"),
        "with a carriage return": _signed(HEAD.text().replace(b"\n", b"\r\n", 1)),
        "a size with a leading zero": _signed(HEAD.text().replace(b"\n123456", b"\n0123456")),
        "a size with a sign": _signed(HEAD.text().replace(b"\n123456", b"\n+123456")),
        "a negative size": _signed(HEAD.text().replace(b"\n123456", b"\n-123456")),
        "a size beyond 2^53-1": _signed(HEAD.text().replace(b"\n123456", b"\n9007199254740992")),
        "no size": _signed(HEAD.text().replace(b"\n123456", b"\n")),
        "a root of 31 bytes": _signed(Checkpoint(ORIGIN, 1, bytes(31)).text()),
        "a root without padding": _signed(HEAD.text().replace(b"=", b"")),
        "a dash instead of an em dash": NOTE.replace("\u2014".encode(), b"-"),
        "two spaces in the signature line": NOTE.replace(b" ", b"  ", 1),
        "a second spelling of the signature": _respelled(NOTE),
        "a line of a key id alone": NOTE + _line("unknown.example", bytes(4)),
        "over 16,384 bytes": NOTE + _line("unknown.example", bytes(12_400)),
    }
    return [
        Case(f"note {name}", "NOTE-2", "open checkpoint", _to_open(note), failure="bad_note")
        for name, note in changed.items()
    ]


def _to_open(note: bytes) -> dict[str, object]:
    return {"note": _text(note), "origin": ORIGIN, "public": LOG.public}


def _signed(text: bytes, name: str = ORIGIN) -> bytes:
    """A text that the log signed though it is none of a checkpoint."""
    return text + b"\n" + _line(name, _blob(NOTE)[:4] + LOG.sign_raw(text))


def _line(name: str, blob: bytes) -> bytes:
    return f"\u2014 {name} {base64.b64encode(blob).decode()}\n".encode()


def _blob(note: bytes) -> bytes:
    return base64.b64decode(note.rstrip(b"\n").rsplit(b" ", 1)[1])


def _respelled(note: bytes) -> bytes:
    """The same signature, with bits set that base64 does not use."""
    spelling = bytearray(note)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = len(note.rstrip(b"=\n")) - 1
    spelling[place] = alphabet[alphabet.index(spelling[place]) + 1]
    return bytes(spelling)


def _text(note: bytes) -> str:
    return note.decode("utf-8")
