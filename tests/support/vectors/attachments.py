"""attachments.json: PROTOCOL 8.10; bytes specified, built later."""

from __future__ import annotations

import nacl.bindings as sodium
from cencomm_crypto.public.primitives import kdf, sha256, u32

from tests.support.vectors.notation import Book, Case, Json, fixed

_CHUNK = 64 * 1024
_TAG_MESSAGE = 0
_TAG_FINAL = 3


def book() -> Book:
    """Small parts with small chunks cannot be: chunks are 64 KiB; so texts are runs of one byte."""
    file_key, file_id = fixed("file key"), fixed("file id", 16)
    cases = []
    for name, part, size in (
        ("one short chunk", 0, 100),
        ("empty", 0, 0),
        ("two chunks in the second part", 1, _CHUNK + 5),
        ("a whole chunk", 0, _CHUNK),
    ):
        header = fixed(f"stream {name}", 24)
        sealed = _part(file_key, file_id, part, header, b"\xa5" * size)
        cases.append(
            Case(name, "ATT-2", "part",
                 {"key": file_key, "file": file_id, "p": part, "header": header, "size": size,
                  "byte": "a5"},
                 {"sealed_size": len(sealed), "hash": sha256(sealed)},
                 intermediate={"part_key": kdf(file_key, part), "head": sealed[:80]})
        )  # fmt: skip
    header = fixed("stream", 24)
    sealed = _part(file_key, file_id, 0, header, b"\xa5" * 40)
    base: dict[str, Json] = {"key": file_key, "file": file_id, "p": 0, "sealed": sealed,
                             "hash": sha256(sealed)}  # fmt: skip
    unfinished = _part(file_key, file_id, 0, header, b"\xa5" * 40, last=_TAG_MESSAGE)
    changes: dict[str, dict[str, Json]] = {
        "of another file": {"file": bytes(16)},
        "in another place": {"p": 1},
        "with another key": {"key": fixed("other")},
        "with a flipped bit": {"sealed": _flip(sealed, 30), "hash": sha256(_flip(sealed, 30))},
        "with another hash": {"hash": bytes(32)},
        "without FINAL": {"sealed": unfinished, "hash": sha256(unfinished)},
        "with bytes after FINAL": {"sealed": sealed + bytes(17),
                                   "hash": sha256(sealed + bytes(17))},
    }  # fmt: skip
    cases.append(Case("a part opens", "ATT-1", "open part", base, {"plain": b"\xa5" * 40}))
    cases += [
        Case(f"a part {name}", "ATT-1", "open part", {**base, **changed}, failure="cannot_open")
        for name, changed in changes.items()
    ]
    return Book("PROTOCOL 8.10: attachments", cases)


def _part(
    file_key: bytes, file_id: bytes, part: int, header: bytes, plain: bytes, last: int = _TAG_FINAL
) -> bytes:
    """header || chunks. A pull state is a push state of the same header (libsodium), so the
    header, which libsodium draws at random, can be fixed."""
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, kdf(file_key, part))
    chunks = [plain[start : start + _CHUNK] for start in range(0, len(plain), _CHUNK)] or [b""]
    sealed = header
    for i, chunk in enumerate(chunks):
        tag = last if i == len(chunks) - 1 else _TAG_MESSAGE
        aad = file_id + u32(part) + u32(i)
        sealed += sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, aad, tag)
    return sealed


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
