"""A37: whoever guesses learns from no answer, and from no answer's time, what was wrong."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp
import pyotp
from cencomm_client.answers import DeviceProof
from cencomm_client.session import prove_device
from cencomm_crypto.public.keys import SigningKey, device_id
from cencomm_server.accounts.hashing import SecretHasher

from tests.mallory.harness import Stage, Stages
from tests.mallory.world import ANALYST, CONTACT, OFFICER

MINUTE_MS = 60_000
FLOOR_MS = 1000
PRICED = partial(SecretHasher, memory_kib=8 * 1024, passes=3)  # milliseconds, far below the floor
TIMES = 4  # of each kind, interleaved
NEWCOMER = "BE-050"  # vouched for, never registered


async def proof_of(stage: Stage, code: str) -> DeviceProof:
    """A fresh proof by somebody's device."""
    station = stage.station(code)
    return await prove_device(station.vault, station.transport, secrets.token_bytes(32))


async def attempts(stage: Stage) -> dict[str, dict[str, Any]]:
    """Logins that fail, each for another reason; everything else about them is right."""
    vault = stage.station(OFFICER).vault
    right = pyotp.TOTP(stage.world.totp[OFFICER]).at(stage.clock() // 1000)
    proof = await proof_of(stage, OFFICER)
    good = {
        "account": vault.account,
        "login_secret": vault.login_secret.hex(),
        "totp": right,
        **proof.fields(),
    }
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    stranger = SigningKey.from_seed(secrets.token_bytes(32))
    unknown = replace(proof, device=device_id(stranger.public))
    newcomer = stage.station(NEWCOMER).vault
    recovery = {key: value for key, value in good.items() if key != "totp"}
    return {
        "wrong password": {**good, "login_secret": secrets.token_bytes(32).hex()},
        "wrong code": {**good, "totp": wrong},
        "wrong recovery code": {**recovery, "recovery": "A" * 16},
        "no such account": {**good, "account": "FR-999"},
        "somebody else's account": {**good, "account": ANALYST},
        "a person without account": {
            **good,
            "account": newcomer.account,
            **(await proof_of(stage, NEWCOMER)).fields(),
        },
        "no such device": {**good, **unknown.fields()},
        "another's signature": {**good, **replace(proof, sig=bytes(64)).fields()},
    }


async def told(stage: Stage, fields: Mapping[str, Any], **headers: str) -> tuple[Any, ...]:
    """All that an answer says: status, body, headers but the date."""
    url = f"{stage.server.url}/v1/login"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=fields, headers=headers) as answer,
    ):
        shown = {name: value for name, value in answer.headers.items() if name != "Date"}
        return answer.status, await answer.read(), sorted(shown.items())


async def cast(stage: Stage) -> None:
    """Whoever is needed; time goes on, so that no code was used yet."""
    for code in (OFFICER, ANALYST, CONTACT):
        await stage.client(code)
    await stage.newcomer(CONTACT, NEWCOMER)
    stage.ahead_ms += MINUTE_MS


async def test_every_failed_login_is_answered_alike(stages: Stages) -> None:
    async with stages(settings={"login_tries": 100}) as stage:
        await cast(stage)
        given = await attempts(stage)
        answers = {name: await told(stage, fields) for name, fields in given.items()}
        assert {answer[0] for answer in answers.values()} == {401}
        assert len({str(answer) for answer in answers.values()}) == 1, answers


async def timed(stage: Stage) -> dict[str, list[float]]:
    """Seconds that each kind of failure takes, all kinds side by side, several times."""
    found: dict[str, list[float]] = {}

    async def one(name: str, fields: Mapping[str, Any]) -> None:
        began = time.monotonic()
        assert (await told(stage, fields))[0] == 401, name
        found.setdefault(name, []).append(time.monotonic() - began)

    for _ in range(TIMES):
        given = await attempts(stage)
        order = sorted(given, key=lambda name: secrets.token_bytes(4))
        await asyncio.gather(*(one(name, given[name]) for name in order))
    return found


async def test_every_failed_login_takes_the_same_time(stages: Stages) -> None:
    """With a price of argon2id that shows, which some failures pay and others do not."""
    settings = {"login_floor_ms": FLOOR_MS, "login_tries": 100}
    async with stages(SecretHasher=PRICED, settings=settings) as stage:
        await cast(stage)
        medians = {name: statistics.median(took) for name, took in (await timed(stage)).items()}
    assert min(medians.values()) >= FLOOR_MS / 1000
    spread = max(medians.values()) - min(medians.values())
    assert spread < FLOOR_MS / 1000 / 4, medians


