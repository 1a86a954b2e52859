"""Messages: a payload sealed under its own key, bound to its header (PROTOCOL 8.5).

The header's hash is in the key and in the associated data, so a body taken to another author,
channel, epoch, log or id does not open (A7, A10, A11); the commitment cm makes it open under
one key only (A9). Every failure to open is one error with one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

import nacl.bindings as sodium
import nacl.exceptions

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.payload import (
    IS_PAYLOAD,
    MAX_PAYLOAD,
    check_metadata,
    check_payload,
)
from cencomm_crypto.member.sealing import cannot_open
from cencomm_crypto.public.encoding import Value, decode_if, decode_map, encode
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.primitives import equal, keyed, sha256

SALT_SIZE = 16
NONCE_SIZE = 24
PADDED_SIZES = (256, 1024, 4096, 16_384, 32_768, 49_152)  # A17
_COMMIT_END = NONCE_SIZE + 32
_TAG_SIZE = 16
_SEALED_SIZES = frozenset(_COMMIT_END + size + _TAG_SIZE for size in PADDED_SIZES)


def seal_message(
    header: Header, secret: EpochSecret, payload: Mapping[str, Value], nonce: bytes, salt: bytes
) -> bytes:
    """Body of a message: N[24] || cm[32] || ct.

    `header` is the one that will be signed, its epoch the secret's; `nonce` is 24 and `salt` 16
    random bytes, both for this message alone. Raises ProtocolError: WRONG_EPOCH for another
    epoch's secret, FORGED_METADATA where header and payload differ, MALFORMED for a payload
    off its shape, TOO_LARGE beyond 49,135 bytes.
    """
    if header.type != "message":
        raise ProtocolError(ErrorCode.WRONG_TYPE, f"header of a {header.type}, message expected")
    check_epoch(header, secret)
    sealed_payload = encode_payload(header, payload)
    header_hash = sha256(header.encode())
    return seal_bytes(message_key(secret, header_hash), header_hash, sealed_payload, nonce, salt)


def open_message(entry: Entry, secret: EpochSecret) -> Mapping[str, Value]:
    """The payload of a message; raises ProtocolError(CANNOT_OPEN) whatever is wrong.

    Call after `apply` accepted the entry (its signature is verified there, A8). The caller
    shows `payload.forged_fields`.
    """
    if entry.header.type != "message" or entry.body_bytes is None:
        raise cannot_open()
    try:
        check_epoch(entry.header, secret)
        key = message_key(secret, entry.header_hash)
        return decode_payload(open_bytes(key, entry.header_hash, entry.body_bytes))
    except ProtocolError as error:
        raise cannot_open() from error


def message_key(secret: EpochSecret, header_hash: bytes) -> bytes:
    """mk = B(K1, "msg", H(header)); publishing it proves one message and nothing else."""
    return keyed(secret.message_key, "msg", header_hash)


def seal_bytes(key: bytes, header_hash: bytes, payload: bytes, nonce: bytes, salt: bytes) -> bytes:
    """N || cm || ct of payload bytes under mk (PROTOCOL 8.5, also the tail of a drop)."""
    if len(nonce) != NONCE_SIZE or len(salt) != SALT_SIZE:
        raise ProtocolError(
            ErrorCode.BAD_VALUE, f"{NONCE_SIZE} bytes of nonce and {SALT_SIZE} of salt expected"
        )
    commit = keyed(key, "commit", nonce, header_hash)
    padded = pad(salt + payload)
    return (
        nonce
        + commit
        + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            padded, header_hash + commit, nonce, key
        )
    )


def open_bytes(key: bytes, header_hash: bytes, body: bytes) -> bytes:
    """The payload bytes of `seal_bytes`; raises ProtocolError(CANNOT_OPEN)."""
    if len(body) not in _SEALED_SIZES:
        raise cannot_open()
    nonce, commit = body[:NONCE_SIZE], body[NONCE_SIZE:_COMMIT_END]
    if not equal(keyed(key, "commit", nonce, header_hash), commit):  # first, MSG-1, A9
        raise cannot_open()
    try:
        padded = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            body[_COMMIT_END:], header_hash + commit, nonce, key
        )
        salted = sodium.sodium_unpad(padded, len(padded))
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise cannot_open() from error
    if len(salted) < SALT_SIZE:
        raise cannot_open()
    return salted[SALT_SIZE:]


def pad(salted: bytes) -> bytes:
    """sodium_pad to exactly the least padded size that is longer; raises TOO_LARGE."""
    for size in PADDED_SIZES:
        if size > len(salted):
            return sodium.sodium_pad(salted, size)
    raise ProtocolError(
        ErrorCode.TOO_LARGE,
        f"payload of {len(salted) - SALT_SIZE} bytes, at most {MAX_PAYLOAD} expected",
    )


def check_epoch(header: Header, secret: EpochSecret) -> None:
    """The secret is that of the header's log, channel and epoch; raises WRONG_EPOCH (A7)."""
    context = secret.context
    named = (header.log, header.chan, header.epoch, header.suite)
    if named != (context.log, context.chan, context.n, context.suite):
        raise ProtocolError(
            ErrorCode.WRONG_EPOCH, "the header names another log, channel or epoch than the secret"
        )


def encode_payload(header: Header, payload: Mapping[str, Value]) -> bytes:
    """Payload bytes, checked against MSG-3 and the visible fields of `header`."""
    check_payload(payload)
    check_metadata(header, payload)
    return encode(payload)


def decode_payload(data: bytes) -> Mapping[str, Value]:
    """Read payload bytes strictly; raises ProtocolError."""
    sure: Mapping[str, Value] | None = (
        decode_if(IS_PAYLOAD, data) if len(data) <= MAX_PAYLOAD else None
    )
    if sure is not None:
        return sure
    payload = decode_map(data, max_size=MAX_PAYLOAD)
    check_payload(payload)
    return payload
