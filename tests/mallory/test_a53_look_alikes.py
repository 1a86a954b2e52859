"""A53: somebody is made to look like somebody else: by code, by administration, or by name."""

from __future__ import annotations

import pytest
from cencomm_client.root import ceremony
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.member.message import seal_message
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.member.profile import KIND, Profile, profile_content
from cencomm_crypto.public.keys import SigningKey
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.hostile import honest_then_careless
from tests.mallory.world import ANALYST, CHIEF, CONTACT, DEPUTY, MEMBERS, OFFICER

ALIKE = {
    "zero and o": "BE-OO7",
    "taken": ANALYST,
    "as if of France": "FR-014",
    "small letters": "be-007",
    "a Cyrillic letter": "BE-00\u0417",
}


@honest_then_careless
@pytest.mark.parametrize("name", ALIKE)
async def test_a_person_that_looks_like_another(
    stages: Stages, appends: type[Appends], name: str
) -> None:
    async with stages(Appends=appends) as stage:
        await stage.look(*MEMBERS)
        person = bytes(15) + b"\x07"
        body = {"person": person, "code": ALIKE[name], "kind": "human"}
        entry = stage.station(CONTACT).author.directory_entry("person.add", body)
        refused = await stage.offer(CONTACT, entry)
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            directory = stage.station(code).directory
            assert person not in directory.persons
            assert directory.person_by_code(ANALYST) is not None
        if appends is Appends:
            assert refused in (ErrorCode.ALREADY_EXISTS, ErrorCode.BAD_VALUE)
            stage.quiet()
        else:
            assert not refused
            stage.expect({"A53"}, *MEMBERS)


@pytest.mark.parametrize("code", ["FR", "R1LO", "RIL0", "B\u0415"])
async def test_an_administration_that_looks_like_another(stages: Stages, code: str) -> None:
    """Governance itself was deceived and signs; the directory does not take it."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        before = len(stage.station(CHIEF).directory.admins)
        decision = ceremony.add_administration(code, SigningKey.from_seed(b"q" * 32).public)
        assert await refusal(stage.govern(decision)) in (
            ErrorCode.ALREADY_EXISTS,
            ErrorCode.BAD_VALUE,
        )
        await stage.look(*MEMBERS)
        assert len(stage.station(CHIEF).directory.admins) == before
        stage.quiet()


@pytest.mark.parametrize("author", [DEPUTY, CONTACT], ids=["its own", "another's"])
async def test_a_name_for_somebody_elses_people(stages: Stages, author: str) -> None:
    """The NCP of Belgium calls France's officer by another name: nobody shows it."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        await introduce(stage, author, OFFICER, "R. Ponsible")
        await stage.look(*MEMBERS)
        named = "R. Ponsible" if author == DEPUTY else None
        for code in (CHIEF, DEPUTY, OFFICER, ANALYST):
            assert stage.shown(code).name_of(stage.person(OFFICER)) == named


async def introduce(stage: Stage, author: str, whom: str, name: str) -> None:
    """A profile in the main channel, signed by a member whatever its client would say."""
    view, main = stage.shown(author).view, stage.shown(author).main.id
    epoch = view.state.channels[main].epoch
    if not epoch:
        assert await stage.shown(author)._poster.sender.rotate(main, 1)
        await stage.look(*MEMBERS)
        epoch = 1
    secret = view.keyring.secret(view.state, main, epoch)
    assert secret is not None
    content = profile_content([Profile(stage.person(whom), whom, name)])
    header = stage.header(author, "message", chan=main, epoch=epoch)
    body = seal_message(
        header, secret, make_payload(KIND, bytes(16), content), b"n" * 24, b"s" * 16
    )
    await stage.post(author, stage.sign(author, header, body))
