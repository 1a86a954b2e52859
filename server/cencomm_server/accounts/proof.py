"""The device's signed challenge: a nonce works once, for one device, for a minute (DESIGN 3 Login).

A challenge is not kept. The nonce carries its own end and a keyed hash over the device, so that a
stranger's requests write nothing; only a nonce under a good signature is noted, as spent.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cencomm_config.errors import LoginFailed
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.directory.state import Device, Person
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.keys import SigningKey, SigType, login_message, verify
from cencomm_crypto.public.primitives import equal, keyed, u64

from cencomm_server.accounts.principal import Clock, Directory, active
from cencomm_server.store.port import KeyTaken, SessionStore

_RANDOM, _MAC = 8, 16
FAILED = "the login failed; expected a registered account with its secret, code and device"
_NOBODY = SigningKey.from_seed(secrets.token_bytes(32)).public  # verified against when unknown


@dataclass(frozen=True, slots=True)
class Challenge:
    """`nonce`: u64 end in ms || random[8] || keyed hash[16]."""

    nonce: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a device sends back: the nonce, the hash of the token it drew, and its signature."""

    device: DeviceId
    nonce: bytes
    expiry: int
    token_hash: bytes = field(repr=False)
    sig: bytes


class DeviceProofs:
    """Makes challenges and takes each once."""

    def __init__(
        self,
        *,
        key: bytes,
        ttl_s: int,
        origin: str,
        directory: Directory,
        store: SessionStore,
        clock: Clock,
    ) -> None:
        """`key`: 32 bytes shared by all processes of the deployment."""
        self._key = keyed(key, "login-challenge")
        self._ttl_ms = ttl_s * 1000
        self._origin = origin
        self._directory = directory
        self._store = store
        self._clock = clock

    def challenge(self, device: DeviceId) -> Challenge:
        """For any 16 bytes: whether the device exists is not told (A37)."""
        expires = self._clock() + self._ttl_ms
        opening = u64(expires) + secrets.token_bytes(_RANDOM)
        return Challenge(opening + self._mac(opening, device), expires)

    async def redeem(self, proof: Proof) -> tuple[Device, Person]:
        """The device and its person, active now; raises LoginFailed for whatever is not right."""
        found = active(self._directory, proof.device)
        state = self._directory.state
        message = login_message(
            proof.nonce,
            state.id32 if state is not None else bytes(32),
            self._origin,
            proof.token_hash,
            proof.expiry,
        )
        try:
            verify(found[0].sign_pk if found else _NOBODY, SigType.LOGIN, message, proof.sig)
        except ProtocolError:
            raise LoginFailed(FAILED) from None
        if found is None or not self._is_open(proof):
            raise LoginFailed(FAILED)
        try:
            await self._store.put_challenge(proof.nonce, proof.device, proof.expiry)
        except KeyTaken:
            raise LoginFailed(FAILED) from None
        return found

    def _is_open(self, proof: Proof) -> bool:
        opening, mac = proof.nonce[:-_MAC], proof.nonce[-_MAC:]
        return (
            equal(mac, self._mac(opening, proof.device))
            and opening[:-_RANDOM] == u64(proof.expiry)
            and self._clock() < proof.expiry
        )

    def _mac(self, opening: bytes, device: DeviceId) -> bytes:
        return keyed(self._key, "nonce", opening, device)[:_MAC]
