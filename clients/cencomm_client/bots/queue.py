"""A bot's outbox on the disk: SQLite beside the vault, durable before anything is promised.

What it holds at rest is sealed under a key from the vault: keys of the source are there as keyed
hashes, content in a box; in the clear are only states, times, places in the log and bytes that
the server gets anyway. A hit keeps one `mid` for ever, drawn before it is first sent: whatever
crashes, readers see that it is the same. One thread at a time uses a queue.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.ids import LogId
from cencomm_crypto.public.primitives import u32

from cencomm_client.bots.checking import Hit
from cencomm_client.bots.queued import AtHand, Counts, Kept, Refusal, Stage, Waiting
from cencomm_client.bots.row_seal import RowSeal
from cencomm_client.errors import ClientCode, QueueDamaged, QueueUnwritable
from cencomm_client.sealed_file import Random

T = TypeVar("T")
FORMAT = 1
MOST_AT_HAND = 8 * 2**20  # bytes of hits that are not read back from the disk to be sealed
SLOT_MS = 5_000
_REFUSED = frozenset([sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN])
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS hits (
  row INTEGER PRIMARY KEY, hit BLOB NOT NULL UNIQUE, state INTEGER NOT NULL, mid BLOB NOT NULL,
  name BLOB NOT NULL, content BLOB, entry BLOB, taken_at INTEGER NOT NULL, signed_at INTEGER,
  seq INTEGER, leaf BLOB, code TEXT
);
CREATE INDEX IF NOT EXISTS hits_open ON hits (state, row) WHERE state < 2;
CREATE INDEX IF NOT EXISTS hits_signed ON hits (signed_at) WHERE signed_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS requests (
  id BLOB PRIMARY KEY, body BLOB NOT NULL, answer BLOB NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS hits_leaf ON hits (leaf) WHERE leaf IS NOT NULL;
CREATE TABLE IF NOT EXISTS answered (leaf BLOB PRIMARY KEY);
CREATE INDEX IF NOT EXISTS requests_at ON requests (at);
"""


