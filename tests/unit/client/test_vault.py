"""The vault keeps what it was given, lets nobody else in, and names whatever happened to it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cencomm_client.errors import (
    FileError,
    FileUnusable,
    VaultBehind,
    VaultDamaged,
    VaultExists,
    VaultFormat,
    VaultLocked,
    VaultMissing,
    VaultPassword,
)
from cencomm_client.sealed_file import replace_file
from cencomm_client.vault import KIND, Vault
from cencomm_client.vault_contents import (
    BoxSeed,
    Contents,
    IssuedInvitation,
    KnownHead,
    OutboxItem,
    PromisedHead,
    StoredReceipt,
)
from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId, PersonId
from cencomm_crypto.public.primitives import sha256
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vaults import PASSWORD, contents_of, derive

DIRECTORY = sha256(b"a directory")
LOG, CHAN = LogId(b"L" * 16), ChannelId(b"C" * 16)


def make(path: Path) -> Vault:
    return Vault.create(
        path,
        PASSWORD,
        directory_id=DIRECTORY,
        account="FR-014",
        person=PersonId(b"P" * 16),
        server_url="https://cencomm.example",
        derive=derive,
    )


def reopen(path: Path) -> Vault:
    return Vault.open(path, PASSWORD, derive=derive)


def test_a_vault_opens_again_with_all_that_was_put_in(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    vault.put_epoch_secret(LOG, CHAN, 3, b"e" * 32)
    vault.put_close_key(LOG, CHAN, 3, b"k" * 32)
    vault.put_outbox(OutboxItem(LOG, EntryId(b"I" * 16), b"signed", 5))
    vault.put_receipt(StoredReceipt(LOG, EntryId(b"J" * 16), 9, b"l" * 32))
    vault.advance_head(KnownHead(b"L" * 32, 10, b"r" * 32, b"note"))
    vault.put_promise(PromisedHead(LOG, 11, b"s" * 32, b"note"))
    vault.put_invitation(
        IssuedInvitation(b"K" * 16, b"s" * 32, PersonId(b"Q" * 16), "FR-015", False, 1)
    )
    vault.put_session(b"t" * 32, 99)
    vault.client_secret = b"c" * 32
    vault.put_note("profile", {"posted": [1, 2]})
    vault.add_box_key(7)
    vault.server_url = "https://elsewhere.example"
    before, keys = contents_of(vault), vault.box_keys
    vault.close()

    again = reopen(tmp_path / "vault")
    assert contents_of(again) == before
    assert again.box_keys == keys
    assert again.device_key == vault.device_key
    assert (again.account, again.directory_id) == ("FR-014", DIRECTORY)
    assert again.login_secret == derive(PASSWORD, DIRECTORY, "FR-014").login


def test_the_file_is_the_owners_alone_and_shows_no_seed(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o600
    data = (tmp_path / "vault").read_bytes()
    assert vault.device_key.seed not in data
    assert vault.box_key.secret not in data
    for shown in (repr(contents_of(vault)), repr(vault.device_key), repr(vault.box_key)):
        assert vault.device_key.seed.hex() not in shown
        assert repr(vault.device_key.seed) not in shown


def test_every_flipped_byte_is_named_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = make(path)
    vault.put_epoch_secret(LOG, CHAN, 1, b"e" * 32)
    vault.close()
    good = path.read_bytes()
    named: dict[str, int] = {}
    for place in range(len(good)):
        for mask in (0x01, 0x80, 0xFF):
            bad = bytearray(good)
            bad[place] ^= mask
            path.write_bytes(bad)
            digest = hashlib.sha256(bad).digest()
            with pytest.raises(FileError) as caught:
                reopen(path)
            assert caught.value.code in ("vault_damaged", "vault_format"), place
            assert caught.value.detail
            named[caught.value.code] = named.get(caught.value.code, 0) + 1
            assert hashlib.sha256(path.read_bytes()).digest() == digest
    assert named["vault_damaged"] > named["vault_format"] > 0
    path.write_bytes(good)
    reopen(path).close()


def test_every_cut_and_every_addition_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    make(path).close()
    good = path.read_bytes()
    for size in range(len(good)):
        path.write_bytes(good[:size])
        with pytest.raises((VaultDamaged, VaultFormat)):
            reopen(path)
    path.write_bytes(good + b"\x00")
    with pytest.raises(VaultDamaged):
        reopen(path)


def test_a_vault_changed_on_purpose_is_refused_although_its_checksum_holds(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    make(path).close()
    good = path.read_bytes()
    for place in (40, len(good) // 2, len(good) - 40):
        bad = bytearray(good[:-32])
        bad[place] ^= 1
        path.write_bytes(bytes(bad) + sha256(bytes(bad)))
        with pytest.raises((VaultPassword, VaultDamaged)):
            reopen(path)


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    make(path).close()
    data = bytearray(path.read_bytes())
    data[16:18] = (KIND.format + 1).to_bytes(2, "big")
    path.write_bytes(data)
    with pytest.raises(VaultFormat, match="newer program"):
        reopen(path)


def test_a_wrong_password_has_its_own_code(tmp_path: Path) -> None:
    make(tmp_path / "vault").close()
    with pytest.raises(VaultPassword) as caught:
        Vault.open(tmp_path / "vault", "wrong", derive=derive)
    assert caught.value.code == "vault_password"


def test_the_file_cannot_weaken_the_derivation() -> None:
    """A24: no parameter stands in the file; the suite number is the only choice there is."""
    assert set(KIND.__dataclass_fields__) >= {"magic", "format"}
    assert derive(PASSWORD, DIRECTORY, "FR-014") != derive(PASSWORD, DIRECTORY, "FR-015")


def test_a_vault_is_never_overwritten_and_a_missing_one_is_named(tmp_path: Path) -> None:
    make(tmp_path / "vault").close()
    with pytest.raises(VaultExists):
        make(tmp_path / "vault")
    with pytest.raises(VaultMissing):
        reopen(tmp_path / "other")
    with pytest.raises(VaultMissing):
        reopen(tmp_path / "no such folder" / "vault")


def test_a_second_process_is_kept_out_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = make(path)
    with pytest.raises(VaultLocked):
        reopen(path)
    script = (
        "import sys; from pathlib import Path; from cencomm_client.vault import Vault;"
        "from cencomm_client.errors import VaultLocked\n"
        "try: Vault.open(Path(sys.argv[1]), sys.argv[2])\n"
        "except VaultLocked as error: print(error.code)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(path), PASSWORD],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert answer.stdout.strip() == "vault_locked"
    vault.close()
    reopen(path).close()


def test_a_crash_while_writing_leaves_the_old_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault"
    vault = make(path)
    before = path.read_bytes()
    vault.put_session(b"t" * 32, 1)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(FileUnusable):
            vault.save()
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["vault", "vault.lock"]
    assert vault.changed
    vault.save()
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", ["", "."])
def test_a_path_that_names_a_folder_is_no_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A script whose variable is empty; told to enrol anew, a person would lose the device."""
    monkeypatch.chdir(tmp_path)
    for act in (make, reopen):
        with pytest.raises((FileUnusable, VaultMissing)):
            act(Path(name))
    with pytest.raises(IsADirectoryError):
        replace_file(Path(name), b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_writes_once_and_nothing_changed_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = make(path)
    first = path.read_bytes()
    vault.save()
    assert path.read_bytes() == first
    with vault.batch():
        for number in range(1, 100):
            vault.put_epoch_secret(LOG, CHAN, number, bytes([number]) * 32)
            vault.save()
            assert path.read_bytes() == first
    assert path.read_bytes() != first
    assert not vault.changed


def test_two_writes_of_the_same_content_never_share_a_nonce(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = make(path)
    seen = set()
    for number in range(20):
        vault.put_session(b"t" * 32, number % 2)
        vault.save()
        data = path.read_bytes()
        context = 24 + int.from_bytes(data[20:24], "big")
        seen.add(data[context : context + 24])
    assert len(seen) == 20


def test_checkpoints_and_promises_never_go_back_or_fork(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    vault.advance_head(KnownHead(b"L" * 32, 10, b"r" * 32, b"note"))
    vault.advance_head(KnownHead(b"L" * 32, 10, b"r" * 32, b"note"))
    for bad in (
        KnownHead(b"L" * 32, 9, b"r" * 32, b"note"),
        KnownHead(b"L" * 32, 10, b"x" * 32, b"note"),
        KnownHead(b"L" * 16 + b"M" * 16, 11, b"r" * 32, b"note"),
    ):
        with pytest.raises(VaultBehind):
            vault.advance_head(bad)
    vault.put_promise(PromisedHead(LOG, 20, b"a" * 32, b"note"))
    with pytest.raises(VaultBehind):
        vault.put_promise(PromisedHead(LOG, 20, b"b" * 32, b"note"))
    vault.keep_promises_above(LOG, 20)
    assert vault.promises(LOG) == ()


def test_an_entry_id_keeps_its_bytes_until_the_receipt(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    item = OutboxItem(LOG, EntryId(b"I" * 16), b"signed", 5)
    vault.put_outbox(item)
    vault.put_outbox(item)
    with pytest.raises(ValueError, match="never used for other bytes"):
        vault.put_outbox(OutboxItem(LOG, EntryId(b"I" * 16), b"others", 6))
    vault.put_receipt(StoredReceipt(LOG, EntryId(b"I" * 16), 3, b"l" * 32))
    assert vault.outbox() == ()
    assert [receipt.seq for receipt in vault.receipts(LOG)] == [3]


def test_old_box_keys_stay_until_they_are_retired(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    old = vault.box_key
    new = vault.add_box_key(30)
    assert (vault.box_key, vault.box_keys) == (new, (new, old))
    assert vault.box_key_for(old.public) == old
    with pytest.raises(ValueError, match="newest"):
        vault.retire_box_key(new.public)
    vault.retire_box_key(old.public)
    assert vault.box_key_for(old.public) is None


def test_a_changed_password_seals_anew(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    vault.change_password("another one", derive=derive)
    vault.close()
    with pytest.raises(VaultPassword):
        reopen(tmp_path / "vault")
    Vault.open(tmp_path / "vault", "another one", derive=derive).close()


def test_what_a_vault_could_not_save_is_refused_at_once(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    with pytest.raises(ProtocolError):
        vault.put_note("half", 0.5)
    assert not vault.changed


ids = st.binary(min_size=16, max_size=16)
secrets32 = st.binary(min_size=32, max_size=32)
numbers = st.integers(min_value=0, max_value=2**53 - 1)
epochs = st.dictionaries(st.tuples(ids, ids, numbers), secrets32, max_size=6)


@given(
    epochs=epochs,
    closes=epochs,
    receipts=st.lists(st.tuples(ids, ids, numbers, secrets32), max_size=6),
    outbox=st.lists(st.tuples(ids, ids, st.binary(max_size=50), numbers), max_size=6),
    boxes=st.lists(st.tuples(secrets32, numbers), min_size=1, max_size=4),
)
def test_decoding_gives_back_what_was_encoded(
    epochs: dict[tuple[bytes, bytes, int], bytes],
    closes: dict[tuple[bytes, bytes, int], bytes],
    receipts: list[tuple[bytes, bytes, int, bytes]],
    outbox: list[tuple[bytes, bytes, bytes, int]],
    boxes: list[tuple[bytes, int]],
) -> None:
    contents = Contents(
        url="https://cencomm.example",
        person=PersonId(b"P" * 16),
        bot=True,
        sign=b"s" * 32,
        boxes=[BoxSeed(*row) for row in boxes],
        epochs={(LogId(a), ChannelId(b), n): e for (a, b, n), e in epochs.items()},
        closes={(LogId(a), ChannelId(b), n): e for (a, b, n), e in closes.items()},
        receipts={
            (LogId(a), EntryId(b)): StoredReceipt(LogId(a), EntryId(b), n, leaf)
            for a, b, n, leaf in receipts
        },
        outbox={
            (LogId(a), EntryId(b)): OutboxItem(LogId(a), EntryId(b), data, n)
            for a, b, data, n in outbox
        },
    )
    assert Contents.decode(contents.encode()) == contents


def test_the_password_is_asked_for_again_and_nothing_else_will_do(tmp_path: Path) -> None:
    vault = make(tmp_path / "vault")
    try:
        assert vault.opens_with(PASSWORD, derive=derive)
        assert not vault.opens_with(PASSWORD + " ", derive=derive)
        assert not vault.opens_with("", derive=derive)
    finally:
        vault.close()
