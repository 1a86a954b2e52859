"""A40: the server swaps the keys of a new device for its own while they lie in its mailbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cencomm_client import vouching
from cencomm_client.client import Client
from cencomm_client.errors import ClientCode
from cencomm_client.station import Settings
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.ids import DeviceId, PersonId
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, device_id, enrol_message
from cencomm_crypto.public.primitives import sha256
from cencomm_server.http.accounts import AccountHandlers
from cencomm_server.http.call import Answer, Call

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import CONTACT
from tests.support.vaults import PASSWORD

SIGN = SigningKey.from_seed(sha256(b"the host's"))
BOX = BoxKey.from_seed(sha256(b"the host's box"))
Enrolment = dict[str, Any]
Swap = Callable[[Enrolment, bytes, PersonId], Enrolment]


def both(found: Enrolment, id32: bytes, person: PersonId) -> Enrolment:
    """Both keys, well-formed and with a true proof of possession: only the secret is missing."""
    sig = SIGN.sign(SigType.ENROL, enrol_message(id32, person, BOX.public))
    return {
        **found,
        "sign_pk": SIGN.public.hex(),
        "box_pk": BOX.public.hex(),
        "enrol_sig": sig.hex(),
    }


def box_alone(found: Enrolment, id32: bytes, person: PersonId) -> Enrolment:
    """The box key alone: the device would sign for itself and read nothing."""
    return {**found, "box_pk": BOX.public.hex()}


def sign_alone(found: Enrolment, id32: bytes, person: PersonId) -> Enrolment:
    """The signing key alone, with a signature of its own."""
    box_pk = bytes.fromhex(found["box_pk"])
    sig = SIGN.sign(SigType.ENROL, enrol_message(id32, person, box_pk))
    return {**found, "sign_pk": SIGN.public.hex(), "enrol_sig": sig.hex()}


def guessed_secret(found: Enrolment, id32: bytes, person: PersonId) -> Enrolment:
    """Both keys and a proof under a secret that the server draws itself."""
    guess = Invitation(
        directory=id32, person=person, secret=bytes(32), account="BE-050", kind="human", server=""
    )
    return {**both(found, id32, person), "proof": guess.proof(SIGN.public, BOX.public).hex()}


def no_possession(found: Enrolment, id32: bytes, person: PersonId) -> Enrolment:
    """The true keys without the device's own signature over them (A41)."""
    return {**found, "enrol_sig": bytes(64).hex()}


SWAPS = [both, box_alone, sign_alone, guessed_secret, no_possession]


class Swapping(AccountHandlers):
    """Hands the inviter other keys than came. In the place of `AccountHandlers`."""

    swap: Swap | None = None
    id32 = b""

    async def invitations(self, call: Call) -> Answer:
        answer = await super().invitations(call)
        told = json.loads(answer.body)
        for row in told["invitations"]:
            if self.swap is not None and row["enrolment"] is not None:
                person = PersonId(bytes.fromhex(row["person"]))
                row["enrolment"] = self.swap(row["enrolment"], self.id32, person)
        return replace(answer, body=json.dumps(told).encode())


async def hand_in(stage: Stage) -> Client:
    """A new person of Belgium takes the invitation on its own device."""
    contact = await stage.client(CONTACT)
    text = await contact.invite("BE-050")
    settings = Settings(timing=stage.timing, clock=stage.clock)
    return await Client.enrol(
        text, stage.folder / "BE-050", PASSWORD, server=stage.server.url, settings=settings
    )


@pytest.mark.parametrize("swap", [None, *SWAPS], ids=lambda swap: swap and swap.__name__)
async def test_the_contact_point_vouches_for_the_keys_on_the_paper_alone(
    stages: Stages, swap: Swap | None
) -> None:
    async with stages(AccountHandlers=Swapping) as stage:
        new = await hand_in(stage)
        contact, station = stage.clients[CONTACT], stage.station(CONTACT)
        server = stage.server.part(Swapping)
        server.swap, server.id32 = swap, contact.vault.directory_id
        size = stage.head(stage.directory).size
        (received,) = await vouching.received(contact.vault, station.transport)
        (done,) = await contact.vouch()
        known = contact.directory.state.device(DeviceId(new.device))
        host = contact.directory.state.device(device_id(SIGN.public))
        assert host is None
        if swap is None:
            assert received.problem is None
            assert done.device == new.device
            assert known is not None
            assert known.box_pk == new.vault.box_key.public
            await new.wait_enrolled(patience_s=5, every_s=0.05)
        else:
            assert received.checked is None
            assert received.problem is not None
            assert (received.problem.code, received.problem.row) == (
                ClientCode.ENROLMENT_PROOF,
                "A40",
            )
            assert (done.device, done.row) == (None, "A40")
            assert done.problem is not None
            assert "make a new invitation" in done.problem
            assert known is None
            assert stage.head(stage.directory).size == size  # nothing was vouched for
        await new.close()
