"""The checks that `crypto/web` has of its own: types, tests, build, size, lock file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.web.node import MAX_GZIP_BYTES, TSC, VITEST, WEB, gzip_sizes, run


def test_the_types_hold() -> None:
    run(TSC, "--noEmit")


@pytest.mark.timeout(600)
def test_its_own_tests_pass() -> None:
    """Every file of vectors is read there; in Chromium too, where there is one."""
    output = run(VITEST, "run", timeout_s=580)
    assert re.search(r"Tests\s+[1-9]\d* passed", output), output


def test_it_builds_and_stays_small(tmp_path: Path) -> None:
    sizes = gzip_sizes(tmp_path)
    assert sum(sizes.values()) <= MAX_GZIP_BYTES, sizes


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_public_never_imports_member() -> None:
    """As import-linter holds of the Python: `public` can derive no key that opens content."""
    for path in (WEB / "src/public").rglob("*.ts"):
        assert not re.search(r"""from ["'].*/member/""", path.read_text(encoding="utf-8")), path
