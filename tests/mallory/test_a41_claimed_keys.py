"""A41: a device's keys claimed by another person; aliases of what was there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, device_id, enrol_message
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.world import ANALYST, CONTACT, MEMBERS, OFFICER, OUTSIDER

SIGN = SigningKey.from_seed(sha256(b"a new device"))
BOX = BoxKey.from_seed(sha256(b"its box"))
Body = dict[str, Any]


def vouched(
    stage: Stage, sign: SigningKey, box_pk: bytes, *, proven_for: str = OUTSIDER, id32: bytes = b""
) -> Body:
    """device.add for the outsider, of a key whose owner signed for `proven_for`."""
    directory_id = id32 or stage.station(CONTACT).vault.directory_id
    message = enrol_message(directory_id, stage.person(proven_for), box_pk)
    return {
        "person": stage.person(OUTSIDER),
        "sign_pk": sign.public,
        "box_pk": box_pk,
        "proof": sign.sign(SigType.ENROL, message),
    }


def honest(stage: Stage) -> Body:
    return vouched(stage, SIGN, BOX.public)


def the_officers_device(stage: Stage) -> Body:
    """The whole device of another person, with the proof that stands in the log."""
    device = stage.station(CONTACT).directory.devices[stage.device(OFFICER)]
    entry = next(
        item.entry
        for item in stage.station(CONTACT).mirror.items(stage.directory)
        if item.entry is not None
        and item.entry.body is not None
        and item.entry.body.get("sign_pk") == device.sign_pk
    )
    assert entry.body is not None
    return {**entry.body, "person": stage.person(OUTSIDER)}


def the_officers_signing_key(stage: Stage) -> Body:
    """Even the officer itself could not: a key has one person for ever."""
    return vouched(stage, stage.station(OFFICER).vault.device_key, BOX.public)


def the_officers_box_key(stage: Stage) -> Body:
    """An own signing key over another's box key: an alias, to which the same wrap is made."""
    return vouched(stage, SIGN, stage.station(OFFICER).vault.box_key.public)


def meant_for_the_analyst(stage: Stage) -> Body:
    """The device proved itself for another person."""
    return vouched(stage, SIGN, BOX.public, proven_for=ANALYST)


def meant_for_another_directory(stage: Stage) -> Body:
    return vouched(stage, SIGN, BOX.public, id32=bytes(32))


def not_proven_at_all(stage: Stage) -> Body:
    return {**honest(stage), "proof": bytes(64)}


CLAIMS: list[tuple[Callable[[Stage], Body], str]] = [
    (the_officers_device, ErrorCode.KEY_REUSED),
    (the_officers_signing_key, ErrorCode.KEY_REUSED),
    (the_officers_box_key, ErrorCode.KEY_REUSED),
    (meant_for_the_analyst, ErrorCode.BAD_SIGNATURE),
    (meant_for_another_directory, ErrorCode.BAD_SIGNATURE),
    (not_proven_at_all, ErrorCode.BAD_SIGNATURE),
]


@pytest.mark.parametrize(("claim", "code"), CLAIMS, ids=[claim.__name__ for claim, _ in CLAIMS])
@honest_then_careless
async def test_nobody_gets_keys_that_are_not_its_own(
    stages: Stages, appends: type[Appends], claim: Callable[[Stage], Body], code: str
) -> None:
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        author = stage.station(CONTACT).author
        body = claim(stage)
        owner = stage.station(CONTACT).directory.device(device_id(body["sign_pk"]))
        refused = await stage.offer(CONTACT, author.directory_entry("device.add", body))
        await stage.look(*MEMBERS)
        for member in MEMBERS:
            state = stage.station(member).directory
            assert len(state.persons[stage.person(OUTSIDER)].devices) == 1
            assert state.device(device_id(body["sign_pk"])) == owner
        if appends is Appends:
            assert refused == code
            stage.quiet()
            good = author.directory_entry("device.add", honest(stage))
            assert await stage.offer(CONTACT, good) == ""
            await stage.look(*MEMBERS)
            assert stage.station(ANALYST).directory.device(device_id(SIGN.public)) is not None
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A41"}, *MEMBERS)


@honest_then_careless
async def test_a_device_takes_anothers_box_key_at_its_re_key(
    stages: Stages, appends: type[Appends]
) -> None:
    """The analyst would get every wrap that the officer gets, byte for byte."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        author = stage.station(ANALYST).author
        taken = stage.station(OFFICER).vault.box_key.public
        own = stage.station(ANALYST).vault.box_key.public
        entry = author.directory_entry("device.rekey", {"box_pk": taken})
        refused = await stage.offer(ANALYST, entry)
        await stage.look(*MEMBERS)
        for member in MEMBERS:
            assert stage.station(member).directory.devices[stage.device(ANALYST)].box_pk == own
        if appends is Appends:
            assert refused == ErrorCode.KEY_REUSED
            good = author.directory_entry("device.rekey", {"box_pk": BOX.public})
            assert await stage.offer(ANALYST, good) == ""
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A41"}, *MEMBERS)
