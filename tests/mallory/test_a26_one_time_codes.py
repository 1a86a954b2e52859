"""A26: a one-time code used twice. Fifty at once: one gets in."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from cencomm_client.errors import LoginFailed, Refused
from cencomm_client.session import prove_device
from cencomm_crypto.public.ids import PersonId
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import Stage, Stages
from tests.mallory.kept import kept
from tests.mallory.world import OFFICER, World

RACERS = 50
MANY = {"login_tries": 100, "argon2_queue": 100}  # so that the code itself is what stops them
MINUTE_MS = 60_000


async def try_code(stage: Stage, code: str) -> str:
    """One login of the officer with this code: "" or the refusal."""
    vault, transport = stage.station(OFFICER).vault, stage.station(OFFICER).transport
    proof = await prove_device(vault, transport, secrets.token_bytes(32))
    try:
        await transport.login(vault.account, vault.login_secret, code, proof)
    except Refused as refused:
        return refused.code
    return ""


def code_of(stage: Stage, *, ahead_s: int = 0) -> str:
    """The code of the authenticator at this stage's time."""
    return pyotp.TOTP(stage.world.totp[OFFICER]).at(stage.clock() // 1000 + ahead_s)


async def race(stage: Stage) -> list[str]:
    """Fifty logins with one code, all under way before one is answered."""
    await stage.client(OFFICER)
    stage.ahead_ms += MINUTE_MS
    code = code_of(stage)
    return await asyncio.gather(*(try_code(stage, code) for _ in range(RACERS)))


class Hasty(MemoryStore):
    """Looks at the last step, then writes it: two calls where one compare-and-set belongs."""

    looking = 0

    async def take_totp_step(self, person: PersonId, step: int) -> bool:
        seen = self._accounts[person]
        self.looking += 1
        for _ in range(1000):  # until another one has looked too: no matter how fast the machine is
            if self.looking > 1:
                break
            await asyncio.sleep(0.01)
        self._accounts[person] = replace(seen, totp_last_step=step)
        return step > seen.totp_last_step


async def test_fifty_at_once(stages: Stages, world: World, store_uri: str, rounds: int) -> None:
    for _ in range(rounds):
        async with (
            kept(world, store_uri) as (store, _),
            stages(store=store, settings=MANY) as stage,
        ):
            results = await race(stage)
            assert sorted(results) == ["", *["login_failed"] * (RACERS - 1)]


async def test_fifty_at_once_on_a_store_that_looks_before_it_writes(stages: Stages) -> None:
    """What the test above would show if the compare-and-set were none."""
    async with stages(keeps=Hasty, settings=MANY) as stage:
        results = await race(stage)
        assert results.count("") > 1


async def test_a_code_works_once_and_never_after_a_later_one(stages: Stages) -> None:
    async with stages() as stage:
        await stage.client(OFFICER)
        stage.ahead_ms += MINUTE_MS
        first, later = code_of(stage), code_of(stage, ahead_s=30)
        assert await try_code(stage, first) == ""
        assert await try_code(stage, first) == "login_failed"
        assert await try_code(stage, later) == ""
        assert await try_code(stage, first) == "login_failed"
        assert await try_code(stage, later) == "login_failed"


async def test_guessing_ends_after_five_tries_for_a_quarter_of_an_hour(stages: Stages) -> None:
    async with stages() as stage:
        await stage.client(OFFICER)
        stage.ahead_ms += MINUTE_MS
        right = code_of(stage)
        wrong = f"{(int(right) + 1) % 10**6:06d}"
        tried = await asyncio.gather(*(try_code(stage, wrong) for _ in range(RACERS)))
        assert sorted(tried) == ["login_failed"] * 5 + ["rate_limited"] * (RACERS - 5)
        assert await try_code(stage, right) == "rate_limited"
        stage.ahead_ms += 16 * MINUTE_MS
        assert await try_code(stage, code_of(stage)) == ""


async def test_a_recovery_code_raced_by_fifty_lets_one_in(
    stages: Stages, world: World, store_uri: str, rounds: int
) -> None:
    for _ in range(rounds):
        async with (
            kept(world, store_uri) as (store, _),
            stages(store=store, settings=MANY) as stage,
        ):
            await stage.client(OFFICER)
            stage.ahead_ms += MINUTE_MS
            vault, transport = stage.station(OFFICER).vault, stage.station(OFFICER).transport
            codes = await transport.renew_recovery(vault.login_secret, code_of(stage))
            results = await asyncio.gather(*(try_code(stage, codes[0]) for _ in range(RACERS)))
            assert sorted(results) == ["", *["login_failed"] * (RACERS - 1)]
            assert await try_code(stage, codes[0]) == "login_failed"
            assert await try_code(stage, codes[1]) == ""


async def test_what_is_wrong_is_not_told(stages: Stages) -> None:
    """A used code, a wrong one and a wrong password are one answer."""
    async with stages() as stage:
        await stage.client(OFFICER)
        vault, transport = stage.station(OFFICER).vault, stage.station(OFFICER).transport
        stage.ahead_ms += MINUTE_MS
        code = code_of(stage)
        assert await try_code(stage, code) == ""
        told: list[tuple[Any, ...]] = []
        for secret, digits in ((vault.login_secret, code), (bytes(32), code_of(stage, ahead_s=30))):
            proof = await prove_device(vault, transport, secrets.token_bytes(32))
            with pytest.raises(LoginFailed) as caught:
                await transport.login(vault.account, secret, digits, proof)
            told.append((caught.value.code, caught.value.detail, caught.value.status))
        assert told[0] == told[1]
