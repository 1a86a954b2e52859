"""One sealed file: a clear header, one XChaCha20-Poly1305 box, a checksum; replaced as a whole.

Used for the vault and for root key files. Refuses to guess: a changed byte, a cut, a newer
format and a wrong password have names of their own, and reading never writes. Layout:

    magic[16] || format u16 || suite u16 || size u32 || context[size] || nonce[24] ||
    ciphertext || H(all before)[32]

All before the nonce is associated data. The checksum holds no secret: it tells damage from a
wrong password, nothing more. Key derivation has no parameter in the file (A24): the suite
fixes it.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import nacl.bindings as sodium
import nacl.exceptions
from cencomm_crypto.public.primitives import equal, sha256, u16, u32

from cencomm_client.errors import FileError, FileUnusable

MAGIC_SIZE = 16
NONCE_SIZE = 24
KEY_SIZE = 32
SUITE = 1
MAX_FILE = 256 * 1024 * 1024  # bytes
MAX_CONTEXT = 4096
_CHECK_SIZE = 32
_HEAD_SIZE = MAGIC_SIZE + 2 + 2 + 4

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class FileKind:
    """What distinguishes one kind of sealed file: its magic, format number and named errors."""

    what: str  # "vault": for sentences
    magic: bytes  # 16 bytes
    format: int
    missing: type[FileError]
    exists: type[FileError]
    locked: type[FileError]
    damaged: type[FileError]
    other_format: type[FileError]
    wrong_password: type[FileError]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that was read and found whole, not yet opened."""

    kind: FileKind
    context: bytes
    head: bytes  # associated data
    nonce: bytes
    ciphertext: bytes

    def open(self, key: bytes) -> bytes:
        """The plaintext; raises the kind's `wrong_password`.

        The checksum held, so the key is wrong or somebody altered the file on purpose.
        """
        try:
            return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                self.ciphertext, self.head, self.nonce, key
            )
        except nacl.exceptions.CryptoError as error:
            raise self.kind.wrong_password(
                f"the {self.kind.what} is whole, but this password does not open it"
            ) from error


def read(path: Path, kind: FileKind) -> Sealed:
    """Read and check without writing; raises missing, other_format or damaged of `kind`,
    FileUnusable where the machine does not let it be read."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_FILE else b""
    except FileNotFoundError as error:
        raise kind.missing(f"there is no {kind.what} at this path") from error
    except OSError as error:
        raise FileUnusable(f"the {kind.what} cannot be read: {error.strerror}") from error
    return parse(data, kind)


def parse(data: bytes, kind: FileKind) -> Sealed:
    """Cut the bytes of a file into its parts; raises other_format or damaged of `kind`."""
    if len(data) < _HEAD_SIZE + NONCE_SIZE + _CHECK_SIZE:
        raise kind.damaged(f"the {kind.what} is cut: {len(data)} bytes are left")
    if data[:MAGIC_SIZE] != kind.magic:
        raise kind.other_format(f"this file does not start like a {kind.what}")
    number = int.from_bytes(data[MAGIC_SIZE : MAGIC_SIZE + 2], "big")
    if number > kind.format:
        raise kind.other_format(
            f"format {number} read, at most {kind.format} known here: a newer program wrote"
            f" this {kind.what}"
        )
    body, check = data[:-_CHECK_SIZE], data[-_CHECK_SIZE:]
    if not equal(sha256(body), check):
        raise kind.damaged(f"the {kind.what} was changed or cut: its checksum does not hold")
    suite = int.from_bytes(data[MAGIC_SIZE + 2 : MAGIC_SIZE + 4], "big")
    if number != kind.format or suite != SUITE:
        raise kind.other_format(
            f"format {number} with suite {suite} read, {kind.format} with {SUITE} expected"
        )
    start = _HEAD_SIZE + int.from_bytes(data[_HEAD_SIZE - 4 : _HEAD_SIZE], "big")
    if start - _HEAD_SIZE > MAX_CONTEXT or start + NONCE_SIZE > len(body):
        raise kind.damaged(f"the header of the {kind.what} does not fit its size")
    return Sealed(
        kind,
        context=data[_HEAD_SIZE:start],
        head=data[:start],
        nonce=data[start : start + NONCE_SIZE],
        ciphertext=body[start + NONCE_SIZE :],
    )


def seal(plaintext: bytes, kind: FileKind, context: bytes, key: bytes, random: Random) -> bytes:
    """The whole file's bytes, under a fresh nonce."""
    head = kind.magic + u16(kind.format) + u16(SUITE) + u32(len(context)) + context
    nonce = random(NONCE_SIZE)
    sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, head, nonce, key)
    data = head + nonce + sealed
    return data + sha256(data)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path` so that a crash leaves the old or the new file, 0600."""
    if not path.name:  # "." and "": a folder
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    fresh = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        fresh.unlink()  # left by a crash; never read
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
    _sync_folder(path.parent)


class FileLock:
    """Keeps a second process out while this one has the file open; gone when the process is."""

    def __init__(self, path: Path, kind: FileKind, *, wait_s: float = 0.0) -> None:
        """Take the lock beside `path`; raises the kind's `locked` after `wait_s` seconds."""
        if not path.name:
            raise kind.missing(f"no {kind.what} of this name: {str(path)!r} is a folder")
        beside = path.with_name(path.name + ".lock")
        try:
            handle = os.open(beside, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        except FileNotFoundError as error:
            raise kind.missing("the folder of this path does not exist") from error
        self._file: IO[bytes] | None = os.fdopen(handle, "r+b")
        deadline = time.monotonic() + wait_s
        while not _lock(self._file):
            if time.monotonic() >= deadline:
                self.release()
                raise kind.locked(f"another process has this {kind.what} open")
            time.sleep(0.05)

    def release(self) -> None:
        """Let others in; closing the file gives the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows opens in text mode without it

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _sync_folder(folder: Path) -> None:
        """NTFS journals the rename; folders cannot be opened there."""

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _sync_folder(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
