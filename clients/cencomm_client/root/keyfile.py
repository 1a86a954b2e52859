"""A root key in a file of its own: governance custodian or administration root.

Sealed under a passphrase with the same Argon2id floors as a vault (A24), 0600, replaced
atomically. Beside the seed it keeps a posting key (that signs the entries it publishes), the
directory it belongs to, and which body it signed under which serial: what was signed once is
never signed otherwise unless a person says that the earlier one was given up.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.login import stretch
from cencomm_crypto.public.bodies import B32
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import AdminId
from cencomm_crypto.public.keys import SigningKey, admin_id
from cencomm_crypto.public.shape import Array, Choice, Fixed, Map, Shape, Text, UInt

from cencomm_client.errors import (
    RootFileDamaged,
    RootFileExists,
    RootFileFormat,
    RootFileLocked,
    RootFileMissing,
    RootFilePassphrase,
    RootRefused,
)
from cencomm_client.sealed_file import FileKind, FileLock, Random, read, replace_file, seal
from cencomm_client.vault import Derive

NO_DIRECTORY = bytes(32)
KIND = FileKind(
    what="root key file",
    magic=b"CENcomm root\n\x00\x00\x00",
    format=1,
    missing=RootFileMissing,
    exists=RootFileExists,
    locked=RootFileLocked,
    damaged=RootFileDamaged,
    other_format=RootFileFormat,
    wrong_password=RootFilePassphrase,
)


class RootKind(StrEnum):
    """Which root a key file belongs to."""

    GOVERNANCE = "governance"
    ADMINISTRATION = "administration"


_CONTEXT = Map(
    {
        "kind": Choice(tuple(RootKind)),
        "label": Text(64),
        "public": B32,
        "salt": B32,
    }
)
_SERIAL = UInt(most=2**53 - 1)
_CONTENTS = Map(
    {
        "seed": B32,
        "poster": B32,
        "directory": B32,
        "first": B32,
        "signed": Array(Fixed((_SERIAL, B32)), most=1_000_000),
    }
)


@dataclass(frozen=True, slots=True)
class RootLabel:
    """What a key file tells without its passphrase."""

    kind: RootKind
    label: str
    public: bytes
    salt: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The file's context."""
        return encode(
            {
                "kind": str(self.kind),
                "label": self.label,
                "public": self.public,
                "salt": self.salt,
            }
        )


class RootKey:
    """An open root key file; `close()` gives its lock back."""

    def __init__(
        self,
        path: Path,
        lock: FileLock,
        about: RootLabel,
        key: bytes,
        seed: bytes,
        poster_seed: bytes,
        random: Random,
    ) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.about = about
        self.directory_id = NO_DIRECTORY
        """All 32 bytes; zeros until `adopt`."""
        self.signed: dict[int, bytes] = {}
        """serial -> what was signed under it (the signed message)"""
        self._lock = lock
        self._key = key
        self._random = random
        self._signing = SigningKey.from_seed(seed)
        self._first_public = self._signing.public
        self.poster = SigningKey.from_seed(poster_seed)
        """Signs the entries that this file publishes, nothing else (A13)."""

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: str,
        kind: RootKind,
        label: str,
        *,
        derive: Derive = stretch,
        random: Random = secrets.token_bytes,
    ) -> RootKey:
        """Draw a root key and write its file; raises RootFileExists. Runs Argon2id."""
        lock = FileLock(path, KIND)
        try:
            if path.exists():
                raise RootFileExists("a file is at this path already; it is never overwritten")
            seed, salt = random(32), random(32)
            about = RootLabel(kind, label, SigningKey.from_seed(seed).public, salt)
            _check(_CONTEXT, decode_map(about.encode(), max_size=4096))
            key = derive(passphrase, salt, f"root/{kind}").vault
            root = cls(path, lock, about, key, seed, random(32), random)
            root.save()
        except BaseException:
            lock.release()
            raise
        return root

    @classmethod
    def open(
        cls,
        path: Path,
        passphrase: str,
        *,
        derive: Derive = stretch,
        random: Random = secrets.token_bytes,
    ) -> RootKey:
        """Open without writing; raises a named RootFile error. Runs Argon2id."""
        lock = FileLock(path, KIND)
        try:
            sealed = read(path, KIND)
            about = _parse_label(sealed.context)
            key = derive(passphrase, about.salt, f"root/{about.kind}").vault
            try:
                fields = decode_map(sealed.open(key), max_size=64 * 1024 * 1024)
                _check(_CONTENTS, fields)
            except ProtocolError as error:
                raise RootFileDamaged(f"its content is not well-formed: {error}") from error
            root = cls(path, lock, about, key, fields["seed"], fields["poster"], random)
            root.directory_id = fields["directory"]
            root._first_public = fields["first"]
            root.signed = dict(fields["signed"])
        except BaseException:
            lock.release()
            raise
        return root

    @staticmethod
    def peek(path: Path) -> RootLabel:
        """Kind, label and public key, without the passphrase."""
        return _parse_label(read(path, KIND).context)

    @property
    def public(self) -> bytes:
        """The root's public key."""
        return self._signing.public

    @property
    def signing(self) -> SigningKey:
        """The root key itself; `ceremony.sign` uses it."""
        return self._signing

    @property
    def serial(self) -> int:
        """The last serial that this file signed; -1 before the first."""
        return max(self.signed, default=-1)

    @property
    def admin(self) -> AdminId:
        """The administration's id, kept through re-key; for an administration's root only."""
        if self.about.kind is not RootKind.ADMINISTRATION:
            raise RootRefused("a governance key has no administration")
        return admin_id(self._first_public)

    def adopt(self, directory_id: bytes) -> None:
        """Bind the file to a directory, once; raises RootRefused for another one."""
        if self.directory_id not in (NO_DIRECTORY, directory_id):
            raise RootRefused("this key file belongs to another directory")
        if self.directory_id != directory_id:
            self.directory_id = directory_id
            self.save()

    def succeed(self, first_public: bytes) -> None:
        """Mark this key as the successor of an administration's earlier root (admin.rekey)."""
        self._first_public = first_public
        self.save()

    def save(self) -> None:
        """Write the file anew."""
        plaintext = encode(
            {
                "seed": self._signing.seed,
                "poster": self.poster.seed,
                "directory": self.directory_id,
                "first": self._first_public,
                "signed": [[serial, message] for serial, message in sorted(self.signed.items())],
            }
        )
        sealed = seal(plaintext, KIND, self.about.encode(), self._key, self._random)
        replace_file(self.path, sealed)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> RootKey:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


def _parse_label(context: bytes) -> RootLabel:
    try:
        fields = decode_map(context, max_size=4096)
        _check(_CONTEXT, fields)
    except ProtocolError as error:
        raise RootFileDamaged("the header of the root key file is not well-formed") from error
    return RootLabel(RootKind(fields["kind"]), fields["label"], fields["public"], fields["salt"])


def _check(shape: Shape, value: object) -> None:
    shape.check(value, "root key file")
