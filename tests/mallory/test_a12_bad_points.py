"""A12: signing keys of small or mixed order, on which verifiers disagree."""

from __future__ import annotations

from hashlib import sha512
from itertools import count

import nacl.bindings as sodium
import pytest
from cencomm_client import vouching
from cencomm_client.answers import ReceivedEnrolment
from cencomm_client.errors import EnrolmentProof
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    check_sign_key,
    device_id,
    enrol_message,
    verify_raw,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import Careless
from tests.mallory.world import ANALYST, CONTACT, MEMBERS, OUTSIDER

_Y8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_Y8_OTHER = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
SMALL = {  # y-coordinates of the eight torsion points, and their other spellings (CCTV)
    "order 1": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 4": "00" * 32,
    "order 4, other sign": "00" * 31 + "80",
    "order 8": _Y8,
    "order 8, other sign": _Y8[:-2] + "85",
    "order 8, other y": _Y8_OTHER,
    "order 8, other y and sign": _Y8_OTHER[:-2] + "fa",
    "order 1, not canonical": "ee" + "ff" * 30 + "7f",
    "order 1, wrong sign bit": "01" + "00" * 30 + "80",
    "order 1, neither": "ee" + "ff" * 31,
    "order 2, wrong sign bit": "ec" + "ff" * 31,
    "order 4, not canonical": "ed" + "ff" * 30 + "7f",
    "order 4, not canonical, other sign": "ed" + "ff" * 31,
    "no point at all": "02" + "00" * 31,
    "beyond the field": "ff" * 32,
}
_HONEST = SigningKey.from_seed(sha256(b"honest"))
MIXED = sodium.crypto_core_ed25519_add(_HONEST.public, bytes.fromhex(_Y8))


def mixed_signature(message: bytes) -> bytes:
    """A signature under MIXED that libsodium takes: its h is a multiple of 8, so the torsion
    part falls out; every second verifier says otherwise for every other h."""
    secret = sodium.crypto_sign_ed25519_sk_to_curve25519(_HONEST._secret)
    for n in count():
        nonce = sodium.crypto_core_ed25519_scalar_reduce(sha512(b"%d" % n + message).digest())
        point = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
        h = sodium.crypto_core_ed25519_scalar_reduce(sha512(point + MIXED + message).digest())
        if h[0] % 8 == 0:
            product = sodium.crypto_core_ed25519_scalar_mul(
                h, sodium.crypto_core_ed25519_scalar_reduce(secret + bytes(32))
            )
            return point + sodium.crypto_core_ed25519_scalar_add(nonce, product)
    raise AssertionError


def test_a_signature_under_a_mixed_key_verifies_and_the_key_is_refused_all_the_same() -> None:
    verify_raw(MIXED, b"message", mixed_signature(b"message"))
    with pytest.raises(ProtocolError) as refused:
        check_sign_key(MIXED)
    assert refused.value.code == ErrorCode.BAD_KEY
    check_sign_key(_HONEST.public)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_or_ill_formed_key_is_refused_and_signs_nothing(name: str) -> None:
    key = bytes.fromhex(SMALL[name])
    with pytest.raises(ProtocolError) as refused:
        check_sign_key(key)
    assert refused.value.code == ErrorCode.BAD_KEY
    for point in (key, bytes([1]) + bytes(31)):  # S = 0, R a torsion point: true for lax verifiers
        with pytest.raises(ProtocolError) as unsigned:
            verify_raw(key, b"any message", point + bytes(32))
        assert unsigned.value.code == ErrorCode.BAD_SIGNATURE


def vouched(stage: Stage, person: PersonId, sign_pk: bytes, proof: bytes, box: BoxKey) -> object:
    """The body of a device.add."""
    return {"person": person, "sign_pk": sign_pk, "box_pk": box.public, "proof": proof}


async def test_a_contact_point_vouches_for_a_bad_key(stages: Stages) -> None:
    """Every bad key is refused by an honest server; what a careless one takes, no client does."""
    for appends in (Appends, Careless):
        async with stages(Appends=appends) as stage:
            await stage.look(*MEMBERS)
            person, id32 = stage.person(OUTSIDER), stage.station(CONTACT).vault.directory_id
            keys = [MIXED] + [bytes.fromhex(key) for key in SMALL.values()]
            for place, key in enumerate(keys):
                box = BoxKey.from_seed(sha256(b"box %d" % place))
                message = enrol_message(id32, person, box.public)
                proof = mixed_signature(b"CENcomm/v1/enrol\x00" + message)
                body = vouched(stage, person, key, proof, box)
                header = stage.station(CONTACT).author.directory_header("device.add")
                entry = stage.sign(CONTACT, header, body)
                if appends is Appends:
                    assert await refusal(stage.post(CONTACT, entry)) == "bad_key"
                else:
                    await stage.post(CONTACT, entry)
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                state = stage.station(code).directory
                assert all(state.device(device_id(key)) is None for key in keys)
                assert len(state.persons[person].devices) == 1
            stage.expect(set() if appends is Appends else {"A12"}, *MEMBERS)

            good, box = _HONEST, BoxKey.from_seed(sha256(b"box"))
            proof = good.sign(SigType.ENROL, enrol_message(id32, person, box.public))
            body = vouched(stage, person, good.public, proof, box)
            author = stage.station(CONTACT).author
            await stage.post(
                CONTACT, stage.sign(CONTACT, author.directory_header("device.add"), body)
            )
            await stage.look(ANALYST)
            assert stage.station(ANALYST).directory.device(device_id(good.public)) is not None


async def test_a_new_device_hands_in_a_bad_key(stages: Stages) -> None:
    """Neither the server's mailbox nor the contact point's client takes it."""
    async with stages() as stage:
        contact = await stage.client(CONTACT)
        invitation = Invitation.parse(await contact.invite("BE-050"))
        box = BoxKey.from_seed(sha256(b"box")).public
        transport = stage.station(CONTACT).transport
        issued = next(i for i in contact.vault.invitations() if i.lookup == invitation.lookup)
        for key in (MIXED, *map(bytes.fromhex, SMALL.values())):
            proof, sig = invitation.proof(key, box), bytes(64)
            hand_in = transport.post_enrolment(invitation.lookup, key, box, sig, proof)
            assert await refusal(hand_in) == "bad_key"
            received = ReceivedEnrolment(invitation.lookup, invitation.person, key, box, sig, proof)
            found = vouching.check_enrolment(contact.vault, issued, received)
            assert found.checked is None
            assert isinstance(found.problem, EnrolmentProof)
        assert await contact.vouch() == ()
