"""The account services on the memory store, over a directory built by `DirectoryBuilder`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import pyotp
from cencomm_crypto.public.directory.state import DirectoryState, Person
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.keys import SigType, login_message
from cencomm_crypto.public.primitives import sha256
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.login import Login, Registration
from cencomm_server.accounts.proof import Proof
from cencomm_server.accounts.services import AccountLimits, AccountServices
from cencomm_server.accounts.sessions import Session
from cencomm_server.accounts.totp import TotpSecrets
from cencomm_server.accounts.tries import Tries
from cencomm_server.store.memory import MemoryStore

from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

ORIGIN = "http://127.0.0.1:8470"
TOTP_KEY = bytes(range(32))


@dataclass
class BuiltDirectory:
    """`Directory` over a builder's log."""

    builder: DirectoryBuilder

    @property
    def state(self) -> DirectoryState | None:
        """The live state."""
        return self.builder.state

    def reset_at(self, person: Person) -> int:
        """Server time of the reset entry."""
        return -1 if person.reset is None else self.builder.log.at(person.reset + 1).at


@dataclass
class SeenSockets:
    """`LiveSockets` that writes down what was ended."""

    devices: list[DeviceId] = field(default_factory=list)
    persons: list[PersonId] = field(default_factory=list)

    async def disconnect_device(self, device: DeviceId) -> None:
        """Write it down."""
        self.devices.append(device)

    async def disconnect_person(self, person: PersonId) -> None:
        """Write it down."""
        self.persons.append(person)


class Desk:
    """All account services with a clock that the test moves, and what a client would do."""

    def __init__(self, builder: DirectoryBuilder, *, floor_ms: int = 0) -> None:
        self.builder = builder
        self.now = builder.state.at + 60_000
        self.store = MemoryStore(self.clock)
        self.directory = BuiltDirectory(builder)
        self.sockets = SeenSockets()
        self.hasher = SecretHasher(threads=2, queue=200, memory_kib=64, passes=1)
        self.services = AccountServices(
            store=self.store,
            directory=self.directory,
            sockets=self.sockets,
            hasher=self.hasher,
            clock=self.clock,
            key=TOTP_KEY,
            origin=ORIGIN,
            limits=AccountLimits(
                session_idle_s=3600,
                session_absolute_s=36_000,
                challenge_ttl_s=60,
                login_tries=5,
                login_window_s=900,
                login_tries_per_day=30,
                login_floor_ms=floor_ms,
                invitation_ttl_s=3600,
                invitations_per_person=3,
            ),
        )
        self.totp = TotpSecrets(TOTP_KEY)
        self.tries = Tries(self.store, self.clock, most=5, window_s=900, per_day=30)
        self.proofs = self.services.proofs
        self.sessions = self.services.sessions
        self.accounts = self.services.accounts
        self.bots = self.services.bots
        self.invitations = self.services.invitations
        self.revocations = self.services.revocations

    def clock(self) -> int:
        """The test's time."""
        return self.now

    def prove(
        self,
        device: HeldDevice,
        token: bytes,
        *,
        origin: str = ORIGIN,
        directory: bytes | None = None,
        expiry: int | None = None,
    ) -> Proof:
        """What an honest client answers to a challenge, or with one thing changed."""
        challenge = self.proofs.challenge(device.id)
        expiry = challenge.expires if expiry is None else expiry
        message = login_message(
            challenge.nonce, directory or self.builder.id32, origin, sha256(token), expiry
        )
        return Proof(
            device=device.id,
            nonce=challenge.nonce,
            expiry=expiry,
            token_hash=sha256(token),
            sig=device.sign.sign(SigType.LOGIN, message),
        )

    async def enlist(self, person: HeldPerson, secret: bytes = b"s" * 32) -> pyotp.TOTP:
        """Register and confirm; the authenticator."""
        return (await self.enlist_with_codes(person, secret))[0]

    async def enlist_with_codes(
        self, person: HeldPerson, secret: bytes = b"s" * 32
    ) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        """The same, and the recovery codes."""
        proof = self.prove(person.device, secrets.token_bytes(32))
        made = await self.accounts.register(Registration(proof, person.code, secret))
        authenticator = pyotp.TOTP(made.base32)
        proof = self.prove(person.device, secrets.token_bytes(32))
        code = authenticator.at(self.now // 1000)
        session = await self.accounts.confirm(Login(proof, person.code, secret, code))
        self.now += 30_000
        return authenticator, session.recovery

    def code(self, authenticator: pyotp.TOTP) -> str:
        """The six digits of now."""
        return authenticator.at(self.now // 1000)

    async def log_in(
        self,
        person: HeldPerson,
        authenticator: pyotp.TOTP,
        token: bytes,
        *,
        secret: bytes = b"s" * 32,
        device: HeldDevice | None = None,
    ) -> Session:
        """An honest login."""
        proof = self.prove(device or person.device, token)
        return await self.accounts.login(
            Login(proof, person.code, secret, self.code(authenticator))
        )
