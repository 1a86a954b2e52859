"""An invitation proves new keys to whoever vouches, past the server (PROTOCOL 10.2, A40)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.invitation import PREFIX, Invitation
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import SigType, enrol_message
from cencomm_crypto.public.primitives import keyed
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sealing import Author, bytes16, bytes32, few, fixed

PAPER = Invitation(
    directory=fixed("directory"),
    person=PersonId(fixed("person", 16)),
    secret=fixed("secret"),
    account="FR-014",
    kind="human",
    server="https://cencomm.example",
)
PHONE = Author("phone")


def enrol_sig(device: Author, invitation: Invitation = PAPER) -> bytes:
    message = enrol_message(invitation.directory, invitation.person, device.box.public)
    return device.key.sign(SigType.ENROL, message)


@given(bytes32, bytes16, bytes32, st.sampled_from(["human", "bot"]))
@few
def test_an_invitation_reads_back_from_word_url_and_broken_lines(
    directory: bytes, person: bytes, secret: bytes, kind: str
) -> None:
    made = replace(PAPER, directory=directory, person=PersonId(person), secret=secret, kind=kind)
    word = made.text()
    assert Invitation.parse(word) == made
    assert Invitation.parse(made.url()) == made
    assert Invitation.parse(f"  {word[:40]}\n{word[40:]} \r\n") == made


def test_the_word_is_in_the_fragment_which_browsers_do_not_send() -> None:
    server, _, fragment = PAPER.url().partition("#")
    assert server == "https://cencomm.example/"
    assert fragment == PAPER.text()
    assert PAPER.text().startswith(PREFIX)


@given(st.data())
@few
def test_any_changed_letter_is_noticed(data: st.DataObject) -> None:
    word = PAPER.text()
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_+/=é").filter(lambda c: c != word[place]))
    refuse(word[:place] + letter + word[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "hello", PREFIX, PREFIX + "AAAA", "https://cencomm.example/#"]
)
def test_what_is_no_invitation_is_refused(text: str) -> None:
    refuse(text)


def test_a_cut_or_doubled_word_is_refused() -> None:
    refuse(PAPER.text()[:-1])
    refuse(PAPER.text() + PAPER.text())
    refuse(PAPER.text() + "=")


def test_an_endless_word_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError) as caught:
        Invitation.parse(PREFIX + "A" * 100_000)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_the_server_knows_it_by_a_name_from_which_the_secret_does_not_follow() -> None:
    assert PAPER.lookup == keyed(PAPER.secret, "invitation-id", PAPER.directory)[:16]
    assert PAPER.lookup not in (PAPER.proof(bytes(32), bytes(32))[:16], PAPER.secret[:16])
    assert PAPER.secret.hex() not in repr(PAPER)


def test_the_keys_of_who_holds_the_paper_are_accepted() -> None:
    proof = PAPER.proof(PHONE.key.public, PHONE.box.public)
    assert proof == keyed(
        PAPER.secret,
        "enrol",
        PAPER.directory + PAPER.person + PHONE.key.public + PHONE.box.public,
    )
    PAPER.verify(PHONE.key.public, PHONE.box.public, proof, enrol_sig(PHONE))


@pytest.mark.parametrize("swapped", ["sign", "box", "both"])
def test_a_server_that_swaps_keys_is_caught_a40(swapped: str) -> None:
    server = Author("server")
    proof = PAPER.proof(PHONE.key.public, PHONE.box.public)
    sign = server.key if swapped != "box" else PHONE.key
    box = server.box if swapped != "sign" else PHONE.box
    message = enrol_message(PAPER.directory, PAPER.person, box.public)
    with pytest.raises(ProtocolError) as caught:
        PAPER.verify(sign.public, box.public, proof, sign.sign(SigType.ENROL, message))
    assert caught.value.code is ErrorCode.BAD_PROOF


def test_a_proof_from_another_invitation_or_for_another_person_is_caught_a40() -> None:
    for other in (
        replace(PAPER, secret=fixed("guess")),
        replace(PAPER, person=PersonId(bytes(16))),
        replace(PAPER, directory=bytes(32)),
    ):
        proof = other.proof(PHONE.key.public, PHONE.box.public)
        with pytest.raises(ProtocolError) as caught:
            PAPER.verify(PHONE.key.public, PHONE.box.public, proof, enrol_sig(PHONE, other))
        assert caught.value.code is ErrorCode.BAD_PROOF


def test_keys_that_the_device_does_not_possess_are_caught_a41() -> None:
    proof = PAPER.proof(PHONE.key.public, PHONE.box.public)
    with pytest.raises(ProtocolError) as caught:
        PAPER.verify(PHONE.key.public, PHONE.box.public, proof, enrol_sig(Author("other")))
    assert caught.value.code is ErrorCode.BAD_SIGNATURE


@pytest.mark.parametrize(
    "field", [{"kind": "ghost"}, {"account": ""}, {"secret": b""}, {"server": ""}]
)
def test_a_field_off_its_shape_is_not_written(field: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        replace(PAPER, **field).text()


def refuse(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Invitation.parse(text)
    assert caught.value.code is ErrorCode.MALFORMED
