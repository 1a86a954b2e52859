"""Four eyes for what an operator could do quietly on the host (ADR 0021).

Two named operators with passphrases of their own, hashed in the data folder; dangerous commands
ask for both, and a line in `operators.log` says who did what when. It is an order of work, written
down, not cryptography: whoever owns the machine can copy its disk.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from cencomm_config.errors import BadInstallation, OperatorsNeeded
from cencomm_config.settings import ServerSettings

NEEDED = 2
LEAST_PASSPHRASE = 8  # characters
_FILE, _LOG = "keys/operators.json", "operators.log"
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
PASSES, MEMORY_KIB = 3, 64 * 1024  # of argon2id, RFC 9106; one lane


@dataclass(frozen=True, slots=True)
class Approval:
    """One operator's word for one command."""

    name: str
    passphrase: str = field(repr=False)


class Operators:
    """Those that a data folder names."""

    def __init__(self, folder: Path, *, single: bool) -> None:
        """`single`: the setting `single_operator`. Raises BadInstallation for a damaged file."""
        self._folder = folder
        self._single = single
        self._hashes = _read(folder / _FILE)
        self._argon2 = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1
        )

    @classmethod
    def of(cls, settings: ServerSettings) -> Operators:
        """Those of the settings' data folder."""
        return cls(settings.data_dir, single=settings.single_operator)

    @property
    def names(self) -> tuple[str, ...]:
        """In order."""
        return tuple(sorted(self._hashes))

    @property
    def single(self) -> bool:
        """Whether one operator alone was accepted, explicitly."""
        return self._single

    @property
    def enough(self) -> bool:
        """Whether dangerous commands can be approved at all."""
        return self._single or len(self._hashes) >= NEEDED

    def approve(self, command: str, approvals: Sequence[Approval]) -> None:
        """Raise OperatorsNeeded unless two of them stand behind `command`; then write it down."""
        if not self._single:
            if not self.enough:
                raise OperatorsNeeded(
                    "two operators expected: `cencomm-server operator add NAME`, twice; or the"
                    " setting single_operator"
                )
            if len({approval.name for approval in approvals}) < NEEDED:
                raise OperatorsNeeded(f"{command}: --operator NAME expected, of two operators")
            wrong = [given for given in approvals if not self._is_right(given)]
            if wrong:
                raise OperatorsNeeded("an operator's name or passphrase is wrong")
        self._write_down(command, [approval.name for approval in approvals])

    def add(self, name: str, passphrase: str, approvals: Sequence[Approval]) -> None:
        """Name one more: the first two as the machine is set up, later ones by two of them."""
        if not _NAME.fullmatch(name) or len(passphrase) < LEAST_PASSPHRASE:
            raise OperatorsNeeded(
                "a name of lower-case letters, digits, `.`, `_`, `-`, and a passphrase of at least"
                f" {LEAST_PASSPHRASE} characters expected"
            )
        if name in self._hashes:
            raise OperatorsNeeded(f"{name} is an operator already")
        command = f"operator add {name}"
        if len(self._hashes) >= NEEDED:
            self.approve(command, approvals)
        else:
            self._write_down(command, [])
        self._hashes[name] = self._argon2.hash(passphrase)
        self._save()

    def remove(self, name: str, approvals: Sequence[Approval]) -> None:
        """Take one off the list; by two, who may be two of those that stay."""
        if name not in self._hashes:
            raise OperatorsNeeded(f"{name} is no operator here")
        self.approve(f"operator remove {name}", approvals)
        del self._hashes[name]
        self._save()

    def _is_right(self, given: Approval) -> bool:
        try:
            return self._argon2.verify(self._hashes.get(given.name, ""), given.passphrase)
        except (VerificationError, InvalidHashError):
            return False

    def _save(self) -> None:
        path = self._folder / _FILE
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._hashes, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def _write_down(self, command: str, names: Sequence[str]) -> None:
        said = {"at": int(time.time()), "command": command, "operators": sorted(set(names))}
        descriptor = os.open(
            self._folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, stat.S_IRUSR | stat.S_IWUSR
        )
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInstallation(f"{path} cannot be read: {error}") from error
    if not isinstance(kept, dict) or not all(
        isinstance(name, str) and isinstance(hashed, str) for name, hashed in kept.items()
    ):
        raise BadInstallation(f"{path}: names with their hashes expected")
    return kept
