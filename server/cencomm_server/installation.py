"""The data folder that `init` makes: the deployment's name and its two keys, outside any database.

`deployment.json` (name, public log key, format), `keys/log.key` and `keys/sealing.key` (32 bytes in
hex, mode 0600). Whoever holds the log key can sign heads; whoever holds the sealing key and the
database can make one-time codes (A38).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cencomm_config.errors import BadInstallation, UnknownFormat
from cencomm_crypto.public.keys import SigningKey

FORMAT = 1
_ABOUT, _LOG_KEY, _SEALING_KEY = "deployment.json", "keys/log.key", "keys/sealing.key"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # stands in the origin line of every note
_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class Installation:
    """What a data folder holds; keys do not show in a repr."""

    folder: Path
    name: str
    log_key: SigningKey
    sealing_key: bytes = field(repr=False)


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
        about = {"format": FORMAT, "name": name, "log_key": log_key.public.hex()}
        _write(folder / _ABOUT, json.dumps(about, indent=2) + "\n", 0o644)
    except OSError as error:
        raise BadInstallation(f"{folder} cannot be written: {error.strerror}") from error
    return Installation(folder, name, log_key, sealing_key)


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
    log_key = SigningKey.from_seed(_read_key(folder / _LOG_KEY))
    if about.get("log_key") != log_key.public.hex():
        raise BadInstallation(f"{folder / _LOG_KEY} is not the key that {_ABOUT} names")
    return Installation(folder, about["name"], log_key, _read_key(folder / _SEALING_KEY))


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
