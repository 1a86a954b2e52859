"""SessionStore: sessions, challenges, invitations, enrolments; alike on every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_server.store.documents import EnrolmentDoc, InvitationDoc, MetaDoc, SessionDoc
from cencomm_server.store.port import KeyTaken, Store

NOW = 4_000_000_000_000  # far ahead: a store that deletes what has expired leaves these alone
ANNA, BRUNO = PersonId(b"A" * 16), PersonId(b"B" * 16)
PHONE, LAPTOP = DeviceId(b"P" * 16), DeviceId(b"Q" * 16)
SESSION = SessionDoc(b"t" * 32, PHONE, ANNA, NOW, NOW + 100, NOW)
INVITATION = InvitationDoc(b"i" * 16, BRUNO, ANNA, NOW, NOW + 100)
ENROLMENT = EnrolmentDoc(b"s" * 32, b"b" * 32, b"g" * 64, b"p" * 32, NOW)


async def test_a_session_is_kept_until_it_is_dropped(store: Store) -> None:
    await store.put_session(SESSION)
    assert await store.session(b"t" * 32) == SESSION
    assert await store.session(b"u" * 32) is None
    assert await store.drop_session(b"t" * 32)
    assert not await store.drop_session(b"t" * 32)
    assert await store.session(b"t" * 32) is None


async def test_a_token_is_never_two_sessions(store: Store) -> None:
    """A27."""
    await store.put_session(SESSION)
    with pytest.raises(KeyTaken):
        await store.put_session(replace(SESSION, device=LAPTOP))
    assert await store.session(b"t" * 32) == SESSION


async def test_last_seen_only_goes_up(store: Store) -> None:
    await store.put_session(SESSION)
    assert await store.touch_session(b"t" * 32, NOW + 5)
    assert await store.touch_session(b"t" * 32, NOW + 3)
    assert await store.session(b"t" * 32) == replace(SESSION, last_seen=NOW + 5)
    assert not await store.touch_session(b"u" * 32, NOW)


async def test_sessions_of_a_device_or_a_person_end_together(store: Store) -> None:
    for n, (device, person) in enumerate([(PHONE, ANNA), (PHONE, ANNA), (LAPTOP, ANNA)]):
        await store.put_session(
            replace(SESSION, token_hash=bytes([n]) * 32, device=device, person=person)
        )
    await store.put_session(replace(SESSION, token_hash=b"z" * 32, person=BRUNO, device=LAPTOP))
    assert await store.drop_sessions_of(device=PHONE) == 2
    assert await store.drop_sessions_of(person=ANNA) == 1
    assert await store.drop_sessions_of(person=ANNA) == 0
    assert await store.session(b"z" * 32) is not None
    with pytest.raises(ValueError, match="not both"):
        await store.drop_sessions_of(device=PHONE, person=ANNA)


async def test_a_challenge_is_taken_once_even_in_a_race(store: Store) -> None:
    """A5."""
    await store.put_challenge(b"n" * 32, PHONE, NOW + 60)
    with pytest.raises(KeyTaken):
        await store.put_challenge(b"n" * 32, LAPTOP, NOW + 60)
    taken = await asyncio.gather(*(store.take_challenge(b"n" * 32, NOW) for _ in range(20)))
    assert sorted(device or b"" for device in taken) == [b""] * 19 + [PHONE]


async def test_a_challenge_is_worth_nothing_at_its_expiry(store: Store) -> None:
    await store.put_challenge(b"n" * 32, PHONE, NOW + 60)
    assert await store.take_challenge(b"n" * 32, NOW + 60) is None
    assert await store.take_challenge(b"n" * 32, NOW) is None
    assert await store.take_challenge(b"m" * 32, NOW) is None


async def test_an_invitation_is_found_by_lookup_and_by_its_maker(store: Store) -> None:
    docs = [replace(INVITATION, lookup=bytes([n]) * 16) for n in range(5)]
    for doc in docs:
        await store.put_invitation(doc)
    await store.put_invitation(replace(INVITATION, lookup=b"x" * 16, by=BRUNO))
    with pytest.raises(KeyTaken):
        await store.put_invitation(docs[0])
    assert await store.invitation(docs[1].lookup) == docs[1]
    assert await store.invitation(b"?" * 16) is None
    assert await store.invitations_by(ANNA) == docs
    assert await store.invitations_by(ANNA, after=docs[1].lookup, limit=2) == docs[2:4]


async def test_the_first_enrolment_stays(store: Store) -> None:
    """A40: nobody replaces the keys that the inviter is about to check."""
    await store.put_invitation(INVITATION)
    assert await store.put_enrolment(b"i" * 16, ENROLMENT)
    assert await store.put_enrolment(b"i" * 16, replace(ENROLMENT, received=NOW + 9))
    assert not await store.put_enrolment(b"i" * 16, replace(ENROLMENT, sign_pk=b"x" * 32))
    kept = await store.invitation(b"i" * 16)
    assert kept == replace(INVITATION, enrolment=ENROLMENT)
    assert kept.enrolment is not None
    assert type(kept.enrolment.received) is int
    assert not await store.put_enrolment(b"j" * 16, ENROLMENT)


async def test_of_racing_enrolments_one_stays(store: Store) -> None:
    await store.put_invitation(INVITATION)
    stays = await asyncio.gather(
        *(
            store.put_enrolment(b"i" * 16, replace(ENROLMENT, sign_pk=bytes([n]) * 32))
            for n in range(20)
        )
    )
    assert sum(stays) == 1


async def test_a_closed_invitation_takes_nothing(store: Store) -> None:
    await store.put_invitation(INVITATION)
    assert await store.close_invitation(b"i" * 16)
    assert not await store.close_invitation(b"i" * 16)
    assert not await store.close_invitation(b"j" * 16)
    assert not await store.put_enrolment(b"i" * 16, ENROLMENT)
    assert await store.invitation(b"i" * 16) == replace(INVITATION, closed=True)


async def test_the_store_names_its_format_and_takes_a_write(store: Store) -> None:
    assert await store.meta() == MetaDoc(3)
    await store.ping()
