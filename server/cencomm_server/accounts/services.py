"""All account services over one store, one directory and one clock."""

from __future__ import annotations

from dataclasses import dataclass

from cencomm_server.accounts.bots import BotAccounts
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.invitations import Invitations
from cencomm_server.accounts.live import LiveLogins
from cencomm_server.accounts.login import Accounts
from cencomm_server.accounts.principal import Clock, Directory, LiveSockets
from cencomm_server.accounts.proof import DeviceProofs
from cencomm_server.accounts.recovery import RecoveryCodes
from cencomm_server.accounts.revocations import Revocations
from cencomm_server.accounts.sessions import Sessions
from cencomm_server.accounts.totp import TotpSecrets
from cencomm_server.accounts.tries import Tries
from cencomm_server.metrics import Metrics
from cencomm_server.store.port import Store


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The settings of the same names."""

    session_idle_s: int
    session_absolute_s: int
    challenge_ttl_s: int
    login_tries: int
    login_window_s: int
    login_tries_per_day: int
    login_floor_ms: int
    invitation_ttl_s: int
    invitations_per_person: int


class AccountServices:
    """What the handlers, the live sockets and the directory's follower ask."""

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        sockets: LiveSockets,
        hasher: SecretHasher,
        clock: Clock,
        key: bytes,
        origin: str,
        limits: AccountLimits,
        metrics: Metrics | None = None,
    ) -> None:
        """`key`: 32 bytes of the sealing key file; `origin`: what logins are signed for."""
        tries = Tries(
            store,
            clock,
            most=limits.login_tries,
            window_s=limits.login_window_s,
            per_day=limits.login_tries_per_day,
            metrics=metrics,
        )
        self.proofs = DeviceProofs(
            key=key,
            ttl_s=limits.challenge_ttl_s,
            origin=origin,
            directory=directory,
            store=store,
            clock=clock,
        )
        self.sessions = Sessions(
            store=store,
            directory=directory,
            sockets=sockets,
            clock=clock,
            idle_s=limits.session_idle_s,
            absolute_s=limits.session_absolute_s,
        )
        self.accounts = Accounts(
            store=store,
            directory=directory,
            proofs=self.proofs,
            hasher=hasher,
            totp=TotpSecrets(key),
            recovery=RecoveryCodes(store, key),
            tries=tries,
            sessions=self.sessions,
            clock=clock,
            floor_ms=limits.login_floor_ms,
        )
        self.bots = BotAccounts(
            store=store,
            directory=directory,
            proofs=self.proofs,
            hasher=hasher,
            tries=tries,
            sessions=self.sessions,
            clock=clock,
            floor_ms=limits.login_floor_ms,
        )
        self.invitations = Invitations(
            store=store,
            directory=directory,
            clock=clock,
            ttl_s=limits.invitation_ttl_s,
            per_person=limits.invitations_per_person,
        )
        self.live = LiveLogins(sessions=self.sessions, proofs=self.proofs, sockets=sockets)
        self.revocations = Revocations(self.sessions)
