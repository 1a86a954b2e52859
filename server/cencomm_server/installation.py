"""The data folder that `init` makes: the deployment's name and its two keys, outside any database.

`deployment.json` (name, public log key, those that it had before, format), `keys/log.key` and
`keys/sealing.key` (32 bytes in hex, mode 0600). Whoever holds the log key can sign heads; whoever
holds the sealing key and the database can make one-time codes (A38).

Beside them, for a while: `keys/setup.token`, which the first genesis must bring (ADR 0020), and
`keys/next.key`, the log key that governance will name next (ADR 0022).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cencomm_config.errors import BadInstallation, UnknownFormat
from cencomm_crypto.public.keys import SigningKey

from cencomm_server.engine.signer import Signer

FORMAT = 1
_ABOUT, _LOG_KEY, _SEALING_KEY = "deployment.json", "keys/log.key", "keys/sealing.key"
_NEXT_KEY, _SETUP_TOKEN = "keys/next.key", "keys/setup.token"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # stands in the origin line of every note
_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class Installation:
    """What a data folder holds; keys do not show in a repr."""

    folder: Path
    name: str
    log_key: SigningKey
    sealing_key: bytes = field(repr=False)
    setup_token: bytes | None = field(default=None, repr=False)  # None once there is a directory
    other_log_key: SigningKey | None = None  # the next one; or the last one until it is retired
    past_log_keys: tuple[bytes, ...] = ()  # public halves, oldest first

    @property
    def log_keys(self) -> tuple[SigningKey, ...]:
        """All whose secret is held: the present one first."""
        other = self.other_log_key
        return (self.log_key,) if other is None else (self.log_key, other)

    def signer(self) -> Signer:
        """Signs with every key that is held now, and looks again for one that comes later."""
        return Signer(
            self.name,
            self.log_keys,
            past=self.past_log_keys,
            look_again=lambda: load(self.folder).log_keys,
        )


def create(folder: Path, name: str) -> Installation:
    """Make keys in a new or empty folder; raises BadInstallation rather than replace anything."""
    if not _NAME.fullmatch(name):
        raise BadInstallation(
            "the deployment's name: expected 1 to 64 of letters, digits, `.`, `_`, `-`"
        )
    if (folder / _ABOUT).exists() or (folder / _LOG_KEY).exists():
        raise BadInstallation(f"{folder} is a data folder already; nothing was changed")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        log_key = SigningKey.from_seed(secrets.token_bytes(_KEY_SIZE))
        sealing_key = secrets.token_bytes(_KEY_SIZE)
        _write(folder / _LOG_KEY, log_key.seed.hex() + "\n", 0o600)
        _write(folder / _SEALING_KEY, sealing_key.hex() + "\n", 0o600)
        setup_token = secrets.token_bytes(_KEY_SIZE)
        _write(folder / _SETUP_TOKEN, setup_token.hex() + "\n", 0o600)
        about = {"format": FORMAT, "name": name, "log_key": log_key.public.hex()}
        _write(folder / _ABOUT, json.dumps(about, indent=2) + "\n", 0o644)
    except OSError as error:
        raise BadInstallation(f"{folder} cannot be written: {error.strerror}") from error
    return Installation(folder, name, log_key, sealing_key, setup_token)


def load(folder: Path) -> Installation:
    """Read and check; raises BadInstallation naming the file, UnknownFormat for a newer one."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInstallation(f"{folder} is no data folder: run `cencomm-server init`") from None
    except (OSError, ValueError) as error:
        raise BadInstallation(f"{folder / _ABOUT} cannot be read: {error}") from error
    if not isinstance(about, dict) or not isinstance(about.get("name"), str):
        raise BadInstallation(f"{folder / _ABOUT}: expected format, name and log_key")
    if about.get("format") != FORMAT:
        raise UnknownFormat(
            f"{folder} has format {about.get('format')!r}; this version knows {FORMAT}"
        )
    log_key, other = SigningKey.from_seed(_read_key(folder / _LOG_KEY)), None
    if (folder / _NEXT_KEY).exists():
        other = SigningKey.from_seed(_read_key(folder / _NEXT_KEY))
        if about.get("log_key") == other.public.hex():
            log_key, other = other, log_key
    if about.get("log_key") != log_key.public.hex():
        raise BadInstallation(f"{folder / _LOG_KEY} is not the key that {_ABOUT} names")
    token = folder / _SETUP_TOKEN
    return Installation(
        folder,
        about["name"],
        log_key,
        _read_key(folder / _SEALING_KEY),
        _read_key(token) if token.exists() else None,
        other,
        _past_keys(about),
    )


def forget_setup_token(folder: Path) -> None:
    """The directory is founded: nobody needs the token any more."""
    with suppress(OSError):
        (folder / _SETUP_TOKEN).unlink(missing_ok=True)


def make_next_log_key(installation: Installation) -> SigningKey:
    """Draw the log key that governance is to name; the same again until it is adopted.

    A running server finds it by itself. Raises BadInstallation if it cannot be written.
    """
    if installation.other_log_key is not None:
        return installation.other_log_key
    key = SigningKey.from_seed(secrets.token_bytes(_KEY_SIZE))
    try:
        _write(installation.folder / _NEXT_KEY, key.seed.hex() + "\n", 0o600)
    except OSError as error:
        raise BadInstallation(f"{_NEXT_KEY} cannot be written: {error.strerror}") from error
    return key


def adopt_log_key(installation: Installation, named: bytes) -> Installation:
    """Make the key that the directory names the present one, and destroy the one before it.

    `named`: public half of the log key that the directory names now. Safe to run again after a
    crash. Raises BadInstallation where it is not the held next key.
    """
    folder, present = installation.folder, installation.log_key
    if present.public != named:
        other = installation.other_log_key
        if other is None or other.public != named:
            raise BadInstallation(
                f"the directory names log key {named.hex()[:16]}..., which is not held here"
            )
        past = [*installation.past_log_keys, present.public]
        about = {
            "format": FORMAT,
            "name": installation.name,
            "log_key": named.hex(),
            "past_log_keys": [key.hex() for key in past],
        }
        draft = folder / (_ABOUT + ".new")
        draft.unlink(missing_ok=True)
        _write(draft, json.dumps(about, indent=2) + "\n", 0o644)
        draft.replace(folder / _ABOUT)  # from here on `load` takes the next key for the present
        installation = load(folder)
    kept = installation.past_log_keys
    other = installation.other_log_key
    if other is not None and other.public in kept:
        (folder / _NEXT_KEY).replace(folder / _LOG_KEY)
    return load(folder)


def _past_keys(about: dict[str, object]) -> tuple[bytes, ...]:
    kept = about.get("past_log_keys", [])
    if not isinstance(kept, list):
        raise BadInstallation(f"{_ABOUT}: past_log_keys is no list")
    try:
        return tuple(bytes.fromhex(str(text)) for text in kept)
    except ValueError:
        raise BadInstallation(f"{_ABOUT}: past_log_keys: hex digits expected") from None


def _read_key(path: Path) -> bytes:
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(4 * _KEY_SIZE).strip()
    except (OSError, ValueError) as error:
        raise BadInstallation(f"{path} cannot be read: {error}") from error
    if mode & 0o077:
        raise BadInstallation(f"{path} has mode {mode:04o}; expected 0600, for its owner alone")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_SIZE:
        raise BadInstallation(f"{path}: expected {2 * _KEY_SIZE} hex digits")
    return key


def _write(path: Path, text: str, mode: int) -> None:
    """Write and sync a file that must not exist yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
