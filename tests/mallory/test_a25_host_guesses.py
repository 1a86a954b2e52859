"""A25: the host has every byte that a client ever sent, and would like to read its vault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import nacl.bindings as sodium
import pytest
from cencomm_client.errors import VaultPassword
from cencomm_client.sealed_file import read
from cencomm_client.vault import KIND, Vault
from cencomm_crypto.member import login
from cencomm_crypto.member.login import stretch
from cencomm_crypto.public.primitives import keyed, sha256
from cencomm_server.http.call import Route
from cencomm_server.http.gate import Gate

from tests.mallory.harness import Stages
from tests.mallory.insiders import one_time_code
from tests.mallory.world import ALERTS, OFFICER
from tests.support.vaults import PASSWORD, derive


class Listening(Gate):
    """Keeps every body that comes in."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.heard: list[bytes] = []

    def application(self, routes: Any) -> Any:
        def listening(route: Route) -> Route:
            async def hear(call: Any) -> Any:
                self.heard.append(call.body)
                return await route.handler(call)

            return replace(route, handler=hear)

        return super().application([listening(route) for route in routes])


async def test_nothing_that_opens_a_vault_is_ever_sent(stages: Stages) -> None:
    """Login, post, re-key, refresh: the host hears the login secret, and nothing of the vault."""
    async with stages(Gate=Listening) as stage:
        officer = await stage.client(OFFICER)
        await officer.login(totp=lambda: one_time_code(stage, OFFICER))
        await officer.directory.rekey()
        await (await stage.operation(OFFICER)).channel(ALERTS).post("MSG", {"text": "here"})
        await stage.look(OFFICER)
        vault = officer.vault
        stretched = derive(PASSWORD, vault.directory_id, OFFICER)
        secrets = {
            "password": PASSWORD.encode(),
            "vault key": stretched.vault,
            "device seed": vault.device_key.seed,
            "box keys": b"".join(key.secret for key in vault.box_keys),
            "epoch secret": next(iter(vault._contents.epochs.values())),
            "text": b"here",
        }
        heard = b"\n".join(stage.server.part(Listening).heard)
        assert stretched.login.hex().encode() in heard
        stored = repr(stage.server.store.__dict__).encode()
        assert stretched.login not in heard.replace(stretched.login.hex().encode(), b"")
        for name, secret in secrets.items():
            for place in range(0, len(secret) - 15, 8):
                part = secret[place : place + 16]
                assert part not in heard, name
                assert part.hex().encode() not in heard, name
                assert repr(part)[2:-1].encode() not in stored, name
        assert stretched.login.hex().encode() not in stored
        assert repr(stretched.login)[2:-1].encode() not in stored
        stage.quiet()


async def test_the_login_secret_does_not_open_the_vault(stages: Stages) -> None:
    """Even a host that came by the vault file gets no further than by guessing the password."""
    async with stages() as stage:
        await stage.client(OFFICER)
        await stage.leave(OFFICER)
        path = stage.folder / OFFICER
        directory_id, account = Vault.peek(path)
        stretched = stretch(PASSWORD, directory_id, account)
        assert read(path, KIND).open(stretched.vault)
        for guess in (
            stretched.login,
            sha256(stretched.login),
            keyed(stretched.login, "vault"),
            keyed(stretched.login, "vault", stretched.login),
        ):
            with pytest.raises(VaultPassword):
                read(path, KIND).open(guess)


def test_each_guess_at_a_login_secret_costs_a_whole_argon2id_for_one_account() -> None:
    """The salt is of the deployment and the account: no table, no two accounts at once."""
    cost: list[tuple[int, int]] = []
    bare = sodium.crypto_pwhash_alg

    def counted(*given: Any) -> bytes:
        cost.append((given[3], given[4]))
        return bare(*given)

    with patch.object(sodium, "crypto_pwhash_alg", counted):
        secrets = [
            stretch(PASSWORD, directory, account).login
            for directory in (b"a" * 32, b"b" * 32)
            for account in (OFFICER, "FR-015")
        ]
    assert len(set(secrets)) == 4
    assert cost == [(login.OPS, login.MEMORY_BYTES)] * 4
    salts = {login.login_salt(b"a" * 32, account) for account in (OFFICER, "FR-015", "FR-0145")}
    assert len(salts) == 3