class Queue:
    """An open queue file. Every writing call is one durable transaction."""

    def __init__(
        self, path: Path, key: bytes, log: LogId, *, random: Random = secrets.token_bytes
    ) -> None:
        """Open or make the queue of one operation; raises QueueDamaged, QueueUnwritable.

        `key` 32 bytes, from the vault; a queue of another vault or operation is refused.
        """
        self.path, self._random = path, random
        self._seal = RowSeal(key, log, random)
        self._log = log
        self._at_hand: dict[int, AtHand] = {}  # by row
        self._at_hand_bytes = 0
        try:
            if not path.exists():
                path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")  # what is forgotten leaves the file too
            self._db.executescript(_SCHEMA)
            self._expect_own()
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode  # the low byte names the kind
            cut = code == sqlite3.SQLITE_IOERR_SHORT_READ
            if code & 0xFF in _REFUSED and not cut:  # a file in order must not be set aside
                raise QueueUnwritable(str(error)) from error
            raise QueueDamaged(f"the queue cannot be read: {error}") from error

    def close(self) -> None:
        """Fold the write-ahead log in and close."""
        self._db.close()

    # -- in -----------------------------------------------------------------------------------

    def put(self, source: str, hits: Sequence[Hit], now: int) -> list[Kept]:
        """Keep hits durably; one that is known stays as it is. In the order given."""
        made: dict[int, AtHand] = {}
        kept = self._durably(lambda: [self._put(source, hit, now, made) for hit in hits])
        for row, fresh in made.items():  # on the disk by now: nothing else may be sealed
            if self._at_hand_bytes + len(fresh.held) <= MOST_AT_HAND:
                self._at_hand[row] = fresh
                self._at_hand_bytes += len(fresh.held)
        return kept

    def _put(self, source: str, hit: Hit, now: int, made: dict[int, AtHand]) -> Kept:
        name = self._seal.name_of(source, hit.key)
        found = self._db.execute(
            "SELECT row, state, seq, leaf, code FROM hits WHERE hit = ?", (name,)
        ).fetchone()
        if found is not None:
            row, state, seq, leaf, code = found
            return Kept(row, Stage(state), False, seq, leaf, code or "")
        mid, held = self._random(16), encode({"kind": hit.kind, "content": hit.content})
        row = self._db.execute(
            "INSERT INTO hits (hit, state, mid, name, content, taken_at) VALUES (?,?,?,?,?,?)",
            (
                name,
                Stage.WAITING,
                mid,
                self._seal.sealed({"source": source, "key": hit.key}, name),
                self._seal.boxed(held, name),
                now,
            ),
        ).lastrowid
        assert row is not None  # noqa: S101 - an INSERT has one
        made[row] = AtHand(source, hit.key, mid, held)
        return Kept(row, Stage.WAITING, True)

    # -- out ----------------------------------------------------------------------------------

    def waiting(self, most: int) -> list[Waiting]:
        """The oldest hits that are to be sealed. Which they are the disk says; what they say is
        at hand where this process put them in, once."""
        rows = self._db.execute(
            "SELECT row FROM hits WHERE state = ? ORDER BY row LIMIT ?", (Stage.WAITING, most)
        ).fetchall()
        found: list[Waiting] = []
        for (row,) in rows:
            at_hand = self._at_hand.pop(row, None)
            if at_hand is None:
                found += self._opened("row = ?", row)
                continue
            self._at_hand_bytes -= len(at_hand.held)
            found.append(at_hand.waiting(row))
        return found

    def signed(self, most: int = 1_000_000) -> list[Waiting]:
        """Hits whose bytes may be in the log, oldest first."""
        return self._opened("state = ? ORDER BY row LIMIT ?", Stage.SIGNED, most)

    def sign(self, rows: Sequence[tuple[int, bytes]], now: int) -> None:
        """Keep signed bytes (`Submission.encode()`), before they leave."""
        self._durably(
            lambda: self._db.executemany(
                "UPDATE hits SET state = 1, entry = ?, signed_at = ? WHERE row = ?",
                [(submission, now, row) for row, submission in rows],
            )
        )

    def end(
        self,
        *,
        posted: Sequence[tuple[int, int, bytes]] = (),
        refused: Sequence[tuple[int, str]] = (),
        again: Sequence[int] = (),
    ) -> None:
        """Bytes have come to their end: (row, seq, leaf) in the log; (row, code) refused for good,
        content kept; `again`: excluded by the log, sealed anew under the same `mid`."""

        def write() -> None:
            self._db.executemany(
                "UPDATE hits SET state = 2, seq = ?, leaf = ?, content = NULL, entry = NULL"
                " WHERE row = ?",
                [(seq, leaf, row) for row, seq, leaf in posted],
            )
            self._db.executemany(
                "UPDATE hits SET state = 3, code = ?, entry = NULL WHERE row = ?",
                [(code, row) for row, code in refused],
            )
            self._db.executemany(
                "UPDATE hits SET state = 0, entry = NULL WHERE row = ?", [(row,) for row in again]
            )

        self._durably(write)

    # -- what was refused ---------------------------------------------------------------------

    def refused(self) -> list[Refusal]:
        """Hits that were refused for good, oldest first; their content is kept."""
        rows = self._db.execute(
            "SELECT row, hit, name, code FROM hits WHERE state = ? ORDER BY row", (Stage.REFUSED,)
        ).fetchall()
        opened = [(row, self._seal.open(name, hit), code) for row, hit, name, code in rows]
        return [Refusal(row, one["source"], one["key"], code or "") for row, one, code in opened]

    def put_back(self, rows: Iterable[int]) -> None:
        """Let refused hits go out once more, under the `mid` that each has."""
        self._durably(
            lambda: self._db.executemany(
                "UPDATE hits SET state = 0, code = NULL"
                " WHERE row = ? AND state = 3 AND content IS NOT NULL",
                [(row,) for row in rows],
            )
        )

    def forget(self) -> None:
        """What the operation said was erased: nothing that hits said stays here either.

        What had not gone out is refused with `body_erased`; that a hit was known stays.
        """

        def write() -> None:
            self._db.execute(
                "UPDATE hits SET state = 3, code = ?, entry = NULL WHERE state < 2",
                (ClientCode.BODY_ERASED,),
            )
            self._db.execute("UPDATE hits SET content = NULL WHERE content IS NOT NULL")

        self._at_hand.clear()
        self._at_hand_bytes = 0
        self._durably(write)
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # -- what people made of them ---------------------------------------------------------------

    def hit_at(self, leaf: bytes) -> tuple[str, str] | None:
        """Source and key of a posted hit by its leaf hash; None if it is not (yet) one of these."""
        found = self._db.execute("SELECT hit, name FROM hits WHERE leaf = ?", (leaf,)).fetchone()
        if found is None:
            return None
        named = self._seal.open(found[1], found[0])
        return named["source"], named["key"]

    def answered(self) -> frozenset[bytes]:
        """Leaf hashes of the hits whose result was told."""
        return frozenset(leaf for (leaf,) in self._db.execute("SELECT leaf FROM answered"))

    def keep_answered(self, leaf: bytes) -> None:
        """The result of this hit was told: not again."""
        self._durably(
            lambda: self._db.execute("INSERT OR IGNORE INTO answered VALUES (?)", (leaf,))
        )

    # -- requests of a webhook ----------------------------------------------------------------

    def request(self, id: str) -> tuple[bytes, dict[str, Any]] | None:
        """Hash of the body and the answer that a request of this id got; None if it is new."""
        name = self._seal.name_of("request", id)
        found = self._db.execute(
            "SELECT body, answer FROM requests WHERE id = ?", (name,)
        ).fetchone()
        return None if found is None else (found[0], self._seal.open(found[1], name))

    def keep_request(
        self, id: str, body: bytes, answer: dict[str, Any], now: int, forget_before: int
    ) -> None:
        """Remember a request's answer; forget those from before `forget_before` (ms)."""
        name = self._seal.name_of("request", id)

        def write() -> None:
            self._db.execute("DELETE FROM requests WHERE at < ?", (forget_before,))
            self._db.execute(
                "INSERT OR IGNORE INTO requests VALUES (?,?,?,?)",
                (name, body, self._seal.sealed(answer, name), now),
            )

        self._durably(write)

    # -- what is there ------------------------------------------------------------------------

    def counts(self) -> Counts:
        """How many hits stand where."""
        rows = dict(self._db.execute("SELECT state, count(*) FROM hits GROUP BY state"))
        (last,) = self._db.execute("SELECT max(signed_at) FROM hits WHERE state = 2").fetchone()
        waiting, signed, posted, refused = (rows.get(stage, 0) for stage in Stage)
        return Counts(waiting, signed, posted, refused, last or 0)

    def signed_since(self, since: int) -> list[tuple[int, int]]:
        """(time, how many) of what was signed since, ms, oldest first: for the allowance."""
        found: Iterable[tuple[int, int]] = self._db.execute(
            "SELECT signed_at / ?1 * ?1 AS slot, count(*) FROM hits WHERE signed_at >= ?2"
            " GROUP BY slot ORDER BY slot",
            (SLOT_MS, since),
        )
        return list(found)

    # -- inside -------------------------------------------------------------------------------

    def _opened(self, where: str, *values: int) -> list[Waiting]:
        rows = self._db.execute(
            f"SELECT row, hit, mid, name, content, entry FROM hits WHERE {where}",  # noqa: S608 - of this module
            values,
        ).fetchall()
        found: list[Waiting] = []
        for row, hit, mid, name, content, entry in rows:
            named, held = self._seal.open(name, hit), self._seal.open(content, hit)
            found.append(
                Waiting(
                    row,
                    named["source"],
                    named["key"],
                    held["kind"],
                    mid,
                    held["content"],
                    entry or b"",
                )
            )
        return found

    def _durably(self, write: Callable[[], T]) -> T:
        """Raises QueueUnwritable where the disk is full or fails; then nothing of it is there."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            made = write()
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise QueueUnwritable(str(error)) from error
        finally:
            if self._db.in_transaction:  # SQLite has ended some by itself
                self._db.execute("ROLLBACK")
        return made

    def _expect_own(self) -> None:
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        if not found:
            proof = self._seal.sealed({"log": self._log}, b"meta")
            self._db.executemany(
                "INSERT INTO meta VALUES (?,?)", [("format", u32(FORMAT)), ("proof", proof)]
            )
            return
        if found.get("format") != u32(FORMAT):
            raise QueueDamaged(f"format {FORMAT} of a queue expected: a newer program wrote it")
        if self._seal.open(found.get("proof", b""), b"meta").get("log") != self._log:
            raise QueueDamaged("the queue belongs to another operation")
