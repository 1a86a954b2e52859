"""Sessions against the real server: login, resume, logout, bots, and servers that are not it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cencomm_client import session
from cencomm_client.errors import (
    LoginFailed,
    NoSession,
    NotAuthenticated,
    Refused,
    VaultPassword,
    WrongDirectory,
)
from cencomm_client.live import LiveConnection
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_crypto.public.keys import SigType, login_message, verify
from cencomm_crypto.public.primitives import sha256

from tests.support.loopback import Loopback, Member, loopback, now_ms
from tests.support.vaults import PASSWORD
from tests.support.web import answering


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Loopback]:
    async with loopback(tmp_path) as running:
        yield running


@pytest.fixture
async def ncp(made: Loopback) -> Member:
    return await made.ncp("FR")


async def test_a_login_binds_a_token_that_only_this_device_and_the_vault_know(
    made: Loopback, ncp: Member
) -> None:
    before = ncp.vault.session
    opened = await ncp.login()
    kept = ncp.vault.session
    assert kept is not None
    assert kept != before
    assert (opened.account, opened.until_ms) == ("FR-001", kept[1])
    assert opened.until_ms > now_ms()
    assert ncp.transport.token == kept[0]
    assert kept[0] not in ncp.vault.path.read_bytes()
    assert await ncp.transport.logs()


async def test_a_session_is_taken_up_again(made: Loopback, ncp: Member) -> None:
    transport = await made.transport()
    found = await session.resume(ncp.vault, transport, now_ms)
    assert found is not None
    assert await transport.logs()
    assert await session.resume(ncp.vault, transport, lambda: found.until_ms) is None


async def test_after_logout_the_token_is_nowhere(made: Loopback, ncp: Member) -> None:
    token = ncp.transport.token
    await session.logout(ncp.vault, ncp.transport)
    assert ncp.vault.session is None
    assert ncp.transport.token is None
    other = await made.transport()
    other.token = token
    with pytest.raises(NotAuthenticated):
        await other.logs()
    ncp.vault.put_session(token or b"", now_ms() + 60_000)
    assert await session.resume(ncp.vault, other, now_ms) is None
    assert ncp.vault.session is None
    await session.logout(ncp.vault, other)  # again changes nothing


async def test_logout_without_a_server_still_forgets_the_token(ncp: Member) -> None:
    async with Transport("http://127.0.0.1:1", timeout_s=1) as nowhere:
        await session.logout(ncp.vault, nowhere)
    assert ncp.vault.session is None


async def test_whatever_is_wrong_gives_one_answer(made: Loopback, ncp: Member) -> None:
    async def wrong() -> str:
        return "000000"

    with pytest.raises(LoginFailed) as wrong_code:
        await session.login(ncp.vault, ncp.transport, wrong)
    used = sorted(ncp.used_codes)[0]

    async def again() -> str:
        return used

    with pytest.raises(LoginFailed) as used_code:
        await session.login(ncp.vault, ncp.transport, again)
    assert wrong_code.value.detail == used_code.value.detail


async def test_a_bot_logs_in_with_its_secret(made: Loopback, ncp: Member) -> None:
    bot = await made.bot(ncp, "FR-BOT-1")
    assert bot.vault.is_bot
    assert await bot.transport.logs()
    bot.vault.client_secret = bytes(32)
    with pytest.raises(LoginFailed):
        await session.bot_login(bot.vault, bot.transport)
    bot.vault.client_secret = b""
    with pytest.raises(NoSession):
        await session.bot_login(bot.vault, bot.transport)


async def test_another_directory_at_the_address_gets_no_secret(ncp: Member) -> None:
    reached: list[str] = []

    async def info(request: web.Request) -> web.Response:
        fields = {"name": "n", "directory": "ab" * 32, "log_key": "ab" * 32, "v": 1, "suite": 1}
        return web.Response(body=json.dumps(fields).encode())

    async def anything(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.json_response({})

    async with (
        answering({"/v1/info": info, "/{rest:.*}": anything}) as url,
        Transport(url) as transport,
    ):
        with pytest.raises(WrongDirectory) as caught:
            await session.login(ncp.vault, transport, ncp.code)
    assert caught.value.code == "wrong_directory"
    assert reached == []


async def test_a_challenge_is_signed_for_this_origin_and_token(made: Loopback, ncp: Member) -> None:
    """A27: what a phishing server relays is signed for the phishing server's origin."""
    token = b"t" * 32
    proof = await session.prove_device(ncp.vault, ncp.transport, token)
    message = login_message(
        proof.nonce, made.directory_id, made.url, sha256(token), proof.expiry_ms
    )
    verify(ncp.vault.device_key.public, SigType.LOGIN, message, proof.sig)
    async with Transport(made.url.replace("127.0.0.1", "localhost")) as elsewhere:
        relayed = await session.prove_device(ncp.vault, elsewhere, token)
        with pytest.raises(LoginFailed):
            await elsewhere.login("FR-001", ncp.vault.login_secret, await ncp.code(), relayed)


async def test_the_live_connection_opens_with_the_session_and_ends_with_it(
    made: Loopback, ncp: Member
) -> None:
    opened = asyncio.Event()

    async def connected() -> None:
        opened.set()

    async def ignore(_: object) -> None:
        return None

    live = LiveConnection(
        ncp.transport,
        lambda: session.live_auth(ncp.vault, ncp.transport),
        on_connected=connected,
        on_entries=ignore,
        on_head=ignore,
    )
    running = asyncio.create_task(live.run())
    async with asyncio.timeout(20):
        await opened.wait()
        token = ncp.transport.token
        await ncp.transport.logout()
        ncp.transport.token = token
        with pytest.raises(NotAuthenticated):
            await running
    ncp.transport.token = None
    with pytest.raises(NoSession):
        await session.live_auth(ncp.vault, ncp.transport)


async def test_a_vault_opens_in_a_thread_and_keeps_its_floor(made: Loopback, ncp: Member) -> None:
    """The real derivation runs here once more: what the tests remember is the same (A24)."""
    ncp.vault.close()
    with pytest.raises(VaultPassword):
        await session.open_vault(ncp.vault.path, "wrong")
    again = await session.open_vault(ncp.vault.path, PASSWORD)
    assert isinstance(again, Vault)
    assert again.login_secret == ncp.vault.login_secret
    again.close()


async def test_without_an_account_there_is_no_session(made: Loopback, ncp: Member) -> None:
    member = await made.accept(ncp, await made.invite(ncp, "FR-014"), "new")

    async def code() -> str:
        return "123456"

    with pytest.raises(LoginFailed):
        await session.login(member.vault, member.transport, code)
    with pytest.raises((NoSession, Refused)):
        await member.transport.logs()
