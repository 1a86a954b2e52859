"""A24: the server, or whoever wrote the file, asks the client to stretch the password less."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nacl.bindings as sodium
import pytest
from cencomm_client.client import Client
from cencomm_client.errors import FileError
from cencomm_client.sealed_file import FileKind, read, replace_file
from cencomm_client.station import Settings
from cencomm_client.vault import KIND, Vault
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.primitives import sha256, u16, u32
from cencomm_server.http.accounts import AccountHandlers
from cencomm_server.http.call import Answer, Call
from cencomm_server.http.running import RunningHandlers

from tests.mallory.harness import Stages
from tests.mallory.insiders import one_time_code
from tests.mallory.world import OFFICER
from tests.support.vaults import PASSWORD, derive

WEAK = {"kdf": {"name": "argon2id", "t": 1, "m_kib": 8, "p": 1}, "t": 1, "memory_kib": 8, "v": 1}
ARGON2 = sodium.crypto_pwhash_alg
FLOOR_MEMORY, FLOOR_PASSES = 64 * 1024 * 1024, 3


def weakened(answer: Answer) -> Answer:
    """An honest JSON answer with advice on how to stretch a password."""
    return replace(answer, body=json.dumps({**json.loads(answer.body), **WEAK}).encode())


class WeakInfo(RunningHandlers):
    """Recommends parameters where a client first looks."""

    async def info(self, call: Call) -> Answer:
        return weakened(await super().info(call))


class WeakChallenge(AccountHandlers):
    """Recommends parameters with each challenge; keeps the login secrets that come."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.secrets: list[str] = []

    async def challenge(self, call: Call) -> Answer:
        return weakened(await super().challenge(call))

    async def login(self, call: Call) -> Answer:
        self.secrets.append(json.loads(call.body)["login_secret"])
        return await super().login(call)


class Honest(WeakChallenge):
    """Keeps the login secrets that come, and says nothing."""

    challenge = AccountHandlers.challenge


async def test_a_login_stretches_as_the_suite_says(stages: Stages) -> None:
    """Whatever the server recommends: at least 64 MiB and three passes."""
    sent = {}
    for info, accounts in ((RunningHandlers, Honest), (WeakInfo, WeakChallenge)):
        async with stages(RunningHandlers=info, AccountHandlers=accounts) as stage:
            await stage.client(OFFICER)
            await stage.leave(OFFICER)
            stretched: list[tuple[int, int, int]] = []

            def recorded(*given: Any, kept: Any = stretched) -> bytes:
                kept.append(given[3:6])
                return ARGON2(*given)

            with patch.object(sodium, "crypto_pwhash_alg", recorded):
                client = await Client.resume(
                    stage.folder / OFFICER,
                    PASSWORD,
                    server=stage.server.url,
                    settings=Settings(clock=stage.clock),
                )
                async with client:
                    await client.login(totp=lambda: one_time_code(stage, OFFICER))
            assert stretched
            for passes, memory, algorithm in stretched:
                assert memory >= FLOOR_MEMORY
                assert passes >= FLOOR_PASSES
                assert algorithm == sodium.crypto_pwhash_ALG_ARGON2ID13
            (sent[accounts],) = stage.server.part(accounts).secrets
    assert sent[Honest] == sent[WeakChallenge]


def fresh_vault(path: Path) -> Path:
    """A vault that nobody touched."""
    made = Vault.create(
        path,
        PASSWORD,
        directory_id=b"d" * 32,
        account=OFFICER,
        person=PersonId(b"p" * 16),
        server_url="https://cencomm.example",
        derive=derive,
    )
    made.close()
    return path


def rewritten(path: Path, kind: FileKind, context: dict[str, Any], suite: int = 1) -> None:
    """The file with another clear header and a checksum that holds."""
    sealed = read(path, kind)
    fields = encode({**decode_map(sealed.context, max_size=4096), **context})
    head = kind.magic + u16(kind.format) + u16(suite) + u32(len(fields)) + fields
    data = head + sealed.nonce + sealed.ciphertext
    replace_file(path, data + sha256(data))


@pytest.mark.parametrize(
    "change",
    [{"kdf": {"t": 1, "m": 8}}, {"t": 1}, {"memory_kib": 8, "passes": 1}, {"suite": 0}],
    ids=str,
)
def test_a_vault_file_cannot_ask_for_less(tmp_path: Path, change: dict[str, Any]) -> None:
    path = fresh_vault(tmp_path / "vault")
    Vault.open(path, PASSWORD, derive=derive).close()
    rewritten(path, KIND, change)
    with pytest.raises(FileError):
        Vault.open(path, PASSWORD, derive=derive)


@pytest.mark.parametrize("suite", [0, 2, 65_535])
def test_a_vault_file_of_another_suite_is_not_opened(tmp_path: Path, suite: int) -> None:
    path = fresh_vault(tmp_path / "vault")
    rewritten(path, KIND, {}, suite)
    with pytest.raises(FileError, match="suite"):
        Vault.open(path, PASSWORD, derive=derive)
