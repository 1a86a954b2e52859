"""One password, two secrets: one for the server, one that never leaves (PROTOCOL 10.1).

The parameters are fixed by the suite; nothing is taken from a server or a file (A24, A25).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

import nacl.bindings as sodium

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.primitives import keyed, sha256
from cencomm_crypto.public.unicode14 import unassigned

OPS = 3  # passes, RFC 9106 t
MEMORY_BYTES = 64 * 1024 * 1024  # RFC 9106 m; one lane
SALT_SIZE = 16
_OUTPUT_SIZE = 64
_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class Stretched:
    """What a password gives for one account of one deployment; nothing shows in a repr."""

    login: bytes = field(repr=False)  # sent to the server, which keeps argon2id of it
    vault: bytes = field(repr=False)  # never leaves the device


def stretch(password: str, directory_id: bytes, account: str) -> Stretched:
    """Argon2id (RFC 9106; t 3, 64 MiB, p 1, 64 bytes) over the password in NFC; about 0.1 s.

    `directory_id` is all 32 bytes; `account` the person's functional code. Raises
    ProtocolError(MALFORMED) for a password whose NFC another program could take for another.
    """
    out = sodium.crypto_pwhash_alg(
        _OUTPUT_SIZE,
        _password_bytes(password),
        login_salt(directory_id, account),
        OPS,
        MEMORY_BYTES,
        sodium.crypto_pwhash_ALG_ARGON2ID13,
    )
    key, rest = out[:_KEY_SIZE], out[_KEY_SIZE:]
    return Stretched(login=keyed(key, "login", rest), vault=keyed(key, "vault", rest))


def _password_bytes(password: str) -> bytes:
    """NFC as UTF-8, the same with every version of Unicode (ENC-4)."""
    try:
        whole = password.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _unreadable("half of a surrogate pair") from error
    if unassigned(password):
        raise _unreadable("a character that Unicode 14.0 does not know")
    if whole.isascii():
        return whole
    return unicodedata.normalize("NFC", password).encode("utf-8")


def _unreadable(what: str) -> ProtocolError:
    """Without the character: a password stands in no log."""
    return ProtocolError(ErrorCode.MALFORMED, f"the password holds {what}; text expected")


def login_salt(directory_id: bytes, account: str) -> bytes:
    """H("CENcomm/v1/login" || 0x00 || directory id[32] || account)[0..16]."""
    return sha256(b"CENcomm/v1/login\x00", directory_id, account.encode("utf-8"))[:SALT_SIZE]
