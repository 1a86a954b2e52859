"""The data folder: made once, keys for the owner alone, never replaced, refused by name."""

import json
import stat
from pathlib import Path

import pytest
from cencomm_config.errors import BadInstallation, UnknownFormat
from cencomm_server import installation


def test_what_init_makes_is_what_run_reads(tmp_path: Path) -> None:
    made = installation.create(tmp_path / "data", "cencomm.example")
    assert installation.load(tmp_path / "data") == made
    assert "sealing_key" not in repr(made)


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    installation.create(tmp_path / "data", "x")
    for name in ("log.key", "sealing.key"):
        path = tmp_path / "data" / "keys" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o640)
        with pytest.raises(BadInstallation, match=f"{name} has mode 0640"):
            installation.load(tmp_path / "data")
        path.chmod(0o600)


def test_nothing_is_ever_replaced(tmp_path: Path) -> None:
    made = installation.create(tmp_path, "x")
    with pytest.raises(BadInstallation, match="already"):
        installation.create(tmp_path, "y")
    assert installation.load(tmp_path) == made


@pytest.mark.parametrize("name", ["", "a b", "a+b", "é", "a" * 65, "-a", "a\n"])
def test_a_name_that_cannot_stand_in_a_note_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInstallation, match="name"):
        installation.create(tmp_path, name)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInstallation, match="init"):
        installation.load(tmp_path)


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    installation.create(tmp_path, "x")
    about = tmp_path / "deployment.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "format": 2}))
    with pytest.raises(UnknownFormat, match="format 2"):
        installation.load(tmp_path)


@pytest.mark.parametrize("damage", ["", "zz", "ab" * 31, "{"])
@pytest.mark.parametrize("name", ["deployment.json", "keys/log.key", "keys/sealing.key"])
def test_damage_is_named(tmp_path: Path, name: str, damage: str) -> None:
    installation.create(tmp_path, "x")
    (tmp_path / name).write_text(damage)
    with pytest.raises(BadInstallation, match=Path(name).name.replace(".", r"\.")):
        installation.load(tmp_path)


def test_an_exchanged_log_key_is_noticed(tmp_path: Path) -> None:
    installation.create(tmp_path, "x")
    (tmp_path / "keys/log.key").write_text("11" * 32)
    with pytest.raises(BadInstallation, match="not the key"):
        installation.load(tmp_path)
