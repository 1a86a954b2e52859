"""Registration and login of people: device, login secret and one-time code, all three (DESIGN 3).

What is wrong is never told: unknown account, wrong secret, wrong or used code give one answer after
one time (A37). A wrong device signature does too, though it costs the server next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cencomm_config.errors import AccountExists, LoginFailed, TooBusy
from cencomm_crypto.public.directory.state import Device, Person

from cencomm_server.accounts.equal_time import floor
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.principal import Clock, Directory, active, outlived
from cencomm_server.accounts.proof import FAILED, DeviceProofs, Proof
from cencomm_server.accounts.sessions import Session, Sessions
from cencomm_server.accounts.totp import NewSecret, TotpSecrets
from cencomm_server.accounts.tries import Tries
from cencomm_server.store.documents import AccountDoc, AccountState
from cencomm_server.store.port import AccountStore, KeyTaken


@dataclass(frozen=True, slots=True)
class Registration:
    """First registration: a device of the person, its account name, its stretched secret[32]."""

    proof: Proof
    account: str
    login_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """The same with the six digits of the authenticator."""

    proof: Proof
    account: str
    login_secret: bytes = field(repr=False)
    totp: str = field(repr=False)


class Accounts:
    """People's accounts; bots have `bots.BotAccounts`."""

    def __init__(
        self,
        *,
        store: AccountStore,
        directory: Directory,
        proofs: DeviceProofs,
        hasher: SecretHasher,
        totp: TotpSecrets,
        tries: Tries,
        sessions: Sessions,
        clock: Clock,
        floor_ms: int,
    ) -> None:
        """`floor_ms`: no failure is answered sooner."""
        self._store = store
        self._directory = directory
        self._proofs = proofs
        self._hasher = hasher
        self._totp = totp
        self._tries = tries
        self._sessions = sessions
        self._clock = clock
        self._floor_ms = floor_ms

    async def register(self, request: Registration) -> NewSecret:
        """Make, or make anew until confirmed, the account of the device's person.

        Raises LoginFailed, RateLimited, or AccountExists once it is confirmed and no reset came
        after it.
        """
        async with floor(self._floor_ms):
            _, person = await self._proofs.redeem(request.proof)
            if person.kind != "human" or person.code != request.account:
                raise LoginFailed(FAILED)
            existing = await self._store.account_of(person.id)
            if existing is not None and self._stands(existing, person):
                raise AccountExists("this person has an account; expected a login")
            await self._tries.take(person.id)  # else one person keeps every argon2 thread busy
            state = self._directory.state
            deployment = state.name if state is not None else ""
            secret = self._totp.create(person.id, request.account, deployment)
            doc = AccountDoc(
                person=person.id,
                account=request.account,
                secret_hash=await self._hasher.hash(request.login_secret),
                totp_sealed=secret.sealed,
                totp_last_step=0,
                state=AccountState.PENDING,
                created=self._clock(),
            )
            await self._put(doc, existing)
            return secret

    async def confirm(self, request: Login) -> Session:
        """The first one-time code makes the account work, and opens a session."""
        async with floor(self._floor_ms):
            device, doc = await self._judge(request, AccountState.PENDING)
            confirmed = replace(doc, state=AccountState.ACTIVE)
            if not await self._store.update_account(confirmed, was=doc):
                raise LoginFailed(FAILED)  # registered anew meanwhile
            return await self._sessions.open(device, request.proof.token_hash)

    async def login(self, request: Login) -> Session:
        """Open a session for the device."""
        async with floor(self._floor_ms):
            device, _ = await self._judge(request, AccountState.ACTIVE)
            return await self._sessions.open(device, request.proof.token_hash)

    async def _judge(self, request: Login, wanted: AccountState) -> tuple[Device, AccountDoc]:
        device, person = await self._proofs.redeem(request.proof)
        await self._tries.take(person.id)
        doc = await self._store.account_of(person.id)
        if doc is not None and (
            not doc.account == person.code == request.account
            or doc.state is not wanted
            or doc.totp_sealed is None
            or outlived(self._directory, person, doc.created)
        ):
            doc = None
        stored, sealed = (doc.secret_hash, doc.totp_sealed) if doc is not None else (None, None)
        is_right = await self._hasher.verify(stored, request.login_secret)
        step = self._totp.step_of(person.id, sealed, request.totp, self._clock())
        if doc is None or not is_right or step is None:
            raise LoginFailed(FAILED)
        if not await self._store.take_totp_step(person.id, step):
            raise LoginFailed(FAILED)  # this code was used: of fifty at once, one passes (A26)
        if active(self._directory, device.id) is None:
            raise LoginFailed(FAILED)  # revoked while the secret was being computed
        await self._tries.forget(person.id)
        return device, doc

    async def _put(self, doc: AccountDoc, existing: AccountDoc | None) -> None:
        busy = TooBusy("this person is registered by another request; try again")
        if existing is not None:
            if not await self._store.update_account(doc, was=existing):
                raise busy
            return
        try:
            await self._store.create_account(doc)
        except KeyTaken:
            raise busy from None

    def _stands(self, doc: AccountDoc, person: Person) -> bool:
        return doc.state is AccountState.ACTIVE and not outlived(
            self._directory, person, doc.created
        )
