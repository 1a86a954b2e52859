"""A2: the server swaps a device, an administration's root or an auditor's key.

Keys come from the log alone, signed by who vouches; what the server writes in counts for nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cencomm_client.root import ceremony
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.entry import Entry, Head, author
from cencomm_crypto.public.ids import EntryId
from cencomm_crypto.public.keys import (
    BoxKey,
    SigningKey,
    SigType,
    device_id,
    enrol_message,
    root_message,
)
from cencomm_crypto.public.primitives import sha256
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages
from tests.mallory.hostile import honest_then_careless
from tests.mallory.insiders import second_device
from tests.mallory.world import ANALYST, AUDITORS, CHIEF, MEMBERS, OFFICER

SIGN, BOX = SigningKey.from_seed(b"m" * 32), BoxKey.from_seed(b"n" * 32)


def forged(stage: Stage, kind: str, body: dict[str, Any]) -> Entry:
    """A directory entry that a device of the host's own signs."""
    header = stage.station(CHIEF).author.directory_header(kind)
    header = replace(
        header,
        device=device_id(SIGN.public),
        id=EntryId(sha256(kind.encode())[:16]),
        seen=Head(*stage.head(stage.directory)),
    )
    return author(header, body, SIGN)


def a_device_of(stage: Stage, code: str) -> Entry:
    """`device.add`: the host's keys as if they were this person's next device, proof and all."""
    person, directory = stage.person(code), stage.station(CHIEF).vault.directory_id
    proof = SIGN.sign(SigType.ENROL, enrol_message(directory, person, BOX.public))
    body = {"person": person, "sign_pk": SIGN.public, "box_pk": BOX.public, "proof": proof}
    return forged(stage, "device.add", body)


def a_box_key_of(stage: Stage, code: str) -> Entry:
    """`device.rekey` in the name of the victim's own device; only its signature is missing."""
    entry = forged(stage, "device.rekey", {"box_pk": BOX.public})
    return author(replace(entry.header, device=stage.device(code)), entry.body or {}, SIGN)


def a_root_of(stage: Stage, code: str) -> Entry:
    """`admin.rekey`: another root key, signed by what the host calls governance."""
    directory = stage.station(CHIEF).directory
    body: dict[str, Any] = {
        "type": "admin.rekey",
        "admin": directory.persons[stage.person(code)].admin,
        "root": SIGN.public,
        "poster": SIGN.public,
        "serial": directory.governance.serial + 1,
    }
    message = root_message(stage.station(CHIEF).vault.directory_id, body)
    sig = SIGN.sign(SigType.GOVERNANCE, message)
    sigs = [[place, sig] for place in range(directory.governance.k)]
    return forged(stage, "admin.rekey", {**body, "sigs": sigs})


SWAPS = {
    "a device of a member": (a_device_of, OFFICER, "A2"),
    "a device of an auditor": (a_device_of, AUDITORS[0], "A2"),
    "a member's box key": (a_box_key_of, OFFICER, "A8"),
}


@honest_then_careless
@pytest.mark.parametrize("name", SWAPS)
async def test_a_key_that_the_server_writes_in(
    stages: Stages, appends: type[Appends], name: str
) -> None:
    swap, victim, row = SWAPS[name]
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        entry = swap(stage, victim)
        before = stage.station(CHIEF).directory
        refused = await stage.offer(CHIEF, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            directory = stage.station(code).directory
            assert directory.device(device_id(SIGN.public)) is None
            person = stage.person(victim)
            assert directory.persons[person].devices == before.persons[person].devices
            assert BOX.public not in {device.box_pk for device in directory.devices.values()}
        if appends is Appends:
            assert refused == ErrorCode.NOT_PERMITTED  # another device than the session's
            stage.quiet()
        else:
            assert not refused
            stage.expect({row}, *MEMBERS)


@honest_then_careless
async def test_an_administrations_root_that_the_server_swaps(
    stages: Stages, appends: type[Appends]
) -> None:
    """With it, it could appoint contact points of its own. Governance never signed."""
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        before = stage.station(CHIEF).directory.admins
        refused = await stage.offer(CHIEF, a_root_of(stage, ANALYST))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            admins = stage.station(code).directory.admins
            assert {admin: admins[admin] for admin in admins} == {
                admin: before[admin] for admin in before
            }
        if appends is Appends:
            assert refused == ErrorCode.BAD_SIGNATURE
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A2"}, *MEMBERS)


async def test_keys_that_who_vouches_signed_are_taken(stages: Stages) -> None:
    """The same entries, honest: a root re-keyed by governance, a second device by the first."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        directory = stage.station(CHIEF).directory
        admin = directory.persons[stage.person(ANALYST)].admin
        await stage.govern(ceremony.rekey_administration(admin, SIGN.public))
        phone = await second_device(stage, OFFICER)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            seen = stage.station(code).directory
            assert seen.admins[admin].root_pk == SIGN.public
            assert stage.clients[phone].device in seen.persons[stage.person(OFFICER)].devices
        stage.quiet()
