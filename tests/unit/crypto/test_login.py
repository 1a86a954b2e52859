"""One password gives the server a secret from which the vault does not follow (PROTOCOL 10.1)."""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from inspect import signature

import argon2.low_level
from cencomm_crypto.member import login
from cencomm_crypto.member.login import Stretched, login_salt, stretch
from cencomm_crypto.public.primitives import keyed

from tests.support.sealing import fixed

DIRECTORY = fixed("directory")
PASSWORD = "correct horse Zürich"


def test_it_is_argon2id_with_the_parameters_of_the_suite() -> None:
    out = argon2.low_level.hash_secret_raw(
        PASSWORD.encode(),
        sha256(b"CENcomm/v1/login\x00" + DIRECTORY + b"FR-014").digest()[:16],
        time_cost=3,
        memory_cost=65_536,
        parallelism=1,
        hash_len=64,
        type=argon2.low_level.Type.ID,
    )
    stretched = stretch(PASSWORD, DIRECTORY, "FR-014")
    assert stretched.login == keyed(out[:32], "login", out[32:])
    assert stretched.vault == keyed(out[:32], "vault", out[32:])


def test_the_floors_hold_and_nobody_can_pass_other_parameters_a24() -> None:
    assert login.OPS >= 3
    assert login.MEMORY_BYTES >= 64 * 1024 * 1024
    assert list(signature(stretch).parameters) == ["password", "directory_id", "account"]


def test_one_password_is_one_secret_however_its_letters_are_composed() -> None:
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD
    assert stretch(decomposed, DIRECTORY, "FR-014") == stretch(PASSWORD, DIRECTORY, "FR-014")


def test_every_deployment_and_account_has_its_own_salt_a25() -> None:
    salts = {
        login_salt(DIRECTORY, "FR-014"),
        login_salt(DIRECTORY, "FR-015"),
        login_salt(fixed("other"), "FR-014"),
    }
    assert len(salts) == 3
    assert {len(salt) for salt in salts} == {16}


def test_login_secret_and_vault_key_differ_and_do_not_show() -> None:
    stretched = Stretched(login=fixed("login"), vault=fixed("vault"))
    assert repr(stretched) == "Stretched()"
    made = stretch(PASSWORD, DIRECTORY, "FR-014")
    assert made.login != made.vault
    assert len(made.login) == len(made.vault) == 32
