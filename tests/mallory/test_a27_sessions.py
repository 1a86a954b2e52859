"""A27: a session is fixed, stolen, or opened from another site. It needs the device's key."""

from __future__ import annotations

import secrets
from typing import Any

import aiohttp
import pyotp
import pytest
from cencomm_client import session
from cencomm_client.answers import DeviceProof, token_text
from cencomm_client.errors import LoginFailed, NotAuthenticated
from cencomm_client.transport import Transport
from cencomm_crypto.errors import ErrorCode
from cencomm_crypto.public.primitives import sha256
from cencomm_server.push.sockets import LiveSockets

from tests.mallory.harness import WEEK_S, Stage, Stages, refusal
from tests.mallory.rawsocket import auth_of, raw_socket
from tests.mallory.world import ALERTS, ANALYST, CHIEF, CONTACT, OFFICER
from tests.support.waiting import until

EVIL = "https://customs-lottery.example"
MINUTE_MS = 60_000


def code_of(stage: Stage, code: str) -> str:
    """A one-time code that was not used yet."""
    stage.ahead_ms += MINUTE_MS
    return pyotp.TOTP(stage.world.totp[code]).at(stage.clock() // 1000)


async def is_token(stage: Stage, token: bytes | None) -> bool:
    """Whether the server takes it."""
    async with Transport(stage.server.url) as transport:
        transport.token = token
        try:
            await transport.logs()
        except NotAuthenticated:
            return False
    return True


# -- fixation -----------------------------------------------------------------------------------


async def test_a_token_that_somebody_else_drew(stages: Stages) -> None:
    """The signature names the token's hash: an observed proof opens no session for another."""
    async with stages() as stage:
        await stage.client(OFFICER)
        vault, transport = stage.station(OFFICER).vault, stage.station(OFFICER).transport
        mine, theirs = secrets.token_bytes(32), secrets.token_bytes(32)
        proof = await session.prove_device(vault, transport, mine)
        fixed = DeviceProof(proof.device, proof.nonce, proof.expiry_ms, sha256(theirs), proof.sig)
        code = code_of(stage, OFFICER)
        with pytest.raises(LoginFailed):
            await transport.login(vault.account, vault.login_secret, code, fixed)
        assert not await is_token(stage, theirs)
        proof = await session.prove_device(vault, transport, mine)
        await transport.login(vault.account, vault.login_secret, code, proof)
        assert await is_token(stage, mine)


async def test_a_token_is_drawn_for_one_login_and_ends_the_one_before(stages: Stages) -> None:
    async with stages() as stage:
        await stage.client(OFFICER)
        vault, transport = stage.station(OFFICER).vault, stage.station(OFFICER).transport
        old = transport.token
        assert await is_token(stage, old)
        await session.login(vault, transport, Code(stage, OFFICER))
        assert transport.token != old
        assert not await is_token(stage, old)
        await stage.client(ANALYST)
        other = stage.station(ANALYST)
        used = transport.token
        assert used is not None
        proof = await session.prove_device(other.vault, other.transport, used)
        code = code_of(stage, ANALYST)
        with pytest.raises(LoginFailed):
            await other.transport.login(other.vault.account, other.vault.login_secret, code, proof)


class Code:
    """A person's authenticator."""

    def __init__(self, stage: Stage, code: str) -> None:
        self._stage, self._code = stage, code

    async def __call__(self) -> str:
        return code_of(self._stage, self._code)


# -- theft --------------------------------------------------------------------------------------


async def test_a_stolen_token_opens_no_live_socket_and_posts_nothing(stages: Stages) -> None:
    """The thief is enrolled itself and has a device key: not this session's."""
    async with stages() as stage:
        await stage.look(OFFICER, ANALYST)
        stolen = stage.station(OFFICER).transport.token
        assert stolen is not None
        async with raw_socket(stage) as socket:
            assert await socket.connect(await auth_of(stage, OFFICER)) == ""
        thief = await auth_of(stage, ANALYST)
        async with raw_socket(stage) as socket:
            code = await socket.connect({**thief, "token": token_text(stolen)})
            assert code == "login_failed"
        station = stage.station(ANALYST)
        proof = await session.prove_device(station.vault, station.transport, stolen)
        fields = {**proof.fields(), "token": token_text(stolen)}
        del fields["token_hash"]
        async with raw_socket(stage) as socket:
            assert await socket.connect(fields) == "login_failed"
        entry = stage.message(ANALYST, ALERTS, "from the officer's session")
        station.transport.token = stolen
        assert await stage.offer(ANALYST, entry) == ErrorCode.NOT_PERMITTED


async def test_a_proof_works_once(stages: Stages) -> None:
    async with stages() as stage:
        await stage.client(OFFICER)
        seen = await auth_of(stage, OFFICER)
        async with raw_socket(stage) as socket:
            assert await socket.connect(seen) == ""
        async with raw_socket(stage) as socket:
            assert await socket.connect(seen) == "login_failed"


async def test_a_token_in_an_address_is_refused(stages: Stages) -> None:
    """Addresses end in logs, histories and referrers."""
    async with stages() as stage:
        await stage.client(OFFICER)
        token = token_text(stage.station(OFFICER).transport.token or b"")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with raw_socket(stage, query=f"EIO=4&transport=websocket&token={token}"):
                raise AssertionError("it opened")
        assert refused.value.status == 400
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{stage.server.url}/v1/logs?token={token}") as answer,
        ):
            assert answer.status == 401


