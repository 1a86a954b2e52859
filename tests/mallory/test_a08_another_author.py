"""A8: a member posts as another; everybody in the channel holds the same key."""

from __future__ import annotations

from dataclasses import replace

from cencomm_crypto.public.entry import parse
from cencomm_server.engine.append import Appends

from tests.mallory.harness import Stages, refusal
from tests.mallory.hostile import Careless
from tests.mallory.world import ALERTS, ANALYST, MEMBERS, OFFICER, WARNING


async def test_a_message_in_another_members_name(stages: Stages) -> None:
    """The analyst seals under the officer's header; the signature can only be its own."""
    for appends, forged in ((Appends, False), (Appends, True), (Careless, True)):
        async with stages(Appends=appends) as stage:
            await stage.look(*MEMBERS)
            author = OFFICER if forged else ANALYST
            entry = stage.message(ANALYST, ALERTS, "all clear", device=stage.device(author))
            if appends is Appends and forged:
                assert await refusal(stage.post(ANALYST, entry)) == "not_permitted"
                assert await refusal(stage.post(OFFICER, entry)) == "bad_signature"  # its token
            else:
                await stage.post(ANALYST, entry)
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                if forged:
                    assert stage.texts(code)[0] == WARNING
                    assert "all clear" not in stage.texts(code)
                else:
                    assert stage.texts(code)[-1] == "all clear"
                    assert stage.messages(code)[-1].author.code == ANALYST
            stage.expect({"A8"} if appends is Careless else set(), *MEMBERS)


async def test_what_nobody_signed_is_never_shown(stages: Stages) -> None:
    """A hostile server makes up a message of a member's, with a signature of nobody's."""
    async with stages() as stage:
        await stage.look(*MEMBERS)
        entry = stage.message(OFFICER, ALERTS, "as you were")
        for sig in (bytes(64), entry.sig[:63] + bytes([entry.sig[63] ^ 1]), b"\xff" * 64):
            forged = parse(entry.header_bytes, entry.body_bytes or b"", sig)
            assert await refusal(stage.post(OFFICER, forged)) == "bad_signature"
        await stage.post(OFFICER, entry)
        await stage.look(*MEMBERS)
        assert all(stage.texts(code)[-1] == "as you were" for code in MEMBERS)
        stage.quiet()
    async with stages(Appends=Careless) as stage:
        await stage.look(*MEMBERS)
        entry = stage.message(OFFICER, ALERTS, "as you were")
        await stage.post(OFFICER, parse(entry.header_bytes, entry.body_bytes or b"", bytes(64)))
        await stage.look(*MEMBERS)
        for code in MEMBERS:
            assert "as you were" not in stage.texts(code)
            assert stage.rows(code) == {"A8"}


async def test_a_decision_in_the_coordinators_name(stages: Stages) -> None:
    """The officer makes itself coordinator under the chief's device."""
    for honest in (True, False):
        async with stages(Appends=Appends if honest else Careless) as stage:
            await stage.look(*MEMBERS)
            header = stage.header(OFFICER, "role.set")
            header = replace(header, device=stage.device("RILO-001"))
            body = {"person": stage.person(OFFICER), "role": "coordinator"}
            entry = stage.sign(OFFICER, header, body)
            if honest:
                assert await refusal(stage.post(OFFICER, entry)) == "not_permitted"
            else:
                await stage.post(OFFICER, entry)
            await stage.look(*MEMBERS)
            for code in MEMBERS:
                state = (await stage.operation(code)).state
                assert state.role_of(stage.person(OFFICER)) == "officer"
                assert not stage.controls(code, "role.set")
            stage.expect(set() if honest else {"A8"}, *MEMBERS)
