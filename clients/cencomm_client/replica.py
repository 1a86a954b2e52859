"""The replica: what the server sent, verified, on this device's disk (SQLite).

Holds the encoded items of each log without a gap, the newest signed note of each, and the
evidence of alarms. No plaintext, no index of content, no secret. Written only by `mirror`,
after verification. Opening reads everything and writes nothing until the caller has rebuilt the
trees and found the vault's checkpoints in them; a cut, a changed byte and an old copy have
names, and the file stays as it was. It can always be set aside and fetched again.

Journal mode is TRUNCATE (a rollback journal), not WAL: a file that was closed cleanly is whole
in itself, and its header tells how many pages it must have.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cencomm_crypto.public.ids import LogId

from cencomm_client.errors import FileUnusable, ReplicaDamaged, ReplicaFormat, ReplicaLocked

FORMAT = 1
APPLICATION_ID = 0x43454E43  # "CENC", in SQLite's own header
_REFUSED = frozenset(
    [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN]
)
_SCHEMA = (
    "CREATE TABLE logs (no INTEGER PRIMARY KEY, log BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,"
    " note BLOB NOT NULL)",
    "CREATE TABLE items (log_no INTEGER NOT NULL, seq INTEGER NOT NULL, item BLOB NOT NULL)",
    "CREATE UNIQUE INDEX items_place ON items (log_no, seq)",
    "CREATE TABLE evidence (no INTEGER PRIMARY KEY, log BLOB NOT NULL, seq INTEGER NOT NULL,"
    " code TEXT NOT NULL, attack TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL,"
    " bytes BLOB NOT NULL)",
    "CREATE UNIQUE INDEX evidence_once ON evidence (log, seq, code, bytes)",
    "CREATE TABLE pins (directory BLOB NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One alarm as it was kept: where, which code and row of ATTACKS.md, and the bytes."""

    log: bytes
    seq: int
    code: str
    row: str
    detail: str
    at_ms: int
    data: bytes


