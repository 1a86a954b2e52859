"""The vault: the one file that holds what this device must never lose or show.

Device seeds, box keys, epoch secrets and close keys, signed bytes that have no receipt yet,
receipts, and the newest verified checkpoint of each log. Sealed under the vault key of the
password (DESIGN 3 Login), 0600, replaced atomically, locked against a second process. Holds no
message text. Refuses to be opened when a byte of it changed, and says which of damage, newer
format and wrong password it is, as far as that can be known.

Every change marks the vault as changed; `save()` writes what changed, once. Within `batch()`
saving waits for the end of the outermost block, so that a hundred messages cost one write.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cencomm_crypto.errors import ProtocolError
from cencomm_crypto.member.login import Stretched, stretch
from cencomm_crypto.public.encoding import decode_map, encode
from cencomm_crypto.public.ids import LogId, PersonId

from cencomm_client.errors import (
    FileUnusable,
    VaultDamaged,
    VaultExists,
    VaultFormat,
    VaultLocked,
    VaultMissing,
    VaultPassword,
)
from cencomm_client.sealed_file import FileKind, FileLock, Random, read, replace_file, seal
from cencomm_client.vault_contents import BoxSeed, Contents
from cencomm_client.vault_records import Records

FORMAT = 1
KIND = FileKind(
    what="vault",
    magic=b"CENcomm vault\n\x00\x00",
    format=FORMAT,
    missing=VaultMissing,
    exists=VaultExists,
    locked=VaultLocked,
    damaged=VaultDamaged,
    other_format=VaultFormat,
    wrong_password=VaultPassword,
)

Derive = Callable[[str, bytes, str], Stretched]
"""(password, directory id[32], account) -> login secret and vault key; Argon2id, about 100 ms."""


class Vault(Records):
    """An open vault. Not for two threads at once; `close()` gives the lock back."""

    def __init__(
        self,
        path: Path,
        lock: FileLock,
        directory_id: bytes,
        account: str,
        stretched: Stretched,
        contents: Contents,
        random: Random,
    ) -> None:
        """Use `create` or `open`."""
        super().__init__(contents, random)
        self.path = path
        self.directory_id = directory_id
        """All 32 bytes of the pinned directory."""
        self.account = account
        """Functional code of the person: its account name."""
        self._lock = lock
        self._stretched = stretched
        self._depth = 0

    # -- file ---------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: Path,
        password: str,
        *,
        directory_id: bytes,
        account: str,
        person: PersonId,
        server_url: str,
        bot: bool = False,
        derive: Derive = stretch,
        random: Random = secrets.token_bytes,
    ) -> Vault:
        """Draw device keys and write a new vault; raises VaultExists, VaultLocked.

        Runs Argon2id: call it in a thread where an event loop waits.
        """
        lock = FileLock(path, KIND)
        try:
            if path.exists():
                raise VaultExists("there is a vault at this path already; it is never overwritten")
            contents = Contents(
                url=server_url,
                person=person,
                bot=bot,
                sign=random(32),
                boxes=[BoxSeed(random(32), 0)],
            )
            stretched = derive(password, directory_id, account)
            vault = cls(path, lock, directory_id, account, stretched, contents, random)
            vault._changed = True
            vault.save()
        except BaseException:
            lock.release()
            raise
        return vault

    @classmethod
    def open(
        cls,
        path: Path,
        password: str,
        *,
        wait_s: float = 0.0,
        derive: Derive = stretch,
        random: Random = secrets.token_bytes,
    ) -> Vault:
        """Open without writing; raises VaultMissing, VaultLocked, VaultDamaged, VaultFormat or
        VaultPassword. Runs Argon2id: call it in a thread where an event loop waits.

        `wait_s` is how long to wait for another process to let go of the vault.
        """
        sealed = read(path, KIND)
        lock = FileLock(path, KIND, wait_s=wait_s)
        try:
            sealed = read(path, KIND)  # again: another process may have written while we waited
            directory_id, account = _parse_context(sealed.context)
            stretched = derive(password, directory_id, account)
            plaintext = sealed.open(stretched.vault)
            try:
                contents = Contents.decode(plaintext)
            except ProtocolError as error:
                raise VaultDamaged(f"the vault's content is not well-formed: {error}") from error
            return cls(path, lock, directory_id, account, stretched, contents, random)
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def peek(path: Path) -> tuple[bytes, str]:
        """Directory id[32] and account, read without the password."""
        return _parse_context(read(path, KIND).context)

    def save(self) -> None:
        """Write what changed, atomically and to the disk; nothing if nothing changed.

        Inside `batch()` this waits for the end of the outermost block. Raises FileUnusable where
        the disk does not take it: the file is as it was, and a later `save` writes all.
        """
        if not self._changed or self._depth:
            return
        context = encode({"account": self.account, "directory": self.directory_id})
        plaintext = self._contents.encode()
        sealed = seal(plaintext, KIND, context, self._stretched.vault, self._random)
        try:
            replace_file(self.path, sealed)
        except OSError as error:
            raise FileUnusable(f"the vault cannot be written: {error.strerror}") from error
        self._changed = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Save once, at the end of the outermost block, also when the block raises."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self.save()

    def close(self) -> None:
        """Save what changed and let other processes in."""
        try:
            self.save()
        finally:
            self._lock.release()

    def change_password(self, password: str, *, derive: Derive = stretch) -> None:
        """Seal under a new password. The account's login secret must be changed at the server
        first: one password gives both."""
        self._stretched = derive(password, self.directory_id, self.account)
        self._touch()
        self.save()

    # -- what the file's header names ---------------------------------------------------------

    @property
    def directory_log(self) -> LogId:
        """Short id of the pinned directory."""
        return LogId(self.directory_id[:16])

    def opens_with(self, password: str, *, derive: Derive = stretch) -> bool:
        """Whether this is the password of the vault: asked again before what cannot be undone.

        Runs Argon2id: call it in a thread where an event loop waits.
        """
        again = derive(password, self.directory_id, self.account)
        return hmac.compare_digest(again.vault, self._stretched.vault)

    @property
    def login_secret(self) -> bytes:
        """What the server sees of the password (32 bytes); in memory only."""
        return self._stretched.login


def _parse_context(context: bytes) -> tuple[bytes, str]:
    try:
        fields = decode_map(context, max_size=4096)
    except ProtocolError as error:
        raise VaultDamaged("the vault's header is not well-formed") from error
    directory_id, account = fields.get("directory"), fields.get("account")
    if not isinstance(directory_id, bytes) or len(directory_id) != 32:
        raise VaultDamaged("the vault's header names no directory")
    if not isinstance(account, str) or set(fields) != {"directory", "account"}:
        raise VaultDamaged("the vault's header names no account")
    return directory_id, account
