"""The replica holds what was verified; a cut, a change and an old copy are named, unwritten."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from cencomm_client.errors import (
    FileError,
    FileUnusable,
    ReplicaBehind,
    ReplicaDamaged,
    ReplicaFormat,
)
from cencomm_client.mirror import Mirror
from cencomm_client.replica import Evidence, Replica
from cencomm_client.vault import Vault
from cencomm_crypto.public.ids import LogId

from tests.support.directory import DirectoryBuilder
from tests.support.operation import OperationBuilder
from tests.support.served import Served
from tests.support.vaults import vault_of

LOG = LogId(b"L" * 16)
DIRECTORY = b"D" * 32
CUTS = 500


def test_items_come_back_in_order_with_the_newest_note(tmp_path: Path) -> None:
    with Replica.create(tmp_path / "replica", DIRECTORY) as replica:
        replica.append(LOG, 0, [b"a", b"b"], b"note 2")
        replica.append(LOG, 2, [b"c"], b"note 3")
        assert list(replica.items(LOG)) == [b"a", b"b", b"c"]
        assert list(replica.items(LOG, 1, 2)) == [b"b"]
        assert (replica.size(LOG), replica.note(LOG)) == (3, b"note 3")
        assert replica.logs() == (LOG,)
        assert list(replica.items(LogId(b"M" * 16))) == []
    with Replica.open(tmp_path / "replica", DIRECTORY) as again:
        assert list(again.items(LOG)) == [b"a", b"b", b"c"]


def test_a_gap_is_refused_and_nothing_of_it_stays(tmp_path: Path) -> None:
    with Replica.create(tmp_path / "replica", DIRECTORY) as replica:
        replica.append(LOG, 0, [b"a"], b"note 1")
        for start in (0, 2):
            with pytest.raises(ReplicaDamaged):
                replica.append(LOG, start, [b"x"], b"note x")
        assert list(replica.items(LOG)) == [b"a"]
        assert replica.note(LOG) == b"note 1"


def test_a_missing_item_is_named(tmp_path: Path) -> None:
    path = tmp_path / "replica"
    with Replica.create(path, DIRECTORY) as replica:
        replica.append(LOG, 0, [b"a", b"b", b"c"], b"note")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM items WHERE seq = 1")
    connection.close()
    with (
        Replica.open(path, DIRECTORY) as replica,
        pytest.raises(ReplicaDamaged, match="item 2 found where 1"),
    ):
        list(replica.items(LOG))


def test_nothing_is_written_before_it_was_verified(tmp_path: Path) -> None:
    path = tmp_path / "replica"
    Replica.create(path, DIRECTORY).close()
    with Replica.open(path, DIRECTORY) as replica:
        with pytest.raises(ReplicaDamaged, match="not verified"):
            replica.append(LOG, 0, [b"a"], b"note")
        replica.unlock()
        replica.append(LOG, 0, [b"a"], b"note")
        assert replica.size(LOG) == 1


def test_another_format_or_another_directory_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "replica"
    Replica.create(path, DIRECTORY).close()
    with pytest.raises(ReplicaFormat, match="another directory"):
        Replica.open(path, b"E" * 32)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(ReplicaFormat, match="format 2"):
        Replica.open(path, DIRECTORY)
    other = tmp_path / "other"
    sqlite3.connect(other).execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(ReplicaFormat):
        Replica.open(other, DIRECTORY)
    other.write_bytes(b"")
    with pytest.raises(ReplicaDamaged, match="0 bytes"):
        Replica.open(other, DIRECTORY)
    with pytest.raises(ReplicaDamaged):
        Replica.open(tmp_path / "none", DIRECTORY)


def test_a_crash_in_the_middle_of_a_write_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "replica"
    with Replica.create(path, DIRECTORY) as replica:
        replica.append(LOG, 0, [b"a" * 3000] * 20, b"note 20")
    script = (
        "import os, sys; from pathlib import Path; from cencomm_client.replica import Replica\n"
        "replica = Replica.open(Path(sys.argv[1]), b'D' * 32); replica.unlock()\n"
        "replica._connection.execute('PRAGMA cache_size = 1')\n"
        "def items():\n"
        "    for _ in range(500): yield b'b' * 3000\n"
        "    os._exit(9)\n"
        "class Slow(list):\n"
        "    pass\n"
        "connection = replica._connection\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('UPDATE logs SET size = 520')\n"
        "connection.executemany('INSERT INTO items VALUES (1, ?, ?)',"
        " ((20 + n, item) for n, item in enumerate(items())))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert done.returncode == 9
    assert path.with_name("replica-journal").stat().st_size > 0
    with Replica.open(path, DIRECTORY) as replica:
        assert len(list(replica.items(LOG))) == 20
        assert replica.note(LOG) == b"note 20"


def test_evidence_is_kept_once(tmp_path: Path) -> None:
    evidence = Evidence(LOG, 4, "log_forked", "A4", "two histories", 99, b"note")
    with Replica.create(tmp_path / "replica", DIRECTORY) as replica:
        replica.keep_evidence(evidence)
        replica.keep_evidence(evidence)
        assert replica.evidence() == (evidence,)
        assert replica.evidence(LogId(b"M" * 16)) == ()


# -- a whole device: vault and replica ----------------------------------------------------------


class Device:
    """A person's device with a replica of a directory and an operation of a few dozen entries."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "replica"
        self.directory = DirectoryBuilder()
        self.operation = OperationBuilder(self.directory)
        self.person = self.directory.person(self.directory.administration("FR"))
        self.vault: Vault = vault_of(folder / "vault", self.directory, self.person)
        self.operation.admit(self.person, "officer")
        self.operation.start()
        self.work = self.operation.channel("work")
        self.operation.rotate(self.work)
        for _ in range(30):
            self.operation.message(self.work)
        self.served = Served(self.directory, self.person)
        self.log = self.served.add(self.operation)

    def load(self) -> Mirror:
        return Mirror.load(self.vault, self.path, lambda: self.operation.clock)

    async def pull(self) -> None:
        mirror = self.load()
        try:
            await mirror.pull_directory(self.served)
            await mirror.pull(self.served, self.log)
        finally:
            mirror.close()


