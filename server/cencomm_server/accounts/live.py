"""Who may open a live socket, and how long it may stay: as long as its session (A27)."""

from __future__ import annotations

import asyncio

import structlog
from cencomm_config.errors import LoginFailed, SessionExpired
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.primitives import sha256

from cencomm_server.accounts.principal import LiveSockets, Principal
from cencomm_server.accounts.proof import FAILED, DeviceProofs, Proof
from cencomm_server.accounts.sessions import Sessions

SWEEP_S = 10.0
_log = structlog.get_logger("accounts")


class LiveLogins:
    """A token opens a socket only together with a fresh proof of its device's key."""

    def __init__(self, *, sessions: Sessions, proofs: DeviceProofs, sockets: LiveSockets) -> None:
        """`sockets` are ended when their session is over."""
        self._sessions = sessions
        self._proofs = proofs
        self._sockets = sockets
        self._live: dict[DeviceId, Principal] = {}

    async def authenticate(self, token: bytes, proof: Proof) -> Principal:
        """Who opens the socket; `proof` is signed for this token's hash.

        Raises NotAuthenticated, SessionExpired, LoginFailed.
        """
        principal = await self._sessions.authenticate(token)
        if principal.device != proof.device or proof.token_hash != sha256(token):
            raise LoginFailed(FAILED)
        await self._proofs.redeem(proof)
        if not await self._sessions.living(principal):  # it ended while the proof was redeemed:
            raise SessionExpired("the session is over; expected a new login")  # before the socket
        self._live[principal.device] = principal
        return principal

    async def sweep(self) -> None:
        """End the sockets of sessions that are over, here or by another process; runs for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for principal in list(self._live.values()):
                try:
                    await self._sweep_one(principal)
                except CencommError as error:  # the store is down: look again at the next round
                    _log.warning("sweep_failed", code=error.code)
                    break

    async def _sweep_one(self, principal: Principal) -> None:
        if await self._sessions.living(principal):
            return
        if self._live.get(principal.device) == principal:
            del self._live[principal.device]
            await self._sockets.disconnect_device(principal.device)
