"""UN/LOCODE and the Harmonized System, imported from their official files and searched here.

The lists are too large to carry and change every year: a person downloads them and imports them
into the device's data folder. Without them codes are checked by their form only.
"""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import Any
from unicodedata import combining, normalize

from cencomm_config.forms.errors import WrongValue
from cencomm_config.forms.identifiers import CHECKS
from cencomm_crypto.errors import CencommError

MOST_FOUND = 20
MOST_NAMED = 20  # bad rows that a report names
MAX_FILE_BYTES = 64 * 1024 * 1024
LEFT_S = 3600.0  # an import takes seconds
_LATIN = "cp1252"  # UN/LOCODE is published so; a newer UTF-8 copy is told by its bytes
_LOCODE_COLUMNS = 12
_REMOVED = "X"  # UN/LOCODE's mark of an entry that goes with this edition


class ListInvalid(CencommError):
    """A file that is no such list, or a list that was never imported."""

    code = "list_invalid"


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of a list with its name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `version` is the first 16 hex digits of SHA-256 over the files."""

    name: str
    count: int
    version: str
    bad: tuple[str, ...]  # "file:line: what is wrong", the first of them
    bad_count: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: where, its code, its name."""

    where: str
    code: str
    name: str


class CodeLists:
    """The imported lists of one data folder; one SQLite file each, replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the data folder; it need not be there."""
        self._folder = folder / "lists"

    def install(self, name: str, files: Sequence[Path]) -> Imported:
        """Import the official files of a list; raises ListInvalid, OSError.

        Rows that are wrong are left out and named; a file without a right row changes nothing.
        """
        read = _READERS.get(name)
        if read is None:
            raise ListInvalid(f"{name!r} read, one of {', '.join(_READERS)} expected")
        digest = sha256()
        right: dict[str, str] = {}
        bad: list[str] = []
        bad_count = 0
        for file in files:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise ListInvalid(f"{file.name}: at most {MAX_FILE_BYTES} bytes expected")
            data = file.read_bytes()
            digest.update(data)
            for row in read(_decoded(data), file.name):
                try:
                    right[CHECKS[name](row.code)] = row.name
                except WrongValue as error:
                    bad_count += 1
                    if len(bad) < MOST_NAMED:
                        bad.append(f"{row.where}: {row.code!r}: {error}")
        if not right:
            raise ListInvalid(f"no row of {name} in {', '.join(file.name for file in files)}")
        version = digest.hexdigest()[:16]
        self._write(name, version, right)
        return Imported(name, len(right), version, tuple(bad), bad_count)

    def there(self, name: str) -> bool:
        """Whether the list was imported."""
        return self._file(name).is_file()

    def about(self, name: str) -> tuple[int, str]:
        """Count and version; raises ListInvalid if it was never imported."""
        count, version = self._asked(name, "select count, version from about")[0]
        return int(count), str(version)

    def name_of(self, name: str, code: str) -> str | None:
        """The name of a code; None where the list lacks it."""
        rows = self._asked(name, "select name from entry where code = ?", code)
        return str(rows[0][0]) if rows else None

    def find(self, name: str, text: str, most: int = MOST_FOUND) -> list[Entry]:
        """Entries whose code or name holds the text; those that begin with it first."""
        wanted = _plain(text)
        if not wanted:
            return []
        escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = self._asked(
            name,
            "select code, name from entry where plain like ? escape '\\' or code like ? escape '\\'"
            " order by code != ?, plain not like ? escape '\\', length(plain), code limit ?",
            f"%{escaped}%",
            f"{escaped}%",
            wanted.upper(),
            f"{escaped}%",
            most,
        )
        return [Entry(str(code), str(found)) for code, found in rows]

    def _write(self, name: str, version: str, right: Mapping[str, str]) -> None:
        """A new file beside the old one, then in its place: a cut import leaves the old list.

        Each import has its own: of two at once both end well, and the later one's list stays.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep(name)
        handle, path = mkstemp(".new", f"{name}.", self._folder)
        os.close(handle)
        fresh = Path(path)
        try:
            with closing(sqlite3.connect(fresh)) as store, store:
                store.execute("create table about (count integer, version text)")
                store.execute("create table entry (code text primary key, name text, plain text)")
                store.execute("insert into about values (?, ?)", (len(right), version))
                rows = ((code, found, _plain(found)) for code, found in right.items())
                store.executemany("insert into entry values (?, ?, ?)", rows)
            fresh.replace(self._file(name))
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _sweep(self, name: str) -> None:
        """Remove what imports that were killed left; one that runs as yet is younger."""
        for left in self._folder.glob(f"{name}.*new*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_S:
                    left.unlink()

    def _asked(self, name: str, question: str, *values: object) -> list[tuple[Any, ...]]:
        file = self._file(name)
        if name not in _READERS or not file.is_file():
            raise ListInvalid(f"{name} was not imported; run: cencomm lists import {name} FILE")
        try:
            with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as store:
                return store.execute(question, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise ListInvalid(f"{file.name} is damaged; import the list anew") from error

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(_LATIN, "replace")


def _plain(text: str) -> str:
    """For searching: without accents and case."""
    return "".join(char for char in normalize("NFD", text) if not combining(char)).casefold()


def _cells(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV with the number of their last line; raises ListInvalid.

    Strict: a quotation mark that nothing closes would take every row after it into one cell, and
    nobody would be told that they are missing.
    """
    rows = csv.reader(io.StringIO(text, newline=None), strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise ListInvalid(f"{file}:{rows.line_num}: no right CSV: {error}") from error


def _locodes(text: str, file: str) -> Iterator[Row]:
    """Rows of UN/LOCODE's CSV parts: change, country, location, name and more"""
    for number, row in _cells(text, file):
        if len(row) < _LOCODE_COLUMNS - 1:
            if any(row):
                yield Row(f"{file}:{number}", ",".join(row)[:40], "")
            continue
        change, country, location, name = (cell.strip() for cell in row[:4])
        if location and change != _REMOVED:  # without one it is the heading of a country
            yield Row(f"{file}:{number}", country + location, name)


def _headings(text: str, file: str) -> Iterator[Row]:
    """Rows of a CSV with a line of headings, of which one names the code and one the text."""
    rows = _cells(text, file)
    _, first = next(rows, (0, []))
    titles = [title.strip().lower() for title in first]
    code = _column(titles, ("hscode", "hs code", "code", "cmdcode", "id"))
    name = _column(titles, ("description", "text", "desc", "name"))
    if code is None or name is None:
        raise ListInvalid(f"{file}: a first line with hscode and description expected")
    for number, row in rows:
        if len(row) > max(code, name):
            yield Row(f"{file}:{number}", row[code].strip(), row[name].strip())
        elif any(row):
            yield Row(f"{file}:{number}", ",".join(row)[:40], "")


def _column(titles: list[str], names: Iterable[str]) -> int | None:
    return next((titles.index(name) for name in names if name in titles), None)


_READERS: dict[str, Callable[[str, str], Iterator[Row]]] = {"locode": _locodes, "hs": _headings}
LARGE = frozenset(_READERS)  # lists that a person imports, by the format of their fields
