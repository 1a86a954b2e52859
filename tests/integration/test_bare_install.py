"""The wheel, built without a network and installed into an empty environment, is all one needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cencomm_crypto", "cencomm_config", "cencomm_server", "cencomm_client")
WITHIN_S = 240
# Nothing of this checkout or of the interpreter that runs the tests may be found by the new one.
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME") and not name.startswith("CENCOMM_")
}


def run(*words: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a program to its end; its standard output."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr[-4000:])
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git knows, so that neither build leftovers nor tests get in."""
    folder = tmp_path_factory.mktemp("wheel")
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in files.split("\0"):
        source = ROOT / name
        if name and source.is_file():
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    run(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--disable-pip-version-check", "--quiet", "--wheel-dir", folder, folder / "source"),
        cwd=folder,
    )
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the locked packages and the wheel; its folder of programs.

    The packages come out of this environment, file by file as installed under their hashes: the
    test needs no network, and what only developers have is not there.
    """
    folder = tmp_path_factory.mktemp("bare")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    for name, version in locked("server") | locked("client"):
        copy_installed(name, version, Path(where.strip()))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    run(*pip, "check", cwd=folder)
    return python.parent


def locked(extra: str) -> set[tuple[str, str]]:
    """Name and version of what a lock file asks for on this machine."""
    text = (ROOT / f"requirements/{extra}.txt").read_text()
    found = set()
    for line in re.findall(r"^([A-Za-z0-9][^\\\n]*)", text, re.M):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            found.add((wanted.name, str(wanted.specifier).removeprefix("==")))
    return found


def copy_installed(name: str, version: str, target: Path) -> None:
    """Copy a package's files, without its programs, from this environment; compiled as they are."""
    distribution = metadata.distribution(name)
    assert distribution.version == version, f"{name}: run `make setup`"
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / file)


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)
    assert all(f"{package}/py.typed" in names for package in PACKAGES)
    in_git = run("git", "ls-files", "config/cencomm_config", cwd=ROOT).splitlines()
    data = {name.removeprefix("config/") for name in in_git if not name.endswith(".py")}
    assert data
    assert data <= set(names)


def test_everything_runs_from_the_bare_environment(
    bare: Path, tmp_path: Path, embedded_program: Path
) -> None:
    places = run(
        *(bare / "python", "-I", "-c"),
        "import cencomm_client.cli, cencomm_server.cli, cencomm_crypto, cencomm_config as c;"
        "print(c.__file__)",
        cwd=tmp_path,
    )
    assert str(bare.parent) in places
    assert "Create, show and run operations" in run(bare / "cencomm", "--help", cwd=tmp_path)
    data = tmp_path / "data"
    made = run(
        *(bare / "cencomm-server", "init", "--data", data, "--name", "bare.example", "--json"),
        cwd=tmp_path,
    )
    assert len(json.loads(made)["log_key"]) == 64
    settings = f'embedded_program = "{embedded_program}"\nembedded_cache_mb = 64\n'
    (data / "cencomm.toml").write_text(settings)
    report = json.loads(
        run(bare / "cencomm-server", "doctor", "--data", data, "--json", cwd=tmp_path)
    )
    assert report["ok"], report
