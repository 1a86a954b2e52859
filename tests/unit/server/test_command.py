"""`cencomm-server`: exit codes and answers that a program can rely on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from cencomm_server.cli import app
from typer.testing import CliRunner

runner = CliRunner()


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside; the commands' log lines go to a stream that ends with the test."""
    for name in [name for name in os.environ if name.startswith("CENCOMM_")]:
        monkeypatch.delenv(name)
    yield
    structlog.reset_defaults()


def told(*words: object) -> tuple[int, dict[str, Any]]:
    result = runner.invoke(app, [*map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_init_prints_the_public_log_key_the_setup_token_and_nothing_secret(tmp_path: Path) -> None:
    code, made = told("init", "--data", tmp_path, "--name", "cencomm.example")
    assert (code, made["name"]) == (0, "cencomm.example")
    assert len(bytes.fromhex(made["log_key"])) == 32
    assert made.pop("setup_token") == (tmp_path / "keys/setup.token").read_text().strip()
    for secret in (tmp_path / "keys").iterdir():
        assert secret.read_text().strip() not in json.dumps(made)


def test_init_twice_changes_nothing(tmp_path: Path) -> None:
    told("init", "--data", tmp_path, "--name", "x")
    before = (tmp_path / "keys" / "log.key").read_bytes()
    code, answer = told("init", "--data", tmp_path, "--name", "x")
    assert (code, answer["code"]) == (3, "bad_installation")
    assert (tmp_path / "keys" / "log.key").read_bytes() == before


def test_people_get_sentences(tmp_path: Path) -> None:
    result = runner.invoke(app, ["init", "--data", str(tmp_path), "--name", "x"])
    assert "genesis" in result.stdout
    result = runner.invoke(app, ["init", "--data", str(tmp_path), "--name", "x"])
    assert result.exit_code == 3
    assert "data folder is not complete" in result.stderr


@pytest.mark.parametrize("command", ["run", "export", "doctor"])
def test_without_a_data_folder_the_answer_says_init(command: str, tmp_path: Path) -> None:
    words = [command, "--data", tmp_path / "none"]
    if command == "export":
        words += ["--out", tmp_path / "out"]
    code, answer = told(*words)
    assert code == (5 if command == "doctor" else 3)
    assert "cencomm-server init" in json.dumps(answer)


def test_a_missing_embedded_program_is_named(tmp_path: Path) -> None:
    told("init", "--data", tmp_path, "--name", "x")
    (tmp_path / "cencomm.toml").write_text(f'embedded_program = "{tmp_path}/nothing"\n')
    code, answer = told("run", "--data", tmp_path, "--port", 0)
    assert (code, answer["code"]) == (3, "bad_installation")
    assert "make setup" in answer["detail"]
    code, report = told("doctor", "--data", tmp_path)
    assert (code, report["ok"]) == (5, False)
    assert {check["name"]: check["status"] for check in report["checks"]} == {
        "settings": "ok",
        "data folder": "ok",
        "operators": "warning",
        "disk": "ok",
        "store": "failed",
    }


def test_a_store_that_cannot_be_reached_has_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("init", "--data", tmp_path, "--name", "x")
    uri = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=200"
    monkeypatch.setenv("CENCOMM_STORE", uri)
    result = runner.invoke(app, ["run", "--data", str(tmp_path), "--port", "0", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (4, "store_down")
    assert "hunter2" not in result.output


def test_doctor_names_a_bad_setting_and_a_mistyped_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENCOMM_LOGIN_TRIES", "many")
    code, report = told("doctor", "--data", tmp_path)
    assert code == 5
    assert "login_tries" in report["checks"][0]["detail"]
    monkeypatch.delenv("CENCOMM_LOGIN_TRIES")
    monkeypatch.setenv("CENCOMM_LOGIN_TRYS", "5")
    _, report = told("doctor", "--data", tmp_path)
    assert report["checks"][0]["status"] == "warning"
    assert "CENCOMM_LOGIN_TRYS" in report["checks"][0]["detail"]


def test_doctor_reads_well_for_people(tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--data", str(tmp_path)])
    assert result.exit_code == 5
    assert "Something is wrong." in result.stdout


def test_listen_and_port_exclude_each_other(tmp_path: Path) -> None:
    words = ["run", "--data", str(tmp_path), "--listen", "127.0.0.1:1", "--port", "1"]
    assert runner.invoke(app, words).exit_code == 2


def test_a_taken_port_is_a_setting_to_mend(tmp_path: Path) -> None:
    code, answer = told("run", "--data", tmp_path, "--listen", "x")
    assert (code, answer["code"]) == (3, "bad_settings")