@pytest.fixture
async def device(tmp_path: Path) -> Device:
    made = Device(tmp_path)
    await made.pull()
    return made


async def test_what_was_pulled_is_there_again_after_a_restart(device: Device) -> None:
    mirror = device.load()
    assert mirror.head(device.log) == device.operation.head
    assert mirror.operation(device.log).state == device.operation.state
    assert mirror.directory.state == device.directory.state
    assert list(mirror.items(device.log)) == device.operation.entries
    mirror.close()


async def test_500_random_cuts_are_named_and_the_file_stays_as_it_was(device: Device) -> None:
    good = device.path.read_bytes()
    draw = random.Random(1)  # noqa: S311 - places to cut, no secret
    sizes = {0, 1, 99, 100, 4096, len(good) - 1, len(good) - 4096}
    while len(sizes) < CUTS:
        sizes.add(draw.randrange(len(good)))
    codes: dict[str, int] = {}
    for size in sizes:
        device.path.write_bytes(good[:size])
        digest = hashlib.sha256(good[:size]).digest()
        with pytest.raises(FileError) as caught:
            device.load()
        codes[caught.value.code] = codes.get(caught.value.code, 0) + 1
        assert hashlib.sha256(device.path.read_bytes()).digest() == digest
    assert codes == {"replica_damaged": CUTS}
    device.path.write_bytes(good)
    device.load().close()


async def test_a_piece_cut_out_of_the_middle_is_named(device: Device) -> None:
    good = device.path.read_bytes()
    draw = random.Random(2)  # noqa: S311 - places to cut, no secret
    for _ in range(100):
        start = draw.randrange(len(good))
        size = draw.choice((1, 16, 4096))
        bad = good[:start] + bytes(min(size, len(good) - start)) + good[start + size :]
        if bad == good:
            continue
        device.path.write_bytes(bad)
        digest = hashlib.sha256(bad).digest()
        failure: FileError | None = None
        try:
            mirror = device.load()
        except FileError as error:
            failure = error
        if failure is not None:
            assert failure.code in ("replica_damaged", "replica_format", "replica_behind")
            assert hashlib.sha256(device.path.read_bytes()).digest() == digest
        else:  # bytes that SQLite does not use: what counts is unharmed
            assert mirror.operation(device.log).state == device.operation.state
            assert list(mirror.items(device.log)) == device.operation.entries
            mirror.close()


