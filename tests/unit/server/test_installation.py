"""The data folder: made once, keys for the owner alone, never replaced, refused by name."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cencomm_config.errors import BadInstallation, SetupRefused, UnknownFormat
from cencomm_crypto.public.ids import LogId
from cencomm_server import installation
from cencomm_server.founding import Founding

LOG = LogId(b"L" * 16)


def test_what_init_makes_is_what_run_reads(tmp_path: Path) -> None:
    made = installation.create(tmp_path / "data", "cencomm.example")
    assert installation.load(tmp_path / "data") == made
    assert "sealing_key" not in repr(made)


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    installation.create(tmp_path / "data", "x")
    for name in ("log.key", "sealing.key", "setup.token"):
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


# -- the set-up token ---------------------------------------------------------------------------


def founding(folder: Path, state: object | None) -> Founding:
    """Of the installation in `folder`, beside a directory or none."""

    class Directory:
        def __init__(self) -> None:
            self.state: Any = state

        def reset_at(self, person: object) -> int:
            return -1

    return Founding(installation.load(folder), Directory())


def test_the_first_genesis_must_bring_the_token(tmp_path: Path) -> None:
    token = installation.create(tmp_path, "x").setup_token
    assert token is not None
    waiting = founding(tmp_path, None)
    for wrong in ("", "00" * 32, token.hex()[:-1], token.hex().upper() + "é"):
        with pytest.raises(SetupRefused):
            waiting.check(wrong)
    waiting.check(token.hex())
    waiting.done()
    assert not (tmp_path / "keys/setup.token").exists()
    assert installation.load(tmp_path).setup_token is None
    waiting.done()  # again: nothing to forget


def test_without_a_token_file_nobody_founds_and_with_a_directory_the_engine_answers(
    tmp_path: Path,
) -> None:
    token = installation.create(tmp_path, "x").setup_token
    assert token is not None
    installation.forget_setup_token(tmp_path)
    with pytest.raises(SetupRefused):
        founding(tmp_path, None).check(token.hex())
    founding(tmp_path, object()).check("")


# -- a change of the log key --------------------------------------------------------------------


def test_the_next_log_key_is_drawn_once_and_held_beside_the_present_one(tmp_path: Path) -> None:
    first = installation.create(tmp_path, "x")
    signer = first.signer()
    drawn = installation.make_next_log_key(installation.load(tmp_path))
    held = installation.load(tmp_path)
    assert (held.log_key, held.other_log_key) == (first.log_key, drawn)
    assert installation.make_next_log_key(held) == drawn
    assert signer.holds(drawn.public)  # a server that runs finds it by itself


def test_adopting_destroys_the_key_before_and_keeps_its_public_half(tmp_path: Path) -> None:
    first = installation.create(tmp_path, "x")
    note = first.signer().sign(LOG, 1, bytes(32), first.log_key.public)
    drawn = installation.make_next_log_key(first)
    held = installation.load(tmp_path)
    with pytest.raises(BadInstallation):
        installation.adopt_log_key(held, b"?" * 32)
    assert installation.adopt_log_key(held, first.log_key.public) == held  # not named yet
    now = installation.adopt_log_key(held, drawn.public)
    assert (now.log_key, now.other_log_key) == (drawn, None)
    assert now.past_log_keys == (first.log_key.public,)
    assert first.log_key.seed.hex() not in "".join(
        path.read_text() for path in (tmp_path / "keys").iterdir()
    )
    signer = now.signer()
    assert signer.open(LOG, note).size == 1
    assert not signer.holds(first.log_key.public)
    assert installation.adopt_log_key(now, drawn.public) == now


def test_a_crash_between_the_two_steps_of_adopting_loses_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = installation.create(tmp_path, "x")
    drawn = installation.make_next_log_key(first)
    honest = Path.replace

    def crash(path: Path, target: Path) -> Path:
        if path.name == "next.key":
            raise KeyboardInterrupt
        return honest(path, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        installation.adopt_log_key(installation.load(tmp_path), drawn.public)
    monkeypatch.undo()
    between = installation.load(tmp_path)
    assert (between.log_key, between.other_log_key) == (drawn, first.log_key)
    done = installation.adopt_log_key(between, drawn.public)
    assert (done.log_key, done.other_log_key) == (drawn, None)
