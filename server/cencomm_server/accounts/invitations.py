"""The mailbox between a contact point and the new device that it invited (A40).

No authority: what lies here was checked only for its form. The inviting client checks the proof
with the secret that never came here, and vouches by an entry of its own. Unauthenticated writing
is bounded: one enrolment per invitation, of fixed size, while the invitation lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cencomm_config.errors import Forbidden, InvitationSpent, InvitationUnknown, RateLimited
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import (
    SigType,
    check_box_key,
    check_sign_key,
    device_id,
    enrol_message,
    verify,
)

from cencomm_server.accounts.principal import Clock, Directory, Principal, active
from cencomm_server.store.documents import EnrolmentDoc, InvitationDoc
from cencomm_server.store.port import KeyTaken, SessionStore

LOOKUP_SIZE = 16
PAGE = 200


class Waiting(StrEnum):
    """What the new device is told."""

    NONE = "none"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A new device's public half: keys[32], SIG "enrol"[64], proof of the secret[32]."""

    invitation: bytes
    sign_pk: bytes
    box_pk: bytes
    enrol_sig: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list; `next` is the `after` of the following page, None at the end."""

    items: tuple[InvitationDoc, ...]
    next: bytes | None


class Invitations:
    """Made by people with a session, filled once by whoever holds the invitation."""

    def __init__(
        self,
        *,
        store: SessionStore,
        directory: Directory,
        clock: Clock,
        ttl_s: int,
        per_person: int,
    ) -> None:
        """`ttl_s` and `per_person` as in the settings."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._ttl_ms = ttl_s * 1000
        self._per_person = per_person

    async def invite(self, principal: Principal, lookup: bytes, person: PersonId) -> InvitationDoc:
        """Open a place for one device of `person`; the same again gives the same.

        Raises Forbidden, RateLimited when too many are open, ALREADY_EXISTS for another's lookup.
        """
        self._check_may_invite(principal, person)
        known = await self._store.invitation(lookup)
        if known is not None and (known.by, known.person) == (principal.person, person):
            return known
        now = self._clock()
        if await self._open_count(principal.person, now) >= self._per_person:
            raise RateLimited(
                f"{self._per_person} invitations of yours are open; they end by themselves",
                retry_after_s=3600,
            )
        doc = InvitationDoc(lookup, person, principal.person, now, now + self._ttl_ms)
        try:
            await self._store.put_invitation(doc)
        except KeyTaken:
            raise ProtocolError(
                ErrorCode.ALREADY_EXISTS, "this invitation is another's; draw a new secret"
            ) from None
        return doc

    async def made_by(self, principal: Principal, after: bytes, limit: int) -> Page:
        """The caller's own, by lookup value, those that still last."""
        docs = await self._store.invitations_by(principal.person, after=after, limit=limit)
        now = self._clock()
        lasting = tuple(doc for doc in docs if now < doc.expires and not doc.closed)
        return Page(lasting, docs[-1].lookup if docs and len(docs) == limit else None)

    async def leave(self, enrolment: Enrolment) -> Waiting:
        """Put a device's keys under the invitation; the first keep the place.

        Raises InvitationUnknown, InvitationSpent, BAD_KEY (A12, A47), BAD_SIGNATURE (A41).
        """
        check_sign_key(enrolment.sign_pk)
        check_box_key(enrolment.box_pk)
        doc = await self._lasting(enrolment.invitation)
        state = self._directory.state
        if state is None:
            raise InvitationUnknown("no such invitation here")
        message = enrol_message(state.id32, doc.person, enrolment.box_pk)
        verify(enrolment.sign_pk, SigType.ENROL, message, enrolment.enrol_sig)
        kept = EnrolmentDoc(
            sign_pk=enrolment.sign_pk,
            box_pk=enrolment.box_pk,
            enrol_sig=enrolment.enrol_sig,
            proof=enrolment.proof,
            received=self._clock(),
        )
        if not await self._store.put_enrolment(enrolment.invitation, kept):
            raise InvitationSpent("another device's keys lie under this invitation")
        return self._waiting(kept)

    async def status(self, lookup: bytes) -> Waiting:
        """How far the enrolment is; raises InvitationUnknown."""
        doc = await self._lasting(lookup)
        return Waiting.NONE if doc.enrolment is None else self._waiting(doc.enrolment)

    def _waiting(self, enrolment: EnrolmentDoc) -> Waiting:
        state = self._directory.state
        known = state is not None and state.device(device_id(enrolment.sign_pk)) is not None
        return Waiting.DONE if known else Waiting.WAITING

    async def _lasting(self, lookup: bytes) -> InvitationDoc:
        doc = await self._store.invitation(lookup)
        if doc is None or doc.closed or self._clock() >= doc.expires:
            raise InvitationUnknown("no such invitation here; expected one that still lasts")
        return doc

    async def _open_count(self, person: PersonId, now: int) -> int:
        after, count = b"", 0
        while docs := await self._store.invitations_by(person, after=after, limit=PAGE):
            count += sum(self._is_open(doc, now) for doc in docs)
            after = docs[-1].lookup
        return count

    def _is_open(self, doc: InvitationDoc, now: int) -> bool:
        is_done = doc.enrolment is not None and self._waiting(doc.enrolment) is Waiting.DONE
        return now < doc.expires and not doc.closed and not is_done

    def _check_may_invite(self, principal: Principal, person: PersonId) -> None:
        found = active(self._directory, principal.device)
        state = self._directory.state
        target = state.person(person) if state is not None else None
        if target is None or state is None or not state.active_person(person):
            raise ProtocolError(ErrorCode.UNKNOWN_PERSON, "expected an active person")
        own = principal.person == person
        if found is None or not (own or (found[1].ncp and found[1].admin == target.admin)):
            raise Forbidden("expected the person itself or its administration's contact point")
