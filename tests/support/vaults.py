"""Vaults for tests: real files, the real parse path, and Argon2id run once per password."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cencomm_client.vault import Vault
from cencomm_client.vault_contents import Contents
from cencomm_crypto.member import login
from cencomm_crypto.member.login import Stretched, stretch

from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

PASSWORD = "correct horse battery staple"


def derive(password: str, directory_id: bytes, account: str) -> Stretched:
    """`stretch`, remembered."""
    return _remembered(password, directory_id, account, (login.OPS, login.MEMORY_BYTES))


@cache
def _remembered(
    password: str, directory_id: bytes, account: str, cost: tuple[int, int]
) -> Stretched:
    return stretch(password, directory_id, account)


def vault_of(path: Path, directory: DirectoryBuilder, person: HeldPerson) -> Vault:
    """A new device of a built person: its vault, and its `device.add` in the directory."""
    vault = Vault.create(
        path,
        PASSWORD,
        directory_id=directory.id32,
        account=person.code,
        person=person.id,
        server_url="https://cencomm.example",
        derive=derive,
    )
    device = HeldDevice(person.id, vault.device_key, vault.box_key)
    voucher = person.administration.ncp.device
    directory.append(directory.author("device.add", directory.device_body(device), voucher))
    person.devices.append(device)
    return vault


def contents_of(vault: Vault) -> Contents:
    """What a vault holds, for comparing two."""
    return vault._contents
