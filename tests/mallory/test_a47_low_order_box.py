"""A47: a low-order or alias box key, to which no wrap can be made: every rotation would fail."""

from __future__ import annotations

import nacl.bindings as sodium
import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member.sealing import seal_box
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    check_box_key,
    device_id,
    enrol_message,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.world import ALERTS, ANALYST, CONTACT, MEMBERS, OFFICER

P = 2**255 - 19
_GOOD = int.from_bytes(BoxKey.from_seed(sha256(b"good")).public, "little")
BAD = {  # RFC 7748 and libsodium's list of points whose product is zero; and other spellings
    "zero": 0,
    "one": 1,
    "order 8": int.from_bytes(
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little"
    ),
    "order 8, other": int.from_bytes(
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little"
    ),
    "minus one": P - 1,
    "the prime": P,
    "the prime and one": P + 1,
    "all ones": 2**256 - 1,
    "one with the top bit": 1 + 2**255,
    "an alias: the same key and the top bit": _GOOD + 2**255,
    "an alias of a small u": 9 + P,
}


def encoded(u: int) -> bytes:
    return u.to_bytes(32, "little")


@pytest.mark.parametrize("name", BAD)
def test_the_key_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        check_box_key(encoded(BAD[name]))
    assert refused.value.code == ErrorCode.BAD_KEY
    check_box_key(encoded(_GOOD))


def test_an_alias_would_have_worked() -> None:
    """libsodium ignores the top bit, so without the check one key goes by two names."""
    scalar = sha256(b"scalar")
    assert sodium.crypto_scalarmult(scalar, encoded(_GOOD)) == sodium.crypto_scalarmult(
        scalar, encoded(_GOOD + 2**255)
    )


def test_a_wrap_to_a_low_order_key_fails_loudly() -> None:
    """What would have stopped every rotation of every channel."""
    with pytest.raises(ProtocolError) as refused:
        seal_box(sha256(b"seed"), b"E" * 64, encoded(BAD["order 8"]))
    assert refused.value.code == ErrorCode.BAD_KEY


@honest_then_careless
async def test_no_such_key_gets_into_the_directory(stages: Stages, appends: type[Appends]) -> None:
    """Neither with a new device nor by a re-key; and `alerts` rotates as before."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        codes: list[str] = []
        for place, u in enumerate(BAD.values()):
            codes.append(await rekeyed(stage, encoded(u)))
            codes.append(await added(stage, b"device %d" % place, encoded(u)))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            state = stage.station(code).directory
            held = stage.station(ANALYST).vault.box_key.public
            assert state.devices[stage.device(ANALYST)].box_pk == held
            assert len(state.persons[stage.person(ANALYST)].devices) == 1
        await rotates(stage)
        if appends is Appends:
            assert set(codes) == {ErrorCode.BAD_KEY}
            stage.quiet()
            assert await rekeyed(stage, BoxKey.from_seed(sha256(b"new")).public) == ""
        else:
            assert set(codes) == {""}
            stage.expect({"A47"}, *MEMBERS)


async def rekeyed(stage: Stage, box_pk: bytes) -> str:
    """The code with which the analyst's device.rekey is refused."""
    author = stage.station(ANALYST).author
    return await stage.offer(ANALYST, author.directory_entry("device.rekey", {"box_pk": box_pk}))


async def added(stage: Stage, seed: bytes, box_pk: bytes) -> str:
    """The code with which a new device of the analyst's is refused, vouched by its NCP."""
    station, sign = stage.station(CONTACT), SigningKey.from_seed(sha256(seed))
    person = stage.person(ANALYST)
    message = enrol_message(station.vault.directory_id, person, box_pk)
    body = {
        "person": person,
        "sign_pk": sign.public,
        "box_pk": box_pk,
        "proof": sign.sign(SigType.ENROL, message),
    }
    assert station.directory.device(device_id(sign.public)) is None
    return await stage.offer(CONTACT, station.author.directory_entry("device.add", body))


async def rotates(stage: Stage) -> None:
    """The officer's client makes the next epoch; everybody gets and checks it."""
    operation = await stage.operation(OFFICER)
    channel = operation.channel(ALERTS)
    n = channel.state.epoch + 1
    assert await operation._poster.sender.rotate(channel.id, n)
    await channel.post("MSG", {"text": f"in epoch {n}"})
    await stage.look(*MEMBERS)
    assert all(stage.texts(code)[-1] == f"in epoch {n}" for code in MEMBERS)