async def test_without_the_floor_the_time_would_tell(stages: Stages) -> None:
    """What the test above would show if failures left as soon as they are known."""
    settings = {"login_floor_ms": 0, "login_tries": 100}
    async with stages(SecretHasher=PRICED, settings=settings) as stage:
        await cast(stage)
        took = {"no such device": list[float](), "no such account": list[float]()}
        for _ in range(TIMES):  # one at a time: nothing else waits for the argon2 threads
            given = await attempts(stage)
            for name, times in took.items():
                began = time.monotonic()
                assert (await told(stage, given[name]))[0] == 401
                times.append(time.monotonic() - began)
    medians = {name: statistics.median(times) for name, times in took.items()}
    assert medians["no such account"] > 2 * medians["no such device"], medians


async def test_challenges_tell_nothing_about_devices(stages: Stages) -> None:
    async with stages() as stage, aiohttp.ClientSession() as session:
        await stage.client(OFFICER)
        shapes = set()
        for device in (stage.station(OFFICER).vault.device, bytes(16), b"\xff" * 16):
            url = f"{stage.server.url}/v1/login/challenge"
            async with session.post(url, json={"device": device.hex()}) as answer:
                body = await answer.json()
                shapes.add((answer.status, tuple(sorted(body)), len(body["nonce"])))
        assert len(shapes) == 1


async def test_guessing_across_accounts_is_slowed_by_address(stages: Stages) -> None:
    """Whoever is named: the address pays. Another address, and those logged in, do not."""
    settings = {"address_login_tries": 10, "login_tries": 100, "proxies": "127.0.0.0/8"}
    async with stages(settings=settings) as stage:
        await cast(stage)
        given = list((await attempts(stage)).values())
        guesser = {"X-Forwarded-For": "198.51.100.7"}
        statuses = [(await told(stage, given[n % 8], **guesser))[0] for n in range(14)]
        assert statuses == [401] * 10 + [429] * 4
        status, body, headers = await told(stage, given[0], **guesser)
        assert (status, b"rate_limited" in body) == (429, True)
        assert 0 < int(dict(headers)["Retry-After"]) <= 90
        assert (await told(stage, given[0], **{"X-Forwarded-For": "198.51.100.8"}))[0] == 401
        forged = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}  # its own word before the proxy's
        assert (await told(stage, given[0], **forged))[0] == 429
        await stage.station(OFFICER).transport.logs()


async def test_guessing_one_account_ends_and_its_owners_other_right_is_untouched(
    stages: Stages,
) -> None:
    """Five tries in a quarter of an hour, thirty a day; the session that lives, lives on."""
    async with stages(settings={"address_login_tries": 10_000}) as stage:
        await cast(stage)
        judged = 0
        for _ in range(12):
            wrong = (await attempts(stage))["wrong password"]
            for _ in range(6):
                wrong = {**wrong, **(await proof_of(stage, OFFICER)).fields()}
                judged += (await told(stage, wrong))[0] == 401
            stage.ahead_ms += 16 * MINUTE_MS
        assert judged == 30
        await stage.station(OFFICER).transport.logs()
        other = (await attempts(stage))["a person without account"]
        assert (await told(stage, other))[0] == 401  # not limited: it is counted by itself


async def test_a_flood_of_strangers_and_of_guessed_tokens_harms_no_member(stages: Stages) -> None:
    """All from the member's own address: strangers are refused, the session passes."""
    settings = {"address_rate_per_s": 1.0, "address_burst": 40}
    async with stages(settings=settings) as stage:
        await stage.client(OFFICER)
        transport = stage.station(OFFICER).transport
        await transport.logs()
        url = f"{stage.server.url}/v1/logs"
        async with aiohttp.ClientSession() as session:

            async def guess() -> int:
                token = secrets.token_urlsafe(32)
                bearer = {"Authorization": f"Bearer {token}"}
                async with session.get(url, headers=bearer) as answer:
                    return answer.status

            statuses = await asyncio.gather(*(guess() for _ in range(100)))
        assert statuses.count(429) >= 50
        assert set(statuses) == {401, 429}
        for _ in range(20):
            await transport.logs()
