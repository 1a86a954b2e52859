"""Enrolment on both sides against the real server: who is let in, and whose keys are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cencomm_client import enrolment, vouching
from cencomm_client.errors import (
    EnrolmentWaiting,
    InvitationUnknown,
    NotEnrolled,
    Refused,
)
from cencomm_client.vault import Vault
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, enrol_message

from tests.support.loopback import Loopback, loopback
from tests.support.vaults import PASSWORD, derive


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Loopback]:
    async with loopback(tmp_path) as running:
        yield running


async def test_a_person_comes_in_by_invitation_and_a_second_device_by_its_first(
    made: Loopback,
) -> None:
    ncp = await made.ncp("FR")
    officer = await made.enrol(ncp, "FR-014")
    invitation = await vouching.invite(
        officer.vault,
        officer.transport,
        lambda: 1,
        person=officer.vault.person,
        account="FR-014",
    )
    phone = await made.accept(officer, invitation, "phone")
    await made.log_in_beside(officer, phone)
    await officer.pull()
    state = officer.mirror.directory.state
    device = state.device(phone.vault.device)
    assert device is not None
    assert device.voucher == officer.vault.device
    assert officer.vault.invitations() == ()
    assert enrolment.pending_invitation(officer.vault) is None


async def test_keys_that_the_server_swapped_are_not_vouched_for(made: Loopback) -> None:
    """A40: the server answers with keys of its own, and a proof of possession that holds."""
    ncp = await made.ncp("FR")
    invitation = await made.invite(ncp, "FR-014")
    vault = enrolment.accept_invitation(
        made.folder / "vault", Invitation.parse(invitation.text()), PASSWORD, derive=derive
    )
    member = await made.member(vault)
    await enrolment.announce(vault, member.transport)
    (honest,) = await ncp.transport.invitations()
    (issued,) = ncp.vault.invitations()
    assert vouching.check_enrolment(ncp.vault, issued, honest).checked is not None

    evil_sign, evil_box = SigningKey.from_seed(b"e" * 32), BoxKey.from_seed(b"f" * 32)
    message = enrol_message(made.directory_id, issued.person, evil_box.public)
    evil_sig = evil_sign.sign(SigType.ENROL, message)
    for lie in (
        replace(honest, sign_pk=evil_sign.public, box_pk=evil_box.public, enrol_sig=evil_sig),
        replace(honest, box_pk=evil_box.public),
        replace(honest, proof=bytes(32)),
        replace(honest, enrol_sig=bytes(64)),
        replace(honest, box_pk=bytes(32)),
        replace(honest, sign_pk=bytes(31) + b"\x01"),
    ):
        keys = vouching.check_enrolment(ncp.vault, issued, lie)
        assert keys.checked is None
        assert keys.problem is not None
        assert (keys.problem.code, keys.problem.row) == ("enrolment_proof", "A40")


async def test_keys_for_an_invitation_that_nobody_made_are_not_shown(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    await made.invite(ncp, "FR-014")
    (issued,) = ncp.vault.invitations()
    ncp.vault.drop_invitation(issued.lookup)
    assert await vouching.received(ncp.vault, ncp.transport) == ()


async def test_an_invitation_serves_one_device(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    invitation = await made.invite(ncp, "FR-014")
    first = enrolment.accept_invitation(made.folder / "a", invitation, PASSWORD, derive=derive)
    second = enrolment.accept_invitation(made.folder / "b", invitation, PASSWORD, derive=derive)
    transport = await made.transport()
    await enrolment.announce(first, transport)
    await enrolment.announce(first, transport)  # the same keys again change nothing
    with pytest.raises(InvitationUnknown):
        await enrolment.announce(second, transport)
    with pytest.raises(EnrolmentWaiting):
        await enrolment.wait_until_vouched(first, transport, patience_s=0.1, every_s=0.05)


async def test_an_unknown_invitation_is_refused(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    good = await made.invite(ncp, "FR-014")
    other = replace(good, secret=b"x" * 32)
    vault = enrolment.accept_invitation(made.folder / "a", other, PASSWORD, derive=derive)
    with pytest.raises(InvitationUnknown):
        await enrolment.announce(vault, await made.transport())
    plain = Vault.create(
        made.folder / "plain",
        PASSWORD,
        directory_id=made.directory_id,
        account="FR-015",
        person=good.person,
        server_url=made.url,
        derive=derive,
    )
    with pytest.raises(EnrolmentWaiting):
        await enrolment.announce(plain, await made.transport())


async def test_an_unfinished_enrolment_goes_on_after_a_restart(made: Loopback) -> None:
    ncp = await made.ncp("FR")
    invitation = await made.invite(ncp, "FR-014")
    path = made.folder / "vault"
    vault = enrolment.accept_invitation(path, invitation, PASSWORD, derive=derive)
    key = vault.device_key
    vault.close()
    again = Vault.open(path, PASSWORD, derive=derive)
    assert enrolment.pending_invitation(again) == invitation
    assert again.device_key == key
    await enrolment.announce(again, await made.transport())
    (received,) = await vouching.received(ncp.vault, ncp.transport)
    assert received.checked is not None
    assert received.checked.sign_pk == key.public
    again.close()


async def test_a_device_that_the_directory_shows_otherwise_is_not_finished(
    made: Loopback,
) -> None:
    """A2: the own device must be there, with own keys, under the own person."""
    ncp = await made.ncp("FR")
    await ncp.pull()
    stranger = Vault.create(
        made.folder / "stranger",
        PASSWORD,
        directory_id=made.directory_id,
        account="FR-001",
        person=ncp.vault.person,
        server_url=made.url,
        derive=derive,
    )
    with pytest.raises(NotEnrolled):
        enrolment.own_device(stranger, ncp.mirror)
    assert enrolment.own_device(ncp.vault, ncp.mirror).id == ncp.vault.device
    await ncp.decide("device.revoke", {"device": ncp.vault.device})
    made_known = ncp.mirror.directory.size
    with pytest.raises(Refused):
        await ncp.pull()  # its session ended with its device
    assert ncp.mirror.directory.size == made_known


async def test_only_an_ncp_of_the_same_administration_vouches(made: Loopback) -> None:
    france, spain = await made.ncp("FR"), await made.ncp("ES")
    invitation = await made.invite(france, "FR-014")
    with pytest.raises(Refused) as caught:
        await vouching.invite(
            spain.vault,
            spain.transport,
            lambda: 1,
            person=invitation.person,
            account="FR-014",
        )
    assert caught.value.code in ("forbidden", "unknown_person")
