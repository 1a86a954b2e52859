"""Drops: what a bot seals to a channel that it cannot read (PROTOCOL 8.6, A31).

A bot holds no epoch secret, only the drop key of a rotate that it verified itself (A45, DRP-2).
"""

from __future__ import annotations

from collections.abc import Mapping

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.epoch import EpochSecret
from cencomm_crypto.member.message import (
    check_epoch,
    decode_payload,
    encode_payload,
    open_bytes,
    seal_bytes,
)
from cencomm_crypto.member.sealing import SEALED_BOX_OVERHEAD, cannot_open, open_box, seal_box
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.primitives import equal, sha256

KEY_SIZE = 32
_PLAIN_SIZE = KEY_SIZE + 32  # mk || H(header)
_BOX_SIZE = _PLAIN_SIZE + SEALED_BOX_OVERHEAD  # 112


def seal_drop(
    header: Header,
    drop_pk: bytes,
    payload: Mapping[str, Value],
    message_key: bytes,
    nonce: bytes,
    salt: bytes,
    ephemeral_seed: bytes,
) -> bytes:
    """Body of a drop: crypto_box_seal(mk || H(header), drop_pk)[112] || N[24] || cm[32] || ct.

    `drop_pk` only from a verified rotate of header.chan and header.epoch. Random, for this drop
    alone: `message_key` 32 bytes, `nonce` 24, `salt` 16, `ephemeral_seed` 32. Raises
    ProtocolError as `seal_message`, BAD_KEY for a low-order drop key.
    """
    if header.type != "drop":
        raise ProtocolError(ErrorCode.WRONG_TYPE, f"header of a {header.type}, drop expected")
    if len(message_key) != KEY_SIZE:
        raise ProtocolError(ErrorCode.BAD_VALUE, f"a message key of {KEY_SIZE} bytes expected")
    sealed_payload = encode_payload(header, payload)
    header_hash = sha256(header.encode())
    box = seal_box(ephemeral_seed, message_key + header_hash, drop_pk)
    return box + seal_bytes(message_key, header_hash, sealed_payload, nonce, salt)


def open_drop(entry: Entry, secret: EpochSecret) -> Mapping[str, Value]:
    """The payload of a drop; raises ProtocolError(CANNOT_OPEN) whatever is wrong."""
    if entry.header.type != "drop" or entry.body_bytes is None:
        raise cannot_open()
    try:
        check_epoch(entry.header, secret)
        plain = open_box(entry.body_bytes[:_BOX_SIZE], secret.drop_keys, _PLAIN_SIZE)
        if not equal(plain[KEY_SIZE:], entry.header_hash):  # A45: not another header's box
            raise cannot_open()
        tail = open_bytes(plain[:KEY_SIZE], entry.header_hash, entry.body_bytes[_BOX_SIZE:])
        return decode_payload(tail)
    except ProtocolError as error:
        raise cannot_open() from error
