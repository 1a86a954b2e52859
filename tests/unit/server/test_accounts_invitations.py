"""The enrolment mailbox: who may open a place, who may fill it, and that it stays small."""

import secrets
from dataclasses import replace

import pytest
from cencomm_config.errors import Forbidden, InvitationSpent, InvitationUnknown, RateLimited
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_server.accounts.invitations import Enrolment, Waiting
from cencomm_server.accounts.principal import Principal

from tests.support.accounts import Desk
from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

LOOKUP = b"i" * 16


class Lobby:
    """A person, its contact point, another administration's, and a new device."""

    def __init__(self) -> None:
        self.builder = DirectoryBuilder()
        france = self.builder.administration("FR")
        self.person, self.ncp = self.builder.person(france), france.ncp
        self.colleague = self.builder.person(france)
        self.foreign = self.builder.administration("IT").ncp
        self.desk = Desk(self.builder)
        self.phone = self.builder.new_device(self.person.id)

    @staticmethod
    def speaks(person: HeldPerson) -> Principal:
        return Principal(person.device.id, person.id, "human", bytes(32))

    def enrolment(self, device: HeldDevice, lookup: bytes = LOOKUP) -> Enrolment:
        return Enrolment(
            invitation=lookup,
            sign_pk=device.sign.public,
            box_pk=device.box.public,
            enrol_sig=device.proof(self.builder.id32),
            proof=b"p" * 32,
        )


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


async def test_a_new_devices_keys_reach_the_one_who_invited_it(lobby: Lobby) -> None:
    ncp, invitations = lobby.speaks(lobby.ncp), lobby.desk.invitations
    await invitations.invite(ncp, LOOKUP, lobby.person.id)
    assert await invitations.status(LOOKUP) is Waiting.NONE
    assert await invitations.leave(lobby.enrolment(lobby.phone)) is Waiting.WAITING
    (doc,) = (await invitations.made_by(ncp, b"", 10)).items
    assert doc.enrolment is not None
    assert doc.enrolment.sign_pk == lobby.phone.sign.public
    lobby.builder.append(
        lobby.builder.author("device.add", lobby.builder.device_body(lobby.phone), lobby.ncp.device)
    )
    assert await invitations.status(LOOKUP) is Waiting.DONE


async def test_a_person_may_invite_its_own_next_device(lobby: Lobby) -> None:
    await lobby.desk.invitations.invite(lobby.speaks(lobby.person), LOOKUP, lobby.person.id)


async def test_nobody_else_may(lobby: Lobby) -> None:
    for person in (lobby.colleague, lobby.foreign):
        with pytest.raises(Forbidden):
            await lobby.desk.invitations.invite(lobby.speaks(person), LOOKUP, lobby.person.id)


async def test_the_same_invitation_again_is_the_same(lobby: Lobby) -> None:
    ncp, invitations = lobby.speaks(lobby.ncp), lobby.desk.invitations
    first = await invitations.invite(ncp, LOOKUP, lobby.person.id)
    assert await invitations.invite(ncp, LOOKUP, lobby.person.id) == first
    with pytest.raises(ProtocolError) as raised:
        await invitations.invite(lobby.speaks(lobby.person), LOOKUP, lobby.person.id)
    assert raised.value.code == ErrorCode.ALREADY_EXISTS


async def test_the_first_keys_keep_the_place(lobby: Lobby) -> None:
    """A40: whoever comes later with other keys is told, and changes nothing."""
    ncp, invitations = lobby.speaks(lobby.ncp), lobby.desk.invitations
    await invitations.invite(ncp, LOOKUP, lobby.person.id)
    await invitations.leave(lobby.enrolment(lobby.phone))
    await invitations.leave(lobby.enrolment(lobby.phone))
    other = lobby.builder.new_device(lobby.person.id)
    with pytest.raises(InvitationSpent):
        await invitations.leave(lobby.enrolment(other))


async def test_bad_keys_and_signatures_are_refused_at_the_door(lobby: Lobby) -> None:
    """A12, A41, A47."""
    await lobby.desk.invitations.invite(lobby.speaks(lobby.ncp), LOOKUP, lobby.person.id)
    good = lobby.enrolment(lobby.phone)
    wrong = {
        ErrorCode.BAD_KEY: [
            replace(good, sign_pk=bytes(32)),
            replace(good, box_pk=bytes(32)),
            replace(good, box_pk=b"\xff" * 32),
        ],
        ErrorCode.BAD_SIGNATURE: [
            replace(good, enrol_sig=bytes(64)),
            replace(good, box_pk=lobby.builder.box_key().public),
            replace(good, enrol_sig=lobby.phone.proof(lobby.builder.id32, lobby.ncp.id)),
        ],
    }
    for code, enrolments in wrong.items():
        for enrolment in enrolments:
            with pytest.raises(ProtocolError) as raised:
                await lobby.desk.invitations.leave(enrolment)
            assert raised.value.code == code
    assert await lobby.desk.invitations.status(LOOKUP) is Waiting.NONE


async def test_an_invitation_ends(lobby: Lobby) -> None:
    ncp = lobby.speaks(lobby.ncp)
    await lobby.desk.invitations.invite(ncp, LOOKUP, lobby.person.id)
    lobby.desk.now += 3_600_000
    with pytest.raises(InvitationUnknown):
        await lobby.desk.invitations.leave(lobby.enrolment(lobby.phone))
    with pytest.raises(InvitationUnknown):
        await lobby.desk.invitations.status(LOOKUP)
    assert not (await lobby.desk.invitations.made_by(ncp, b"", 10)).items


async def test_an_unknown_invitation_is_unknown(lobby: Lobby) -> None:
    with pytest.raises(InvitationUnknown):
        await lobby.desk.invitations.leave(lobby.enrolment(lobby.phone, secrets.token_bytes(16)))


async def test_one_person_holds_only_so_many_open(lobby: Lobby) -> None:
    ncp, invitations = lobby.speaks(lobby.ncp), lobby.desk.invitations
    for n in range(3):
        await invitations.invite(ncp, bytes([n]) * 16, lobby.person.id)
    with pytest.raises(RateLimited):
        await invitations.invite(ncp, LOOKUP, lobby.person.id)
    lobby.desk.now += 3_600_000
    await invitations.invite(ncp, LOOKUP, lobby.person.id)
