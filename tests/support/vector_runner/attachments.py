"""Ops of PROTOCOL 8.10: no code of the package yet, so libsodium alone."""

from __future__ import annotations

import nacl.bindings as sodium
import nacl.exceptions
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.primitives import kdf, sha256, u32

from tests.support.vector_runner.reading import Inputs, Op, Outcome, raw

_CHUNK = 64 * 1024


_FINAL = 3


def _part(inputs: Inputs) -> Outcome:
    key = kdf(raw(inputs, "key"), inputs["p"])
    plain = bytes.fromhex(inputs["byte"]) * inputs["size"]
    chunks = [plain[start : start + _CHUNK] for start in range(0, len(plain), _CHUNK)] or [b""]
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sealed = raw(inputs, "header")
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, sealed, key)
    for i, chunk in enumerate(chunks):
        aad = raw(inputs, "file") + u32(inputs["p"]) + u32(i)
        tag = _FINAL if i == len(chunks) - 1 else 0
        sealed += sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, aad, tag)
    return {
        "sealed_size": len(sealed),
        "hash": sha256(sealed),
        "part_key": key,
        "head": sealed[:80],
    }


def _open_part(inputs: Inputs) -> Outcome:
    sealed = raw(inputs, "sealed")
    refused = ProtocolError(ErrorCode.CANNOT_OPEN, "the part does not open")
    if sha256(sealed) != raw(inputs, "hash"):
        raise refused
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    key = kdf(raw(inputs, "key"), inputs["p"])
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, sealed[:24], key)
    plain, place, i, tag = b"", 24, 0, 0
    while place < len(sealed):
        if tag == _FINAL:
            raise refused
        aad = raw(inputs, "file") + u32(inputs["p"]) + u32(i)
        chunk = sealed[place : place + _CHUNK + 17]
        try:
            text, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, chunk, aad)
        except (nacl.exceptions.CryptoError, RuntimeError, ValueError) as error:
            raise refused from error
        plain, place, i = plain + text, place + len(chunk), i + 1
    if tag != _FINAL:
        raise refused
    return {"plain": plain}


OPS: dict[str, Op] = {
    "part": _part,
    "open part": _open_part,
}
