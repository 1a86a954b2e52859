"""Names travel sealed, as profiles, and in no other way (PROTOCOL 8.7)."""

from __future__ import annotations

from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.message import open_message, seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.profile import KIND, Profile, parse_profiles, profile_content
from cencomm_crypto.public.ids import PersonId

from tests.support.sealing import Author, epoch, fixed

CLAIRE = Profile(
    PersonId(fixed("claire", 16)), "FR-014", "Claire Ollé", "DNRED Le Havre", ("fr", "es"), "nights"
)
PIERRE = Profile(PersonId(fixed("pierre", 16)), "FR-015", "Pierre D.")


def test_profiles_read_back_after_sealing_and_opening() -> None:
    secret, ncp = epoch(), Author("ncp")
    payload = make_payload(KIND, fixed("mid", 16), profile_content([CLAIRE, PIERRE]))
    header = ncp.header(secret)
    body = seal_message(header, secret, payload, bytes(24), bytes(16))
    opened = open_message(ncp.entry(header, body), secret)
    assert parse_profiles(opened["content"]) == (CLAIRE, PIERRE)


def test_an_administration_of_200_fits_one_message() -> None:
    people = [
        Profile(PersonId(fixed(f"{i}", 16)), f"FR-{i:03}", f"Officer Number {i}", "Customs, port")
        for i in range(200)
    ]
    payload = make_payload(KIND, fixed("mid", 16), profile_content(people))
    header = Author("ncp").header(epoch())
    assert seal_message(header, epoch(), payload, bytes(24), bytes(16))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"persons": []},
        {"persons": "Claire"},
        {"persons": [{"person": bytes(16), "code": "FR-014"}]},
        {"persons": [{"person": bytes(15), "code": "FR-014", "name": "C"}]},
        {"persons": [{"person": bytes(16), "code": "FR-014", "name": "C", "phone": "1"}]},
        {"persons": [{"person": bytes(16), "code": "FR-014", "name": "C\x1b[2J"}]},
        {"persons": [{"person": bytes(16), "code": "FR-014", "name": "C"}] * 2},
    ],
)
def test_content_off_its_shape_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_profiles(content)
    assert caught.value.code is ErrorCode.MALFORMED


def test_a_profile_off_its_shape_is_not_written() -> None:
    with pytest.raises(ProtocolError):
        profile_content([Profile(CLAIRE.person, "FR-014", "")])