async def test_an_item_changed_inside_a_sound_database_is_named(device: Device) -> None:
    with sqlite3.connect(device.path) as connection:
        row = connection.execute(
            "SELECT rowid, item FROM items ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        item = bytearray(row[1])
        item[-1] ^= 1
        connection.execute("UPDATE items SET item = ? WHERE rowid = ?", (bytes(item), row[0]))
    connection.close()
    before = device.path.read_bytes()
    with pytest.raises(ReplicaDamaged, match="does not verify"):
        device.load()
    assert device.path.read_bytes() == before


async def test_an_old_copy_is_named_as_behind(device: Device, tmp_path: Path) -> None:
    old = tmp_path / "old copy"
    shutil.copy(device.path, old)
    device.operation.message(device.work)
    await device.pull()
    shutil.copy(old, device.path)
    before = device.path.read_bytes()
    with pytest.raises(ReplicaBehind) as caught:
        device.load()
    assert (caught.value.code, caught.value.row) == ("replica_behind", "A4")
    assert device.path.read_bytes() == before


async def test_a_lost_replica_is_fetched_again_and_held_against_the_vault(device: Device) -> None:
    device.path.unlink()
    await device.pull()
    mirror = device.load()
    assert mirror.operation(device.log).state == device.operation.state
    mirror.close()


def full(replica: Replica) -> None:
    """From now on the disk has no further page for it."""
    (pages,) = replica._connection.execute("PRAGMA page_count").fetchone()
    replica._connection.execute(f"PRAGMA max_page_count = {pages}")


def room(replica: Replica) -> None:
    """There is room again."""
    replica._connection.execute("PRAGMA max_page_count = 1000000")


def test_what_a_full_disk_does_not_take_is_no_damage_and_is_taken_later(tmp_path: Path) -> None:
    with Replica.create(tmp_path / "replica", DIRECTORY) as replica:
        replica.append(LOG, 0, [b"a"], b"note 1")
        full(replica)
        for _ in range(2):
            with pytest.raises(FileUnusable, match="full"):
                replica.append(LOG, 1, [bytes(100_000)], b"note 2")
        assert (list(replica.items(LOG)), replica.note(LOG)) == ([b"a"], b"note 1")
        room(replica)
        replica.append(LOG, 1, [b"b"], b"note 2")
        assert list(replica.items(LOG)) == [b"a", b"b"]


def test_a_commit_that_fails_leaves_the_replica_usable(tmp_path: Path) -> None:
    with Replica.create(tmp_path / "replica", DIRECTORY) as replica:
        connection = replica._connection

        class Failing:
            """A connection whose next commit the disk refuses."""

            in_transaction = property(lambda self: connection.in_transaction)

            def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
                if statement == "COMMIT":
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                    raise error
                return connection.execute(statement, *given)

            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

        replica._connection = cast(sqlite3.Connection, Failing())
        with pytest.raises(FileUnusable):
            replica.append(LOG, 0, [b"a"], b"note 1")
        replica._connection = connection
        replica.append(LOG, 0, [b"b"], b"note 1")
        assert list(replica.items(LOG)) == [b"b"]


async def test_a_full_disk_leaves_memory_no_further_than_the_file(device: Device) -> None:
    """Else the next pull goes on from what the file lacks, and the next start finds it behind."""
    mirror = device.load()
    full(mirror._replica)
    before = mirror.operation(device.log).size
    for _ in range(40):
        device.operation.message(device.work)
    for _ in range(2):
        with pytest.raises(FileUnusable):
            await mirror.pull(device.served, device.log)
        assert mirror.operation(device.log).size == before == mirror._replica.size(device.log)
    room(mirror._replica)
    await mirror.pull(device.served, device.log)
    assert list(mirror.items(device.log)) == device.operation.entries
    mirror.close()
    device.load().close()
