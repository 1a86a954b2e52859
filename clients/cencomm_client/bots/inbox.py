"""The files of a folder that others write into: read, moved and answered by name.

Nothing in it is believed: no link is followed out of it, nothing is overwritten, and a file is
only moved if it still is the one that was read. What was read and what stands there now may be
two hits.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cencomm_client.errors import FolderUnusable

DONE, REFUSED, RESULTS = "done", "refused", "results"
OUTCOME = ".outcome.json"
MAX_NAME = 255  # bytes, of most file systems
_ROOM = len(OUTCOME) + 12  # for the outcome's ending, and a number
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # where the system has them
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


class Seen(NamedTuple):
    """What tells a file from one that took its name, or that was written on."""

    inode: int
    size: int
    mtime_ns: int


class File(NamedTuple):
    """A file as it was read; without `seen`, whatever stands under the name."""

    name: str
    seen: Seen | None = None


class Unread(Exception):
    """The file is gone, or no longer what was listed: look again."""


class Inbox:
    """One folder with its three: `done`, `refused`, `results`. Blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        """Raises FolderUnusable where it, or one of the three, is no folder of its own."""
        self.path = path
        self._numbers: dict[str, int] = {}  # of names that came again
        try:
            for name in (DONE, REFUSED, RESULTS):
                with suppress(FileExistsError):
                    (path / name).mkdir()
                if not stat.S_ISDIR((path / name).lstat().st_mode):
                    raise FolderUnusable(f"{path / name}: a folder expected, no link")
        except OSError as error:
            raise _unusable(self.path, error) from error

    def listed(self) -> dict[str, Seen]:
        """The regular *.json files that are there; raises FolderUnusable."""
        found: dict[str, Seen] = {}
        try:
            with os.scandir(self.path) as files:
                for file in files:
                    if file.name.lower().endswith(".json") and file.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # moved, or taken away, just now
                            found[file.name] = _seen(file.stat(follow_symlinks=False))
        except OSError as error:
            raise _unusable(self.path, error) from error
        return found

    def now_ns(self) -> int:
        """The time by the clock that dates these files, which may be another machine's."""
        try:
            os.utime(self.path / RESULTS)
            return (self.path / RESULTS).stat().st_mtime_ns
        except OSError as error:
            raise _unusable(self.path, error) from error

    def read(self, file: File, most: int) -> bytes:
        """At most `most` bytes of a file as it was listed; raises Unread, PermissionError."""
        try:  # not to wait for the writer of a pipe that took its place
            handle = os.open(self.path / file.name, os.O_RDONLY | _NO_LINK | _NO_WAIT)
        except PermissionError:
            raise
        except OSError as error:
            raise Unread(file.name) from error
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode) or _seen(os.fstat(handle)) != file.seen:
                raise Unread(file.name)
            data = b""
            while len(data) < most and (more := os.read(handle, most - len(data))):
                data += more
            if _seen(os.fstat(handle)) != file.seen:
                raise Unread(file.name)
        except OSError as error:
            raise Unread(file.name) from error
        finally:
            os.close(handle)
        return data

    def move(self, file: File, folder: str, outcome: str) -> None:
        """Write the outcome, then move the file: a crash between the two only repeats it.

        Raises FolderUnusable where the folder does not take it.
        """
        try:
            target = self._free(folder, file.name)
            try:
                _write_new(self.path / folder / (target + OUTCOME), outcome)
            except FileExistsError:  # from before a crash
                self.write(folder, target + OUTCOME, outcome)
            source, moved = self.path / file.name, self.path / folder / target
            if not _is(source, file.seen):
                return  # another hit took its name, and is read next
            with suppress(FileNotFoundError):  # whoever put it there took it away
                source.rename(moved)
                if not _is(moved, file.seen):
                    self._put_back(moved, source)
        except OSError as error:
            raise _unusable(self.path / folder, error) from error

    def write(self, folder: str, name: str, text: str) -> None:
        """Under another name first: whoever reads it never sees half of it, and a link that
        somebody laid there is replaced, not followed. Raises FolderUnusable."""
        fresh = self.path / folder / f".{secrets.token_hex(8)}.new"
        try:
            _write_new(fresh, text)
            fresh.replace(self.path / folder / name)
        except OSError as error:
            raise _unusable(self.path / folder, error) from error

    # -- inside -------------------------------------------------------------------------------

    def _free(self, folder: str, name: str) -> str:
        """A name that is free there, and leaves room for the outcome's."""
        if len(os.fsencode(name)) > MAX_NAME - _ROOM:
            name = f"{hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()}.json"
        place = str(self.path / folder / name)
        number = self._numbers.get(place, 0)
        while os.path.lexists(f"{place}.{number}" if number else place):
            number += 1
        if number:
            self._numbers[place] = number
        return f"{name}.{number}" if number else name

    def _put_back(self, moved: Path, source: Path) -> None:
        """It was replaced in the very moment: nobody has read this one."""
        for back in (source, self.path / f"{secrets.token_hex(8)}.json"):
            with suppress(FileExistsError):
                os.link(moved, back, follow_symlinks=False)
                moved.unlink()
                return


def _write_new(path: Path, text: str) -> None:
    """A file that was not there, in as few calls as it takes: there is one for each hit."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
    try:
        left = text.encode() + b"\n"
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _seen(found: os.stat_result) -> Seen:
    return Seen(found.st_ino, found.st_size, found.st_mtime_ns)


def _is(path: Path, seen: Seen | None) -> bool:
    """Whether this is the file that was read."""
    if seen is None:
        return True
    try:
        return _seen(path.lstat()) == seen
    except FileNotFoundError:
        return False


def _unusable(path: Path, error: OSError) -> FolderUnusable:
    name = errno.errorcode.get(error.errno or 0, "?")
    return FolderUnusable(f"{path}: {error.strerror} ({name})")