class Replica:
    """An open replica. All sizes are numbers of entries; items are the server's exact bytes."""

    def __init__(self, path: Path, connection: sqlite3.Connection, writable: bool) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._connection = connection
        self._writable = writable

    @classmethod
    def create(cls, path: Path, directory_id: bytes) -> Replica:
        """Make a new, empty replica; raises ReplicaDamaged if a file is there already."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise ReplicaDamaged("a file is in the place of a new replica") from error
        os.close(handle)
        connection = _connect(path, writable=True)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO pins VALUES (?)", (directory_id,))
        return cls(path, connection, writable=True)

    @classmethod
    def open(cls, path: Path, directory_id: bytes) -> Replica:
        """Open for reading only and check the file; `unlock` once the trees were rebuilt.

        Raises ReplicaDamaged, ReplicaFormat (also for another directory's) or ReplicaLocked.
        """
        _check_header(path)
        connection = _connect(path, writable=False)
        try:
            with _named(path):
                found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
                if found != ["ok"]:
                    raise ReplicaDamaged(f"SQLite's own check says: {found[0]}")
                pins = [row[0] for row in connection.execute("SELECT directory FROM pins")]
                if pins != [directory_id]:
                    raise ReplicaFormat("this replica belongs to another directory")
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, writable=False)

    def unlock(self) -> None:
        """Allow writing, after everything held was verified."""
        if not self._writable:
            self._connection.close()
            self._connection = _connect(self.path, writable=True)
            self._writable = True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Replica:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- reading ------------------------------------------------------------------------------

    def logs(self) -> tuple[LogId, ...]:
        """All logs held, in the order in which they came."""
        with _named(self.path):
            rows = self._connection.execute("SELECT log FROM logs ORDER BY no").fetchall()
        return tuple(LogId(row[0]) for row in rows)

    def size(self, log: LogId) -> int:
        """Number of items of a log; 0 if it is not held."""
        row = self._log(log)
        return 0 if row is None else row[1]

    def note(self, log: LogId) -> bytes | None:
        """The newest verified note of a log."""
        row = self._log(log)
        return None if row is None else row[2]

    def items(self, log: LogId, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Encoded items from `start` up to before `end`, in order; raises ReplicaDamaged on a gap.

        Do not write while iterating.
        """
        row = self._log(log)
        if row is None:
            return
        number, size, _ = row
        stop = size if end is None else min(end, size)
        expected = start
        with _named(self.path):
            for seq, item in self._connection.execute(
                "SELECT seq, item FROM items WHERE log_no = ? AND seq >= ? AND seq < ?"
                " ORDER BY seq",
                (number, start, stop),
            ):
                if seq != expected or type(item) is not bytes:
                    raise ReplicaDamaged(f"item {seq} found where {expected} was expected")
                expected += 1
                yield item
        if expected < stop:
            raise ReplicaDamaged(f"items end at {expected}, {stop} expected")

    def evidence(self, log: LogId | None = None) -> tuple[Evidence, ...]:
        """Alarms kept so far, oldest first."""
        with _named(self.path):
            rows = self._connection.execute(
                "SELECT log, seq, code, attack, detail, at, bytes FROM evidence ORDER BY no"
            ).fetchall()
        return tuple(Evidence(*row) for row in rows if log is None or row[0] == log)

    # -- writing ------------------------------------------------------------------------------

    def append(self, log: LogId, start: int, items: Iterable[bytes], note: bytes) -> None:
        """Add verified items from seq `start` on, with the note that covers them, in one commit.

        `start` must be the log's size here; raises ReplicaDamaged otherwise.
        """
        with self._transaction():
            row = self._log(log)
            if row is None:
                self._connection.execute(
                    "INSERT INTO logs (log, size, note) VALUES (?, 0, ?)", (log, note)
                )
                row = self._log(log)
            if row is None or row[1] != start:
                raise ReplicaDamaged(f"items from {start} offered to a log of {row and row[1]}")
            placed = _placed(row[0], start, items)
            self._connection.executemany("INSERT INTO items VALUES (?, ?, ?)", placed)
            added = self._connection.execute(
                "SELECT max(seq) FROM items WHERE log_no = ?", (row[0],)
            ).fetchone()[0]
            end = start if added is None else added + 1
            self._connection.execute(
                "UPDATE logs SET size = ?, note = ? WHERE no = ?", (end, note, row[0])
            )

    def complete(self, log: LogId, items: Iterable[tuple[int, bytes]]) -> None:
        """Put whole items in the place of withheld ones (same leaf, verified by the caller)."""
        with self._transaction():
            row = self._log(log)
            if row is None:
                raise ReplicaDamaged("this log is not held")
            self._connection.executemany(
                "UPDATE items SET item = ? WHERE log_no = ? AND seq = ?",
                [(item, row[0], seq) for seq, item in items],
            )

    def keep_evidence(self, evidence: Evidence) -> None:
        """Keep one alarm; the same one twice is kept once."""
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO evidence (log, seq, code, attack, detail, at, bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    evidence.log,
                    evidence.seq,
                    evidence.code,
                    evidence.row,
                    evidence.detail,
                    evidence.at_ms,
                    evidence.data,
                ),
            )

    def _log(self, log: LogId) -> tuple[int, int, bytes] | None:
        with _named(self.path):
            row: tuple[int, int, bytes] | None = self._connection.execute(
                "SELECT no, size, note FROM logs WHERE log = ?", (log,)
            ).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not self._writable:
            raise ReplicaDamaged("the replica was not verified yet; nothing is written before")
        with _named(self.path), _on_the_disk(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:  # some failures SQLite has taken back itself
                    self._connection.execute("ROLLBACK")


def _placed(number: int, start: int, items: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    return ((number, seq, item) for seq, item in enumerate(items, start))


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    mode = "rw" if writable or _hot_journal(path) else "ro"
    with _named(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=0.2,
            isolation_level=None,
            check_same_thread=False,  # one caller at a time, whichever thread it runs in
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA secure_delete = ON")  # an erased body leaves the file too
        connection.execute("PRAGMA cell_size_check = ON")
        if writable:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = NORMAL")
        else:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return connection


def _hot_journal(path: Path) -> bool:
    """Whether a crash left half a transaction, which SQLite itself takes back on opening."""
    try:
        return path.with_name(path.name + "-journal").stat().st_size > 0
    except OSError:
        return False


def _check_header(path: Path) -> None:
    """Read SQLite's own header: what is cut, newer or no replica at all is named before opening."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise ReplicaDamaged(f"the replica cannot be read: {error.strerror}") from error
    if len(head) < 100:
        raise ReplicaDamaged(f"the replica is cut: {size} bytes are left")
    if head[:16] != b"SQLite format 3\x00" or _u32(head, 68) != APPLICATION_ID:
        raise ReplicaFormat("this file does not start like a replica")
    if _u32(head, 60) != FORMAT:
        raise ReplicaFormat(
            f"format {_u32(head, 60)} read, {FORMAT} expected: another program wrote this replica"
        )
    page = int.from_bytes(head[16:18], "big")
    expected = (65536 if page == 1 else page) * _u32(head, 28)
    if size != expected and not _hot_journal(path):
        raise ReplicaDamaged(f"the replica has {size} bytes, {expected} expected")


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")


@contextmanager
def _on_the_disk(path: Path) -> Iterator[None]:
    """What a disk refuses is no damage: the file is as it was before."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _REFUSED:  # the low byte names the kind
            raise
        raise FileUnusable(f"{path.name} cannot be written: {error}") from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """SQLite's exceptions stop here."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ReplicaLocked("another process has this replica open") from error
        raise ReplicaDamaged(f"SQLite cannot use {path.name}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ReplicaDamaged(f"SQLite cannot use {path.name}: {error}") from error
