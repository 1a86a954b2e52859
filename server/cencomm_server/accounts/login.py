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
from cencomm_server.accounts.principal import Clock, Directory, Principal, active, outlived
from cencomm_server.accounts.proof import FAILED, DeviceProofs, Proof
from cencomm_server.accounts.recovery import RecoveryCodes
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
    """The same with the six digits of the authenticator, or with a recovery code in their place."""

    proof: Proof
    account: str
    login_secret: bytes = field(repr=False)
    totp: str = field(default="", repr=False)
    recovery: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a person with a session proves once more to get other recovery codes."""

    login_secret: bytes = field(repr=False)
    totp: str = field(default="", repr=False)
    recovery: str = field(default="", repr=False)


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
        recovery: RecoveryCodes,
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
        self._recovery = recovery
        self._tries = tries
        self._sessions = sessions
        self._clock = clock
        self._floor_ms = floor_ms

    async def register(self, request: Registration) -> NewSecret:
        """Make, or make anew until confirmed, the account of the device's person.

        Raises LoginFailed, RateLimited, or AccountExists once it is confirmed and no reset came
        after it. After a reset only a device that came by a fresh invitation may: who holds an
        old one is perhaps the reason for the reset.
        """
        async with floor(self._floor_ms):
            device, person = await self._proofs.redeem(request.proof)
            if person.kind != "human" or person.code != request.account:
                raise LoginFailed(FAILED)
            if person.reset is not None and device.added < person.reset:
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
            await self._recovery.void(person.id)
            await self._put(doc, existing)
            return secret

    async def confirm(self, request: Login) -> Session:
        """The first one-time code makes the account work, and opens a session."""
        async with floor(self._floor_ms):
            device, doc = await self._judge_login(request, AccountState.PENDING)
            codes = await self._recovery.make(doc.person)
            confirmed = replace(doc, state=AccountState.ACTIVE)
            if not await self._store.update_account(confirmed, was=doc):
                raise LoginFailed(FAILED)  # registered anew meanwhile
            session = await self._sessions.open(device, request.proof.token_hash)
            return replace(session, recovery_left=len(codes), recovery=codes)

    async def login(self, request: Login) -> Session:
        """Open a session for the device."""
        async with floor(self._floor_ms):
            device, doc = await self._judge_login(request, AccountState.ACTIVE)
            session = await self._sessions.open(device, request.proof.token_hash)
            return replace(session, recovery_left=await self._recovery.left(doc.person))

    async def renew_recovery(self, principal: Principal, request: Renewal) -> tuple[str, ...]:
        """Other recovery codes, for who proves password and code again; the earlier ones are void.

        A stolen session alone gets none. Raises LoginFailed, RateLimited.
        """
        async with floor(self._floor_ms):
            found = active(self._directory, principal.device)
            if found is None:
                raise LoginFailed(FAILED)
            device, person = found
            await self._judge(device, person, person.code, request, AccountState.ACTIVE)
            return await self._recovery.make(person.id)

    async def _judge_login(self, request: Login, wanted: AccountState) -> tuple[Device, AccountDoc]:
        device, person = await self._proofs.redeem(request.proof)
        return device, await self._judge(device, person, request.account, request, wanted)

    async def _judge(
        self,
        device: Device,
        person: Person,
        account: str,
        request: Login | Renewal,
        wanted: AccountState,
    ) -> AccountDoc:
        await self._tries.take(person.id)
        doc = await self._store.account_of(person.id)
        if doc is not None and (
            not doc.account == person.code == account
            or doc.state is not wanted
            or doc.totp_sealed is None
            or outlived(self._directory, person, doc.created)
        ):
            doc = None
        stored, sealed = (doc.secret_hash, doc.totp_sealed) if doc is not None else (None, None)
        is_right = await self._hasher.verify(stored, request.login_secret)
        step = self._totp.step_of(person.id, sealed, request.totp, self._clock())
        if doc is None or not is_right or (step is None and not request.recovery):
            raise LoginFailed(FAILED)
        if not await self._take(person, step, request.recovery):
            raise LoginFailed(FAILED)  # this code was used: of fifty at once, one passes (A26)
        if active(self._directory, device.id) is None:
            raise LoginFailed(FAILED)  # revoked while the secret was being computed
        await self._tries.forget(person.id)
        return doc

    async def _take(self, person: Person, step: int | None, recovery: str) -> bool:
        if step is not None:
            return await self._store.take_totp_step(person.id, step)
        return await self._recovery.take(person.id, recovery)

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
