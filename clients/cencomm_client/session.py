"""Sessions: log in, resume, log out; for people and for bots.

A login binds a token that this device drew to the device key by a signed challenge, together
with the login secret and a one-time code (DESIGN 3 Login, A27). The server keeps the token's
hash; the token is in the vault. The password never comes here: opening the vault stretched it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cencomm_crypto.public.keys import SigType, login_message
from cencomm_crypto.public.primitives import sha256

from cencomm_client.answers import DeviceProof, OpenedSession, token_text
from cencomm_client.errors import (
    NoSession,
    NotAuthenticated,
    Refused,
    TransportError,
    WrongDirectory,
)
from cencomm_client.sealed_file import Random
from cencomm_client.transport import Transport
from cencomm_client.vault import Vault
from cencomm_client.verifier import Clock

TOKEN_SIZE = 32

OneTimeCode = Callable[[], Awaitable[str]]
"""Asks for the six digits, or for a recovery code in their place; called once per try."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; the token itself is in the vault and on the transport.

    `recovery_left`: recovery codes not used yet, where the server said so; `recovery`: fresh ones
    of a first registration, to be shown once and kept nowhere here.
    """

    account: str
    until_ms: int
    recovery_left: int | None = None
    recovery: tuple[str, ...] = field(default=(), repr=False)


async def open_vault(path: Path, password: str, *, wait_s: float = 0.0) -> Vault:
    """`Vault.open` in a thread: Argon2id takes about 100 ms."""
    return await asyncio.to_thread(Vault.open, path, password, wait_s=wait_s)


async def check_pin(vault: Vault, transport: Transport) -> None:
    """Raise WrongDirectory unless the server says it serves the pinned directory.

    A first courtesy: what counts is that the genesis hashes to the pin (A48).
    """
    info = await transport.info()
    if info.directory != vault.directory_id:
        raise WrongDirectory("the server at this address serves another directory than the pinned")


async def prove_device(vault: Vault, transport: Transport, token: bytes) -> DeviceProof:
    """Fetch a challenge and sign it for `token`: nonce, directory, origin, H(token), expiry."""
    challenge = await transport.challenge(vault.device)
    token_hash = sha256(token)
    message = login_message(
        challenge.nonce, vault.directory_id, transport.origin, token_hash, challenge.expires_ms
    )
    return DeviceProof(
        device=vault.device,
        nonce=challenge.nonce,
        expiry_ms=challenge.expires_ms,
        token_hash=token_hash,
        sig=vault.device_key.sign(SigType.LOGIN, message),
    )


async def login(
    vault: Vault,
    transport: Transport,
    one_time_code: OneTimeCode,
    *,
    random: Random = secrets.token_bytes,
) -> Session:
    """Log in a person; raises LoginFailed, TryLater, WrongDirectory, TransportError."""
    await check_pin(vault, transport)
    code = await one_time_code()
    token = random(TOKEN_SIZE)
    proof = await prove_device(vault, transport, token)
    opened = await transport.login(vault.account, vault.login_secret, code, proof)
    return keep(vault, transport, token, opened)


async def bot_login(
    vault: Vault, transport: Transport, *, random: Random = secrets.token_bytes
) -> Session:
    """Log in a bot with its device key and client secret."""
    if not vault.client_secret:
        raise NoSession("this bot has no client secret yet; its NCP fetches it once")
    await check_pin(vault, transport)
    token = random(TOKEN_SIZE)
    proof = await prove_device(vault, transport, token)
    until_ms = await transport.bot_login(vault.account, vault.client_secret, proof)
    return keep(vault, transport, token, OpenedSession(until_ms))


async def renew_recovery(vault: Vault, transport: Transport, code: str) -> tuple[str, ...]:
    """Other recovery codes for the logged-in person; raises LoginFailed, TryLater."""
    return await transport.renew_recovery(vault.login_secret, code)


async def resume(vault: Vault, transport: Transport, clock: Clock) -> Session | None:
    """Take up the vault's session; None if there is none or the server knows it no more."""
    kept = vault.session
    if kept is None or kept[1] <= clock():
        return None
    transport.token = kept[0]
    try:
        await transport.logs()
    except NotAuthenticated:
        transport.token = None
        vault.put_session(b"", 0)
        vault.save()
        return None
    return Session(vault.account, kept[1])


async def logout(vault: Vault, transport: Transport) -> None:
    """End the session here, and at the server if it can be reached."""
    if transport.token is None and vault.session is not None:
        transport.token = vault.session[0]
    try:
        if transport.token is not None:
            await transport.logout()
    except (TransportError, Refused):
        pass  # it ends by itself; what matters is that the token is gone from here
    finally:
        transport.token = None
        vault.put_session(b"", 0)
        vault.save()


async def live_auth(vault: Vault, transport: Transport) -> dict[str, Any]:
    """The auth object of one live connect: the token and a fresh signed challenge."""
    if transport.token is None:
        raise NoSession("log in first")
    proof = await prove_device(vault, transport, transport.token)
    fields = proof.fields()
    del fields["token_hash"]
    return {"token": token_text(transport.token), **fields}


def keep(vault: Vault, transport: Transport, token: bytes, opened: OpenedSession) -> Session:
    """Put a session that was just opened into the vault and onto the transport."""
    transport.token = token
    vault.put_session(token, opened.until_ms)
    vault.save()
    return Session(vault.account, opened.until_ms, opened.recovery_left, opened.recovery)
