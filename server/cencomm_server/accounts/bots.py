"""Bots: a device key and a client secret that their contact point made once; no one-time code."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cencomm_config.errors import AccountExists, Forbidden, LoginFailed
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.directory.state import Person
from cencomm_crypto.public.ids import PersonId

from cencomm_server.accounts.equal_time import floor
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.principal import Clock, Directory, Principal, active, outlived
from cencomm_server.accounts.proof import FAILED, DeviceProofs, Proof
from cencomm_server.accounts.sessions import Session, Sessions
from cencomm_server.accounts.tries import Tries
from cencomm_server.store.documents import AccountDoc, AccountState
from cencomm_server.store.port import AccountStore, KeyTaken

SECRET_SIZE = 32


@dataclass(frozen=True, slots=True)
class BotLogin:
    """A bot's device, its code, its client secret[32]."""

    proof: Proof
    account: str
    client_secret: bytes = field(repr=False)


class BotAccounts:
    """Accounts of persons of kind `bot`."""

    def __init__(
        self,
        *,
        store: AccountStore,
        directory: Directory,
        proofs: DeviceProofs,
        hasher: SecretHasher,
        tries: Tries,
        sessions: Sessions,
        clock: Clock,
        floor_ms: int,
    ) -> None:
        """As `login.Accounts`."""
        self._store = store
        self._directory = directory
        self._proofs = proofs
        self._hasher = hasher
        self._tries = tries
        self._sessions = sessions
        self._clock = clock
        self._floor_ms = floor_ms

    async def make_secret(self, principal: Principal, bot: PersonId) -> bytes:
        """A client secret[32], told once; raises Forbidden, or AccountExists until a reset."""
        target = self._bot_of(principal, bot)
        existing = await self._store.account_of(bot)
        if existing is not None and not outlived(self._directory, target, existing.created):
            raise AccountExists("this bot has its secret; a person.reset makes room for another")
        secret = secrets.token_bytes(SECRET_SIZE)
        doc = AccountDoc(
            person=bot,
            account=target.code,
            secret_hash=await self._hasher.hash(secret),
            totp_sealed=None,
            totp_last_step=0,
            state=AccountState.ACTIVE,
            created=self._clock(),
        )
        taken = AccountExists("another request has just made this bot's secret")
        if existing is not None:
            if not await self._store.update_account(doc, was=existing):
                raise taken
            return secret
        try:
            await self._store.create_account(doc)
        except KeyTaken:
            raise taken from None
        return secret

    async def login(self, request: BotLogin) -> Session:
        """Open a session for the bot's device; raises LoginFailed or RateLimited."""
        async with floor(self._floor_ms):
            device, person = await self._proofs.redeem(request.proof)
            await self._tries.take(person.id)
            doc = await self._store.account_of(person.id)
            if doc is not None and (
                person.kind != "bot"
                or not doc.account == person.code == request.account
                or outlived(self._directory, person, doc.created)
            ):
                doc = None
            stored = doc.secret_hash if doc is not None else None
            if not await self._hasher.verify(stored, request.client_secret):
                raise LoginFailed(FAILED)
            if active(self._directory, device.id) is None:
                raise LoginFailed(FAILED)
            await self._tries.forget(person.id)
            return await self._sessions.open(device, request.proof.token_hash)

    def _bot_of(self, principal: Principal, bot: PersonId) -> Person:
        found = active(self._directory, principal.device)
        state = self._directory.state
        target = state.person(bot) if state is not None else None
        if target is None:
            raise ProtocolError(ErrorCode.UNKNOWN_PERSON, "the directory has no such person")
        if found is None or not found[1].ncp or found[1].admin != target.admin:
            raise Forbidden("expected a contact point of the bot's administration")
        if target.kind != "bot":
            raise Forbidden("expected a person of kind bot; people register themselves")
        return target
