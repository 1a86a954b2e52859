"""A13: a signature given for one thing used for another, or one key for two jobs."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from cencomm_client.session import prove_device
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.entry import parse
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    device_id,
    enrol_message,
    login_message,
    verify,
    verify_raw,
)
from cencomm_crypto.public.note import Checkpoint, open_checkpoint, origin, sign_checkpoint
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stages, refusal
from tests.mallory.hostile import Careless
from tests.mallory.insiders import one_time_code
from tests.mallory.world import ALERTS, CONTACT, MEMBERS, OFFICER, OUTSIDER

KEY = SigningKey.from_seed(sha256(b"one key"))
MESSAGE = sha256(b"header") + sha256(b"body")


@pytest.mark.parametrize(("signed", "wanted"), list(permutations(SigType, 2)))
def test_a_signature_is_good_for_one_thing(signed: SigType, wanted: SigType) -> None:
    signature = KEY.sign(signed, MESSAGE)
    verify(KEY.public, signed, MESSAGE, signature)
    for message in (MESSAGE, signed.encode() + MESSAGE, b"\x00" + MESSAGE):
        with pytest.raises(ProtocolError) as refused:
            verify(KEY.public, wanted, message, signature)
        assert refused.value.code == ErrorCode.BAD_SIGNATURE


@pytest.mark.parametrize("kind", SigType)
def test_a_signed_head_is_nothing_else(kind: SigType) -> None:
    """A note is signed without a prefix; its text can never be read as a prefixed message."""
    name = origin("CENcomm", bytes(16))
    note = sign_checkpoint(Checkpoint(name, 1, MESSAGE[:32]), KEY)
    assert open_checkpoint(note, name, KEY.public).size == 1
    text = Checkpoint(name, 1, MESSAGE[:32]).text()
    signature = KEY.sign_raw(text)
    verify_raw(KEY.public, text, signature)
    prefix = b"CENcomm/v1/" + kind.encode() + b"\x00"
    assert not text.startswith(prefix)
    with pytest.raises(ProtocolError):
        verify(KEY.public, kind, text, signature)
    with pytest.raises(ProtocolError):
        verify(KEY.public, kind, text.removeprefix(b"CENcomm/"), signature)


@pytest.mark.parametrize("kind", SigType)
async def test_an_entry_under_a_signature_that_was_given_for_something_else(
    stages: Stages, kind: SigType
) -> None:
    """The device signed these very bytes, for another purpose."""
    for appends in (Appends, Careless) if kind is not SigType.ENTRY else (Appends,):
        async with stages(Appends=appends) as stage:
            await stage.look(*MEMBERS)
            entry = stage.message(OFFICER, ALERTS, "let the lorry go")
            key = stage.station(OFFICER).vault.device_key
            sig = key.sign(kind, entry.header_hash + entry.body_hash)
            moved = parse(entry.header_bytes, entry.body_bytes or b"", sig)
            code = await stage.offer(OFFICER, moved)
            await stage.look(*MEMBERS)
            if kind is SigType.ENTRY:
                assert code == ""
                assert all(stage.texts(member)[-1] == "let the lorry go" for member in MEMBERS)
                stage.quiet()
                continue
            assert code == ("bad_signature" if appends is Appends else "")
            assert all("let the lorry go" not in stage.texts(member) for member in MEMBERS)
            stage.expect(set() if appends is Appends else {"A8"}, *MEMBERS)


async def test_a_login_for_one_server_is_none_for_another(stages: Stages) -> None:
    """A hostile server hands on the challenge of an honest one; the signature names the origin."""
    for origin_of_mallory in (False, True):
        async with stages() as stage:
            await stage.client(OFFICER)
            station = stage.station(OFFICER)
            vault, transport = station.vault, station.transport
            code = one_time_code(stage, OFFICER)
            proof = await prove_device(vault, transport, b"t" * 32)
            if origin_of_mallory:
                place, token = "https://mallory.example", proof.token_hash
                message = login_message(
                    proof.nonce, vault.directory_id, place, token, proof.expiry_ms
                )
                proof = replace(proof, sig=vault.device_key.sign(SigType.LOGIN, message))
            attempt = transport.login(OFFICER, vault.login_secret, code, proof)
            if origin_of_mallory:
                assert await refusal(attempt) == "login_failed"
            else:
                assert (await attempt).until_ms > stage.clock()


async def test_a_key_has_one_job_for_ever(stages: Stages) -> None:
    """The host offers the log key, a person its own second key, as a new device's."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        station, person = stage.station(CONTACT), stage.person(OUTSIDER)
        id32 = station.vault.directory_id
        log_key = stage.server.logs.signer._keys
        assert log_key
        box = BoxKey.from_seed(sha256(b"box"))
        for key, expected in (
            (next(iter(log_key.values())), "key_reused"),
            (station.vault.device_key, "key_reused"),
            (KEY, ""),
        ):
            proof = key.sign(SigType.ENROL, enrol_message(id32, person, box.public))
            body = {"person": person, "sign_pk": key.public, "box_pk": box.public, "proof": proof}
            entry = station.author.directory_entry("device.add", body)
            assert await stage.offer(CONTACT, entry) == expected
        await stage.look(*MEMBERS)
        assert all(
            stage.station(code).directory.device(device_id(KEY.public)) is not None
            for code in MEMBERS
        )
        stage.quiet()
