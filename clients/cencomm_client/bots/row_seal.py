"""How a row of a bot's queue rests on the disk: its name a keyed hash, what it says in a box."""

from __future__ import annotations

import hashlib
from typing import Any

import nacl.bindings as sodium
import nacl.exceptions
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.primitives import u32

from cencomm_client.errors import QueueDamaged
from cencomm_client.sealed_file import Random

NONCE_SIZE = 24
MAX_SEALED = 2**20


class RowSeal:
    """Seals and opens rows of one operation under one vault's key; each is bound to its name."""

    def __init__(self, key: bytes, log: LogId, random: Random) -> None:
        """`key` 32 bytes, from the vault."""
        self._seal_key = _derived(key, b"queue seal")
        self._name_key = _derived(key, b"queue name")
        self._log, self._random = log, random

    def name_of(self, source: str, key: str) -> bytes:
        """The name of a row, 32 bytes: equal for equal source and key, and tells neither."""
        name = source.encode()
        joined = u32(len(name)) + name + key.encode()
        return hashlib.blake2b(joined, key=self._name_key, digest_size=32).digest()

    def sealed(self, value: dict[str, Any], context: bytes) -> bytes:
        """A value in its box, as `boxed` makes one."""
        return self.boxed(encode(value), context)

    def boxed(self, plain: bytes, context: bytes) -> bytes:
        """`nonce[24] || ciphertext`; opens only with the same context, in this operation."""
        nonce = self._random(NONCE_SIZE)
        return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plain, self._log + context, nonce, self._seal_key
        )

    def open(self, sealed: bytes, context: bytes) -> dict[str, Any]:
        """What is in a box; raises QueueDamaged."""
        try:
            plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[NONCE_SIZE:], self._log + context, sealed[:NONCE_SIZE], self._seal_key
            )
            return dict(decode_map(plain, max_size=MAX_SEALED))
        except (nacl.exceptions.CryptoError, ProtocolError, ValueError, TypeError) as error:
            raise QueueDamaged("a row does not open: changed, or of another vault") from error


def _derived(key: bytes, use: bytes) -> bytes:
    return hashlib.blake2b(key=key, person=use, digest_size=32).digest()
