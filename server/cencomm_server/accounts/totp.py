"""The one-time code: secrets made by pyotp, sealed under a key outside the database (A38)."""

from __future__ import annotations

from dataclasses import dataclass

import nacl.exceptions
import nacl.secret
import pyotp
from cencomm_config.errors import Internal
from cencomm_crypto.public.ids import ID_SIZE, PersonId
from pyotp.exceptions import OTPVerificationError

KEY_SIZE = nacl.secret.SecretBox.KEY_SIZE
WINDOW = 1  # steps of 30 s that a phone's clock may be off, either way
_NOBODY = "A" * 32  # an unknown account's code is computed too (A37)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """What the person's authenticator takes, shown once; and what the store keeps."""

    base32: str
    uri: str
    sealed: bytes


class TotpSecrets:
    """Makes, seals and checks; which steps were used is the store's to say (A26)."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes of the sealing key file."""
        self._box = nacl.secret.SecretBox(key)

    def create(self, person: PersonId, account: str, deployment: str) -> NewSecret:
        """A fresh 160-bit secret for `account`."""
        base32 = pyotp.random_base32()
        uri = pyotp.TOTP(base32).provisioning_uri(name=account, issuer_name=deployment)
        # The person is sealed with it: a row moved to another account does not open there.
        sealed = self._box.encrypt(person + base32.encode("ascii"))
        return NewSecret(base32, uri, bytes(sealed))

    def step_of(self, person: PersonId, sealed: bytes | None, code: str, now_ms: int) -> int | None:
        """The 30 s step for which `code` is right, or None; None as `sealed` fits no code."""
        secret = _NOBODY if sealed is None else self._open(person, sealed)
        try:
            step = pyotp.TOTP(secret).verify_and_get_timecode(
                code, for_time=now_ms // 1000, valid_window=WINDOW
            )
        except OTPVerificationError:
            return None
        return None if sealed is None else step

    def _open(self, person: PersonId, sealed: bytes) -> str:
        try:
            content = self._box.decrypt(sealed)
        except nacl.exceptions.CryptoError as error:
            raise Internal("a sealed one-time secret does not open under this key file") from error
        if content[:ID_SIZE] != person:
            raise Internal("a sealed one-time secret belongs to another person")
        return content[ID_SIZE:].decode("ascii")
