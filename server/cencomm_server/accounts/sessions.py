"""Sessions: a token's hash, bound to a device, with an idle and an absolute end (A27)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cencomm_config.errors import LoginFailed, NotAuthenticated, SessionExpired
from cencomm_crypto.public.directory.state import Device, Person
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.primitives import sha256

from cencomm_server.accounts.principal import (
    Clock,
    Directory,
    LiveSockets,
    Principal,
    active,
    outlived,
)
from cencomm_server.accounts.proof import FAILED
from cencomm_server.store.documents import SessionDoc
from cencomm_server.store.port import KeyTaken, SessionStore

_TOUCHES_PER_IDLE = 20  # `last_seen` is written at most so often per idle limit
KNOWN_S = 1.0  # so much later at most, a logout at another server process counts here (ADR 0024)
MOST_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Session:
    """What a login answers: the absolute end (ms) and the idle limit.

    `recovery_left`: how many recovery codes a person has left; `recovery`: fresh ones, shown once.
    """

    expires: int
    idle_s: int
    recovery_left: int | None = None
    recovery: tuple[str, ...] = field(default=(), repr=False)


class Sessions:
    """Opens, believes and ends sessions; ending one ends the device's live sockets at once."""

    def __init__(
        self,
        *,
        store: SessionStore,
        directory: Directory,
        sockets: LiveSockets,
        clock: Clock,
        idle_s: int,
        absolute_s: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`idle_s` and `absolute_s` as in the settings."""
        self._store = store
        self._directory = directory
        self._sockets = sockets
        self._clock = clock
        self._idle_ms = idle_s * 1000
        self._absolute_ms = absolute_s * 1000
        self._monotonic_s = monotonic_s
        self._known: dict[bytes, tuple[float, SessionDoc]] = {}
        self._endings = 0  # what was read of the store before the last one may be over

    async def open(self, device: Device, token_hash: bytes) -> Session:
        """Call after the login has been judged; the device's earlier session ends."""
        await self.end_device(device.id)
        now = self._clock()
        doc = SessionDoc(token_hash, device.id, device.person, now, now + self._absolute_ms, now)
        try:
            await self._store.put_session(doc)
        except KeyTaken:  # a token is drawn for one login; a second use is a replay (A27)
            raise LoginFailed(FAILED) from None
        return Session(doc.expires, self._idle_ms // 1000)

    async def authenticate(self, token: bytes) -> Principal:
        """Whose token it is, if the session and the device live; else raises.

        Raises NotAuthenticated for an unknown token, SessionExpired for one that has ended.
        """
        token_hash = sha256(token)
        doc = await self._session(token_hash)
        if doc is None:
            raise NotAuthenticated("the token is not one of a session here")
        found = self._living_owner(doc)
        if found is None:
            await self._store.drop_session(token_hash)
            self._forget()
            raise SessionExpired("the session is over; expected a new login")
        now = self._clock()
        if now - doc.last_seen > self._idle_ms // _TOUCHES_PER_IDLE:
            await self._store.touch_session(token_hash, now)
            if token_hash in self._known:  # unless it has ended meanwhile
                self._known[token_hash] = (self._known[token_hash][0], replace(doc, last_seen=now))
        return Principal(doc.device, doc.person, found.kind, token_hash)

    async def living(self, principal: Principal) -> bool:
        """Whether the session of a live socket still stands; does not count as use."""
        doc = await self._store.session(principal.token_hash)
        return doc is not None and self._living_owner(doc) is not None

    async def end(self, principal: Principal) -> None:
        """Logout."""
        await self._store.drop_session(principal.token_hash)
        self._forget()
        await self._sockets.disconnect_device(principal.device)

    async def end_device(self, device: DeviceId) -> None:
        """All sessions and sockets of a device."""
        await self._store.drop_sessions_of(device=device)
        self._forget()
        await self._sockets.disconnect_device(device)

    async def end_person(self, person: PersonId) -> None:
        """All sessions and sockets of a person."""
        await self._store.drop_sessions_of(person=person)
        self._forget()
        await self._sockets.disconnect_person(person)

    async def _session(self, token_hash: bytes) -> SessionDoc | None:
        """From memory if it was read within KNOWN_S and none has ended here since, or the store."""
        now = self._monotonic_s()
        read_at, known = self._known.get(token_hash, (-KNOWN_S, None))
        if known is not None and now - read_at < KNOWN_S:
            return known
        endings = self._endings
        doc = await self._store.session(token_hash)
        if doc is not None and endings == self._endings:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[token_hash] = (now, doc)
        return doc

    def _forget(self) -> None:
        """After the store has dropped sessions: what was read before, of whomever, is read anew."""
        self._endings += 1
        self._known.clear()

    def _living_owner(self, doc: SessionDoc) -> Person | None:
        now = self._clock()
        found = active(self._directory, doc.device)
        if found is None or now >= doc.expires or now - doc.last_seen >= self._idle_ms:
            return None
        return None if outlived(self._directory, found[1], doc.created) else found[1]
