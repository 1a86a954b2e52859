"""A38: a stolen backup. It holds no content key, and its TOTP secrets need a key from outside."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import nacl.exceptions
import nacl.secret
import pyotp
import pytest
from cencomm_client.answers import token_text
from cencomm_client.errors import NotAuthenticated
from cencomm_client.transport import Transport
from cencomm_crypto.public.ids import PersonId
from cencomm_server.accounts import services
from cencomm_server.accounts.totp import NewSecret, TotpSecrets
from cencomm_server.installation import load
from cencomm_server.store.port import Store

from tests.mallory.harness import Stage, Stages, refusal
from tests.mallory.kept import dump, kept
from tests.mallory.world import (
    ALERTS,
    BOT,
    CONTACT,
    CONTACT_POINTS,
    OFFICER,
    OPERATION,
    OUTSIDER,
    PLAN,
    RAID,
    WARNING,
    World,
)
from tests.support.vaults import PASSWORD

CAST = (*CONTACT_POINTS, OFFICER, "BE-007", OUTSIDER, BOT)


async def secrets_of(stage: Stage) -> dict[str, bytes]:
    """Everything that must not be in a backup, by what it is."""
    installation = load(stage.world.data)
    found: dict[str, bytes] = {
        "log key": installation.log_key.seed,
        "sealing key": installation.sealing_key,
        "password": PASSWORD.encode(),
        "warning": WARNING.encode(),
        "plan": PLAN.encode(),
    }
    for code in CAST:
        await stage.client(code)
        vault = stage.station(code).vault
        found |= {
            f"{code}: login secret": vault.login_secret,
            f"{code}: vault key": vault._stretched.vault,
            f"{code}: device key": vault.device_key.seed,
            f"{code}: box key": vault.box_key.secret,
            f"{code}: token": stage.station(code).transport.token or b"",
        }
        if vault.client_secret:
            found[f"{code}: client secret"] = vault.client_secret
        for name in (ALERTS, RAID):
            for n, secret in vault.epoch_secrets(stage.log, stage.chan(name)).items():
                found[f"{code}: epoch {n} of {name}"] = secret
    for code, totp in stage.world.totp.items():
        found[f"{code}: one-time secret"] = base64.b32decode(totp)
    return found


def spellings(secret: bytes) -> tuple[bytes, ...]:
    """As bytes, hex, base64 and base32: however somebody might have written it down."""
    return (
        secret,
        secret.hex().encode(),
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        base64.b32encode(secret).rstrip(b"="),
    )


async def leaks(stage: Stage, backup: bytes) -> set[str]:
    """Which secrets the backup holds."""
    found = await secrets_of(stage)
    assert len(found) > 50
    assert all(found.values())
    return {
        name for name, secret in found.items() if any(text in backup for text in spellings(secret))
    }


async def test_a_backup_holds_no_secret(stages: Stages, world: World, store_uri: str) -> None:
    async with kept(world, store_uri) as (store, name), stages(store=store) as stage:
        backup = dump(store_uri, name)
        assert OPERATION.encode() in backup  # it is a backup of this world, and labels are visible
        assert await leaks(stage, backup) == set()


class Open(TotpSecrets):
    """Keeps one-time secrets as they are."""

    def create(self, person: PersonId, account: str, deployment: str) -> NewSecret:
        made = super().create(person, account, deployment)
        return NewSecret(made.base32, made.uri, person + made.base32.encode())


async def test_what_the_search_finds_where_secrets_are_not_sealed(
    stages: Stages, world: World, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that seals nothing registers somebody: the same search finds it."""
    monkeypatch.setattr(services, "TotpSecrets", Open)
    async with kept(world, store_uri) as (store, name), stages(store=store) as stage:
        client = await stage.newcomer(CONTACT, "BE-050")
        told: list[str] = []

        def authenticator(seed: Any) -> str:
            told.append(seed.secret)
            return "000000"

        assert await refusal(client.register(authenticator)) == "internal"  # it opens no such row
        stage.world.totp["BE-050"] = told[0]
        try:
            assert await leaks(stage, dump(store_uri, name)) == {"BE-050: one-time secret"}
        finally:
            del stage.world.totp["BE-050"]


async def sealed_of(store: Store, person: PersonId) -> bytes:
    account = await store.account_of(person)
    assert account is not None
    assert account.totp_sealed is not None
    return account.totp_sealed


async def test_a_one_time_secret_opens_only_under_the_key_outside(
    stages: Stages, world: World, store_uri: str
) -> None:
    """And only in its own row: one moved to another account opens nothing there."""
    async with kept(world, store_uri) as (store, _), stages(store=store) as stage:
        await stage.client(OFFICER)
        await stage.client(CONTACT)
        officer = stage.person(OFFICER)
        sealed = await sealed_of(store, officer)
        now = stage.clock()
        code = pyotp.TOTP(world.totp[OFFICER]).at(now // 1000)
        sealing_key = load(world.data).sealing_key
        right = TotpSecrets(sealing_key)
        assert right.step_of(officer, sealed, code, now) is not None
        with pytest.raises(Exception, match="another person"):
            right.step_of(stage.person(CONTACT), sealed, code, now)
        for guess in (bytes(32), hashlib.sha256(sealed).digest(), secrets.token_bytes(32)):
            with pytest.raises(nacl.exceptions.CryptoError):
                nacl.secret.SecretBox(guess).decrypt(sealed)


async def test_what_is_kept_of_a_session_is_no_session(stages: Stages, world: World) -> None:
    async with stages() as stage:
        await stage.client(OFFICER)
        for doc in world.store._sessions.values():
            async with Transport(stage.server.url) as transport:
                transport.token = doc.token_hash
                with pytest.raises(NotAuthenticated):
                    await transport.logs()
        assert token_text(stage.station(OFFICER).transport.token or b"")
