"""The live socket's auth object: parsed once, judged by `accounts.live`, counted like a login."""

from __future__ import annotations

from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.primitives import sha256

from cencomm_server.accounts.live import LiveLogins
from cencomm_server.accounts.proof import Proof
from cencomm_server.engine.reader import Reader
from cencomm_server.http.fields import Fields
from cencomm_server.http.gate import token_from
from cencomm_server.metrics import LoginKind, Metrics
from cencomm_server.throttle import Throttle

_TOKEN_LENGTH = 43  # base64url of 32 bytes


class LiveAuth:
    """The callable that the sockets ask at each connect."""

    def __init__(self, logins: LiveLogins, throttle: Throttle, metrics: Metrics) -> None:
        """`logins` judges; `throttle` counts what fails against the address."""
        self._logins = logins
        self._metrics = metrics
        self._throttle = throttle

    async def __call__(self, auth: object, address: bytes) -> Reader:
        """The reader behind `{token, device, nonce, expiry, sig}`; `address` as it counts.

        Raises BadRequest naming the field, NotAuthenticated, SessionExpired, LoginFailed,
        RateLimited.
        """
        with self._metrics.logging_in(LoginKind.SOCKET):
            with self._throttle.login(address):
                reader = await self._judged(auth)
            self._throttle.device(reader.device, None, 0)
            return reader

    async def _judged(self, auth: object) -> Reader:
        fields = Fields.of(auth)
        token = token_from(fields.text("token", _TOKEN_LENGTH))
        proof = Proof(
            device=DeviceId(fields.hex("device", 16)),
            nonce=fields.hex("nonce", 32),
            expiry=fields.count("expiry"),
            token_hash=sha256(token),
            sig=fields.hex("sig", 64),
        )
        fields.end()
        principal = await self._logins.authenticate(token, proof)
        return Reader(principal.device, principal.person, principal.kind)