# -- another site -------------------------------------------------------------------------------


class OpenDoor(LiveSockets):
    """Takes sockets from one origin more."""

    def __init__(self, *, origins: tuple[str, ...], **parts: Any) -> None:
        super().__init__(origins=(*origins, EVIL), **parts)


async def test_a_socket_from_another_site(stages: Stages) -> None:
    for sockets in (LiveSockets, OpenDoor):
        async with stages(LiveSockets=sockets) as stage:
            await stage.client(OFFICER)
            for origin in (None, stage.server.url):
                async with raw_socket(stage, origin=origin) as socket:
                    assert await socket.connect(await auth_of(stage, OFFICER)) == ""
            if sockets is OpenDoor:
                async with raw_socket(stage, origin=EVIL) as socket:
                    assert await socket.connect(await auth_of(stage, OFFICER)) == ""
                continue
            for origin in (EVIL, "null", stage.server.url + ".evil.example", "http://localhost"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with raw_socket(stage, origin=origin):
                        raise AssertionError(f"it opened for {origin}")
                assert refused.value.status == 403


# -- limits -------------------------------------------------------------------------------------


async def test_a_session_ends_when_it_is_not_used_and_in_any_case(stages: Stages) -> None:
    limits = {"session_idle_s": 600, "session_absolute_s": 1800}
    async with stages(settings=limits) as stage:
        await stage.client(OFFICER)
        station = stage.station(OFFICER)
        await session.login(station.vault, station.transport, Code(stage, OFFICER))
        for _ in range(3):
            stage.ahead_ms += 9 * MINUTE_MS
            await station.transport.logs()
        stage.ahead_ms += 4 * MINUTE_MS
        assert await refusal(station.transport.logs()) == "session_expired"
        await session.login(station.vault, station.transport, Code(stage, OFFICER))
        stage.ahead_ms += 11 * MINUTE_MS
        assert await refusal(station.transport.logs()) == "session_expired"
        assert limits["session_absolute_s"] < WEEK_S  # elsewhere on this stage they last


async def test_logout_and_suspension_end_live_sockets_at_once(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(CHIEF, CONTACT, OFFICER, ANALYST)
        for code in (OFFICER, ANALYST):
            async with raw_socket(stage) as socket:
                assert await socket.connect(await auth_of(stage, code)) == ""
                station = stage.station(code)
                token = station.transport.token
                if code == OFFICER:
                    await session.logout(station.vault, station.transport)
                else:
                    await stage.clients[CONTACT].directory.suspend(ANALYST)
                assert (await socket.end()).startswith("session_expired")
                assert not await is_token(stage, token)


async def test_a_client_whose_session_ended_says_so(stages: Stages) -> None:
    async with stages() as stage:
        await stage.look(CONTACT)
        analyst = await stage.client(ANALYST)
        await analyst.go_live()
        await until(lambda: analyst.live)
        await stage.clients[CONTACT].directory.suspend(ANALYST)
        await until(lambda: not analyst.live)
        await until(lambda: stage.notices(ANALYST) & {"session_expired", "not_authenticated"})


async def test_a_reset_logs_everything_out_and_an_old_device_gets_nothing_back(
    stages: Stages,
) -> None:
    """The thief has the officer's device and all its secrets; the contact point knows of it."""
    async with stages() as stage:
        await stage.look(CONTACT, ANALYST)
        station = stage.station(ANALYST)
        vault, transport = station.vault, station.transport
        codes = await transport.renew_recovery(vault.login_secret, code_of(stage, ANALYST))
        token = transport.token
        async with raw_socket(stage) as socket:
            assert await socket.connect(await auth_of(stage, ANALYST)) == ""
            await stage.clients[CONTACT].directory.reset(ANALYST)
            assert (await socket.end()).startswith("session_expired")
        assert not await is_token(stage, token)
        for code in (code_of(stage, ANALYST), codes[0]):
            proof = await session.prove_device(vault, transport, secrets.token_bytes(32))
            attempt = transport.login(vault.account, vault.login_secret, code, proof)
            assert await refusal(attempt) == "login_failed"
        proof = await session.prove_device(vault, transport, secrets.token_bytes(32))
        anew = transport.register_account(vault.account, vault.login_secret, proof)
        assert await refusal(anew) == "login_failed"


async def test_recovery_codes_need_more_than_a_stolen_token(stages: Stages) -> None:
    async with stages() as stage:
        await stage.client(ANALYST)
        station = stage.station(ANALYST)
        vault, transport = station.vault, station.transport
        for secret, code in (
            (bytes(32), code_of(stage, ANALYST)),
            (vault.login_secret, "000000"),
            (vault.login_secret, "A" * 16),
        ):
            assert await refusal(transport.renew_recovery(secret, code)) == "login_failed"
