"""SessionStore over document collections: sessions, challenges, invitations, enrolments."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from cencomm_crypto.public.ids import DeviceId, PersonId

from cencomm_server.store import schema
from cencomm_server.store.collection import Collection, Document, Records
from cencomm_server.store.documents import EnrolmentDoc, InvitationDoc, SessionDoc
from cencomm_server.store.port import KeyTaken

_SESSION = Records(SessionDoc, schema.SESSIONS)
_INVITATION = Records(InvitationDoc, schema.INVITATIONS)
_ENROLMENT = Records(EnrolmentDoc)
_KEPT_INVITATIONS_MS = 30 * 86400 * 1000  # how long an expired one can still be looked up


class KeptSessions:
    """What ends by itself carries the date at which the store may delete it (`gone`).

    Nobody relies on that date: the services compare `expires` with their own clock.
    """

    def __init__(
        self, sessions: Collection, challenges: Collection, invitations: Collection
    ) -> None:
        self._sessions = sessions
        self._challenges = challenges
        self._invitations = invitations

    async def put_session(self, doc: SessionDoc) -> None:
        try:
            await self._sessions.insert(_SESSION.document(doc, gone=_date(doc.expires)))
        except KeyTaken:
            raise KeyTaken("this token is in use") from None

    async def session(self, token_hash: bytes) -> SessionDoc | None:
        document = await self._sessions.find_one({"_id": token_hash})
        return None if document is None else _SESSION.record(document)

    async def touch_session(self, token_hash: bytes, last_seen: int) -> bool:
        return await self._sessions.update({"_id": token_hash}, {"$max": {"last_seen": last_seen}})

    async def drop_session(self, token_hash: bytes) -> bool:
        return bool(await self._sessions.delete({"_id": token_hash}))

    async def drop_sessions_of(
        self, *, device: DeviceId | None = None, person: PersonId | None = None
    ) -> int:
        if (device is None) == (person is None):
            raise ValueError("expected a device or a person, not both")
        where: Document = {"person": person} if device is None else {"device": device}
        return await self._sessions.delete(where)

    async def put_challenge(self, nonce: bytes, device: DeviceId, expires: int) -> None:
        document = {"_id": nonce, "device": device, "expires": expires, "gone": _date(expires)}
        try:
            await self._challenges.insert(document)
        except KeyTaken:
            raise KeyTaken("this nonce is open") from None

    async def take_challenge(self, nonce: bytes, now: int) -> DeviceId | None:
        document = await self._challenges.take({"_id": nonce})
        if document is None or now >= document["expires"]:
            return None
        return DeviceId(document["device"])

    async def put_invitation(self, doc: InvitationDoc) -> None:
        gone = _date(doc.expires + _KEPT_INVITATIONS_MS)
        try:
            await self._invitations.insert(_INVITATION.document(doc, gone=gone))
        except KeyTaken:
            raise KeyTaken("this invitation exists") from None

    async def invitation(self, lookup: bytes) -> InvitationDoc | None:
        document = await self._invitations.find_one({"_id": lookup})
        return None if document is None else _invitation(document)

    async def invitations_by(
        self, person: PersonId, *, after: bytes = b"", limit: int = 1000
    ) -> list[InvitationDoc]:
        # Cut here and not by the store: one person has few (invitations_per_person).
        found = await self._invitations.find({"by": person}, "_id")
        return [_invitation(document) for document in found if document["_id"] > after][:limit]

    async def put_enrolment(self, lookup: bytes, doc: EnrolmentDoc) -> bool:
        enrolment = _ENROLMENT.document(doc)
        if await self._invitations.update(
            {"_id": lookup, "closed": False, "enrolment": None}, {"$set": {"enrolment": enrolment}}
        ):
            return True
        stands = await self.invitation(lookup)
        if stands is None or stands.closed or stands.enrolment is None:
            return False
        return dataclasses.replace(stands.enrolment, received=doc.received) == doc

    async def close_invitation(self, lookup: bytes) -> bool:
        return await self._invitations.update(
            {"_id": lookup, "closed": False}, {"$set": {"closed": True}}
        )


def _invitation(document: Document) -> InvitationDoc:
    values = _INVITATION.values(document)
    if values["enrolment"] is not None:
        values["enrolment"] = EnrolmentDoc(**_ENROLMENT.values(values["enrolment"]))
    return InvitationDoc(**values)


def _date(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
