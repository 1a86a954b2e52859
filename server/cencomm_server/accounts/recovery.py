"""Recovery codes: what a person types in place of a one-time code when the authenticator is lost.

Ten of 80 random bits each, shown once. The store holds a keyed hash under the sealing key, so that
a stolen database lets nobody in (A38); argon2id would add nothing to 80 random bits. Each works
once: the store hands its row to one caller (A26).
"""

from __future__ import annotations

import base64
import secrets

from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.primitives import keyed

from cencomm_server.store.port import AccountStore

COUNT = 10
CODE_LENGTH = 16  # characters of base32
_CODE_BYTES = 10


class RecoveryCodes:
    """Makes, takes and counts them."""

    def __init__(self, store: AccountStore, key: bytes) -> None:
        """`key`: 32 bytes of the sealing key file."""
        self._store = store
        self._key = keyed(key, "recovery-codes")

    async def make(self, person: PersonId) -> tuple[str, ...]:
        """A fresh set; all earlier ones are void."""
        codes = tuple(
            base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode("ascii") for _ in range(COUNT)
        )
        await self._store.put_recovery(person, [self._hash(person, code) for code in codes])
        return codes

    async def take(self, person: PersonId, code: str) -> bool:
        """Whether `code` was one of the person's that nobody had used; it is used now."""
        return await self._store.take_recovery(person, self._hash(person, code))

    async def left(self, person: PersonId) -> int:
        """How many were not used yet."""
        return await self._store.count_recovery(person)

    async def void(self, person: PersonId) -> None:
        """Forget all of them: the account is made anew."""
        await self._store.put_recovery(person, [])

    def _hash(self, person: PersonId, code: str) -> bytes:
        return keyed(self._key, "code", person, code.encode("ascii"))
