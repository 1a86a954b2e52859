"""The lock files: complete, held to hashes, without any machine's addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: Path) -> dict[str, list[Version]]:
    """Name to versions: a universal lock may hold one per platform."""
    found: dict[str, list[Version]] = {}
    for name, version in PINNED.findall(lock.read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-|--)\w*(index|find|trusted|extra)", text, re.MULTILINE)
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("extra", ["server", "client"])
def test_the_locks_satisfy_the_project_file(extra: str) -> None:
    """`make lock` was run after the last change of a dependency."""
    wanted = [*PROJECT["project"]["dependencies"]]
    wanted += PROJECT["project"]["optional-dependencies"][extra]
    everything = [*wanted, *PROJECT["dependency-groups"]["dev"]]
    for lock, needed in ((f"{extra}.txt", wanted), ("dev.txt", everything)):
        kept = pins(ROOT / "requirements" / lock)
        for requirement in map(Requirement, needed):
            versions = kept.get(canonicalize_name(requirement.name), [])
            assert versions, f"{lock} lacks {requirement.name}: run `make lock`"
            assert all(v in requirement.specifier for v in versions), f"{lock}: {requirement}"


def test_the_embedded_store_is_in_no_lock_of_the_application() -> None:
    """It is GPL-2.0-only: a program beside ours, never a library in it (docs/adr/0002)."""
    for lock in LOCKS:
        assert ("secantusdb" in pins(lock)) == (lock.name == "embedded.txt")
